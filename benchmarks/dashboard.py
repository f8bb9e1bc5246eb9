"""A dashboard's questions to citylake.duckdb over a year of metrics: how long they take, and what writing the file takes.

The city has 500 detectors: 17.5 million rows of traffic_15min. How its rows are made is in dashboard_year.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np

from benchmarks.contender import Contender
from benchmarks.dashboard_year import FIRST
from benchmarks.result import Result, alone, keeps, show

LIMIT_MS = 100.0
MIB = 1 << 20
MONTH = "event_date BETWEEN '{first}' AND '{last}'"
QUESTIONS = {
    "daily volume by district, year": (
        "SELECT event_date, district, sum(volume_veh), sum(vehicle_km) / nullif(sum(vehicle_h), 0) "
        "FROM metrics.traffic_hourly GROUP BY ALL ORDER BY ALL"
    ),
    "hour x weekday, year": (
        "SELECT isodow(event_date), hour(local_time), sum(volume_veh) FROM metrics.traffic_hourly GROUP BY ALL ORDER BY ALL"
    ),
    "hour x weekday of a district, month": (
        "SELECT isodow(event_date), hour(local_time), sum(delay_veh_h) FROM metrics.traffic_hourly "
        f"WHERE district = 'district 3' AND {MONTH} GROUP BY ALL ORDER BY ALL"
    ),
    "20 detectors with most delay, year": (
        "SELECT sensor_id, any_value(road), sum(delay_veh_h) AS delay FROM metrics.traffic_hourly "
        "GROUP BY 1 ORDER BY 3 DESC LIMIT 20"
    ),
    "10 roads with most delay, year": (
        "SELECT road, sum(delay_veh_h) AS delay FROM metrics.traffic_daily GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
    ),
    "percentiles of speed by district, month": (
        "SELECT district, quantile_cont(space_mean_speed_kmh, [0.5, 0.85, 0.95]) FROM metrics.traffic_hourly "
        f"WHERE {MONTH} GROUP BY ALL ORDER BY ALL"
    ),
    "percentiles of speed of a district by month, year": (
        "SELECT date_trunc('month', event_date), quantile_cont(space_mean_speed_kmh, [0.5, 0.85, 0.95]) "
        "FROM metrics.traffic_hourly WHERE district = 'district 3' GROUP BY ALL ORDER BY ALL"
    ),
    "quarter hours of a detector, month": (
        f"SELECT bin_at, flow_veh_h, null_reason FROM metrics.traffic_15min WHERE sensor_id = 'S00003' AND {MONTH} ORDER BY 1"
    ),
    "load curve by class, year": (
        "SELECT meter_class, hour(local_time), sum(energy_kwh) FROM metrics.energy_load_30min GROUP BY ALL ORDER BY ALL"
    ),
    "daily energy and peak by district, year": (
        "SELECT event_date, district, sum(energy_kwh), max(peak_kw) FROM metrics.energy_daily GROUP BY ALL ORDER BY ALL"
    ),
    "hours without coverage, month": (
        "SELECT h.event_date, count(*) FROM hourly('{first}', '{last}') AS h LEFT JOIN metrics.traffic_hourly AS t "
        "ON t.event_date = h.event_date AND t.bin_at = h.bin_at AND t.coverage_share > 0.5 GROUP BY ALL ORDER BY ALL"
    ),
}
"""What a dashboard asks: series, heat maps, top lists and percentiles, over the year or a month that was chosen."""
HEAVY = {
    "percentiles of speed by district, every hour of the year": (
        "SELECT district, quantile_cont(space_mean_speed_kmh, [0.5, 0.85, 0.95]) FROM metrics.traffic_hourly "
        "GROUP BY ALL ORDER BY ALL"
    ),
    "daily volume by district from quarter hours, year": (
        "SELECT event_date, district, sum(volume_veh) FROM metrics.traffic_15min GROUP BY ALL ORDER BY ALL"
    ),
}
"""What an analyst may ask besides; nothing is aimed at."""


def measure(folder: Path, detectors: int, days: int, rounds: int, tell: Callable[[str], None]) -> list[Result]:
    """The lines of the table about the dashboard."""
    tell(f"making {days} days of metrics")
    with Contender() as maker:
        rows = sum(maker.call("dashboard_year:make", folder, detectors, days).value.values())
    with Contender() as writer:
        tell("writing the DuckDB file")
        whole = writer.call("dashboard_ours:write", folder, False)
        tell("writing it again with a new last month")
        again = writer.call("dashboard_ours:write", folder, True)
        size = writer.call("dashboard_ours:size", folder).value
    last = FIRST + timedelta(days=days - 1)
    span = {"first": last - timedelta(days=29), "last": last}
    tell("asking what a dashboard asks")
    with Contender() as reader:
        asked = [q.format(**span) for q in (*QUESTIONS.values(), *HEAVY.values())]
        told = reader.call("dashboard_ours:ask", folder, asked, rounds).value
    taken = dict(zip((*QUESTIONS, *HEAVY), told["wall"], strict=True))
    p95, used = (_p95([ms for times in told[clock][: len(QUESTIONS)] for ms in times]) for clock in ("wall", "processor"))
    ratio, aim = p95 / LIMIT_MS, "<= 1"
    title = f"p95 of a dashboard's {len(QUESTIONS)} questions, {days} days, {rows / 1e6:,.1f} million rows"
    return [
        Result(title, "ms", p95, LIMIT_MS, f"{LIMIT_MS:.0f} ms", ratio, aim, keeps(ratio, aim)),
        alone("p95 of their processor time, all threads", "ms", used),
        *(alone(f"p95 of: {name}", "ms", _p95(times)) for name, times in taken.items()),
        alone("write the DuckDB file whole", "s", whole.value),
        alone("write it again where a month of each metric changed", "s", again.value),
        alone("peak memory of writing it", "MiB", again.peak_bytes / MIB),
        alone("size of the DuckDB file", "MiB", size / MIB),
    ]


def _p95(times: list[float]) -> float:
    return float(np.percentile(times, 95))


def main() -> int:
    """Measure a city alone and show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detectors", type=int, default=20)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="citylake-dashboard-") as folder:
        show(measure(Path(folder), asked.detectors, asked.days, asked.rounds, print), ())
    return 0


if __name__ == "__main__":
    sys.exit(main())
