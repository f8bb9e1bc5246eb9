"""The events all contenders land: detector minutes as JSON lines of about 240 bytes, the same for the same arguments.

Faults of real feeds are the simulator's; here only the stated shares of malformed and out-of-range lines.
"""

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

MINUTES = 1440
AT_ONCE = 500_000
START = datetime(2025, 5, 5)
FAULT_EVERY = 100
"""Of every hundred lines of a dirty file one is cut short and one is out of range: 1 % each, spread evenly."""


def write(path: str | Path, rows: int, dirty: bool = False, start: str | datetime = START, sensors: int | None = None) -> None:
    """Write a day of one-minute counts as JSON lines in the contract's own names, with a nested object beside them.

    Args:
        start: the instant at which the day begins, in UTC without saying so.
        sensors: how many detectors report, each minute in turn; by default as many as fill the day.
    """
    path, start = Path(path), datetime.fromisoformat(start) if isinstance(start, str) else start
    sensors = sensors or max(1, -(-rows // MINUTES))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for first in range(0, rows, AT_ONCE):
            lines = _lines(first, min(rows, first + AT_ONCE), sensors, start, dirty)
            lines.write_csv(file, include_header=False, quote_style="never")


def kept(rows: int, dirty: bool = False) -> int:
    """How many rows of a file conform, where rows is a multiple of FAULT_EVERY."""
    return rows - 2 * (rows // FAULT_EVERY) if dirty else rows


def write_sensors(path: Path, sensors: int) -> None:
    """Write the reference table of the detectors as CSV."""
    number = pl.int_range(sensors, eager=True)
    frame = pl.DataFrame({"sensor_id": number}).select(
        sensor_id=_sensor(pl.col("sensor_id")),
        valid_from=pl.lit("2000-01-01T00:00:00Z"),
        road=pl.format("road-{}", pl.col("sensor_id") // 20),
        district=pl.format("district-{}", pl.col("sensor_id") % 12),
        lanes=pl.lit(2),
        free_flow_kmh=pl.lit(70.0),
        segment_km=pl.lit(0.5),
        effective_length_m=pl.lit(6.5),
        lat=52.4 + pl.col("sensor_id") % 100 / 500,
        lon=13.2 + pl.col("sensor_id") // 100 / 100,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_csv(path)


def _sensor(number: pl.Expr) -> pl.Expr:
    return pl.format("detector-{}", number.cast(pl.String).str.zfill(5))


def _lines(first: int, end: int, sensors: int, start: datetime, dirty: bool) -> pl.DataFrame:
    rng = np.random.default_rng([first, start.toordinal()])
    size, row = end - first, pl.int_range(first, end, eager=True)
    numbers = pl.DataFrame(
        {
            "row": row,
            "sensor": row % sensors,
            "minute": row // sensors % MINUTES,
            "count": rng.poisson(12, size),
            "speed": rng.normal(60, 8, size).clip(1, 200).round(1),
            "share": rng.beta(2, 15, size).round(4),
            "uptime": rng.integers(1, 1 << 24, size),
        }
    )
    observed_at = (pl.lit(start) + pl.duration(minutes=pl.col("minute"))).dt
    out_of_range = pl.col("row") % FAULT_EVERY == FAULT_EVERY // 2 if dirty else pl.lit(False)
    event = pl.struct(
        sensor_id=_sensor(pl.col("sensor")),
        lane=1 + pl.col("row") // sensors // MINUTES % 4,
        observed_at=observed_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        interval_s=pl.lit(60),
        vehicle_count=pl.col("count"),
        mean_speed_kmh=pl.when(out_of_range).then(999.0).otherwise(pl.col("speed")),
        occupancy_share=pl.col("share"),
        device=pl.struct(firmware=pl.lit("2.14.7"), uptime_s=pl.col("uptime"), cabinet=pl.lit("north-bank-07")),
    ).struct.json_encode()
    whole = numbers.select(pl.col("row"), line=event)
    if dirty:
        cut = pl.col("row") % FAULT_EVERY == FAULT_EVERY - 1
        whole = whole.with_columns(line=pl.when(cut).then(pl.col("line").str.head(150)).otherwise("line"))
    return whole.select("line")
