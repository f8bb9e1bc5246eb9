"""A refined day of quarter-hour readings of many meters, with the days that its measuring looks at, and their reference table.

What is made of them is timed elsewhere.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from schemas import registry
from schemas.city import City
from schemas.lake import Lake

DAY = date(2025, 5, 6)
CITY = City("Bench", "Europe/Berlin")
QUARTERS = 96
GAPS = {0: 4, 1: 30}
"""Of a hundred meters so many have a gap, of so many quarters: one short, one long."""
FEED = "meter_readings"


def make(folder: str, readings: int) -> int:
    """Write `lake` with the day, the day before it and the same weekday a week before; returns how many readings the day has."""
    lake, meters = Lake(f"{folder}/lake"), max(1, readings // QUARTERS)
    contract = registry.feed(FEED)
    parts = []
    for back in (7, 1, 0):
        day = DAY - timedelta(days=back)
        frame = _day(day, meters, has_gaps=back == 0)
        parts.append(lake.write_part("refined", FEED, day, f"bench-{back}", frame))
    lake.replace("refined", FEED, contract.arrow_schema("refined"), parts)
    _reference(lake, meters)
    return parts[-1].rows


def _ids(meters: int) -> pl.Series:
    return pl.Series("meter_id", [f"meter-{i:07d}" for i in range(meters)])


def _day(day: date, meters: int, has_gaps: bool) -> pl.DataFrame:
    rng = np.random.default_rng(day.toordinal())
    start = CITY.day_start(day).astimezone(UTC)
    meter, quarter = np.repeat(np.arange(meters), QUARTERS), np.tile(np.arange(QUARTERS), meters)
    kept = np.ones(meter.size, bool)
    if has_gaps:
        for of_hundred, length in GAPS.items():
            kept &= ~((meter % 100 == of_hundred) & (quarter >= 40) & (quarter < 40 + length))
    meter, quarter = meter[kept], quarter[kept]
    shape = 0.1 + 0.1 * np.sin((quarter - 30) * np.pi / 48) ** 2
    begun = pl.Series("begun", start.timestamp() + quarter * 900.0).cast(pl.Int64) * 1_000_000
    began = begun.cast(pl.Datetime("us", "UTC"))
    at = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
    given = {
        "meter_id": _ids(meters).gather(meter),
        "register": pl.lit("total"),
        "ended_at": began + timedelta(seconds=900),
        "interval_s": pl.lit(900, pl.Int64),
        "energy_kwh": pl.Series(np.round(shape * rng.gamma(2, 0.5, meter.size), 3)),
        "quality": pl.lit("valid"),
        "direction": pl.lit("delivered"),
        "local_time": began.dt.convert_time_zone(CITY.zone).dt.replace_time_zone(None),
        "_versions": pl.lit(1, pl.Int64),
        "_source": pl.lit("bench.parquet"),
        "_position": pl.int_range(meter.size, dtype=pl.Int64, eager=True),
        "_received_at": pl.lit(at).cast(pl.Datetime("us", "UTC")),
        "_landed_at": pl.lit(at).cast(pl.Datetime("us", "UTC")),
        "_contract_version": pl.lit(1, pl.Int64),
    }
    contract = registry.feed(FEED)
    columns = {n: t for n, t in contract.polars_schema("refined").items() if n != "event_date"}
    size = pl.DataFrame({"": pl.Series([None] * meter.size, dtype=pl.Null)})
    return size.select((_as_expr(given.get(n))).cast(t).alias(n) for n, t in columns.items())


def _as_expr(value: Any) -> pl.Expr:
    return value if isinstance(value, pl.Expr) else pl.lit(value)


def _reference(lake: Lake, meters: int) -> None:
    contract = registry.references()["meters"]
    given = {
        "meter_id": _ids(meters),
        "valid_from": pl.lit(datetime(2020, 1, 1, tzinfo=UTC)).cast(pl.Datetime("us", "UTC")),
        "meter_class": pl.Series([("household", "shop", "office", "workshop")[i % 4] for i in range(meters)]),
        "district": pl.Series([f"district {i % 25:02d}" for i in range(meters)]),
        "energy_factor": pl.lit(1.0),
        "clock_offset_s": pl.lit(0, pl.Int64),
    }
    size = pl.DataFrame({"": pl.Series([None] * meters, dtype=pl.Null)})
    frame = size.select(_as_expr(given.get(n)).cast(t).alias(n) for n, t in contract.polars_schema("reference").items())
    part = lake.write_part("reference", "meters", None, "bench", frame.sort(contract.key))
    lake.replace_table("reference", "meters", contract.arrow_schema("reference"), part)
