"""A lake with a year of metrics of a city, as made-up rows of the contracts: what a dashboard asks is asked of it.

Rows are plausible in number, spread and order; they are no simulation, and nobody reads meaning into them.
"""

from datetime import date, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from schemas.city import City
from schemas.column import Column
from schemas.contract import Contract
from schemas.lake import Lake
from schemas.registry import metrics

CITY = City("Bench", "Europe/Berlin")
FIRST = date(2025, 1, 1)
DISTRICTS = tuple(f"district {n}" for n in range(12))
MINUTES = {"traffic_15min": 15, "traffic_hourly": 60, "energy_load_30min": 30}
BY_DAY = ("traffic_daily", "energy_daily")


def make(root: str, detectors: int, days: int) -> dict[str, int]:
    """Fill a lake under `root`; rows of each metric."""
    lake, made = Lake(Path(root) / "lake"), {}
    for name in (*MINUTES, *BY_DAY):
        contract = metrics()[name]
        where = places(contract, detectors)
        layer = "published" if contract.is_gated else "metrics"
        parts = []
        for back in range(days):
            day = FIRST + timedelta(days=back)
            parts.append(lake.write_part(layer, name, day, "a", rows(contract, layer, where, day)))
        lake.replace(layer, name, contract.arrow_schema(layer), parts)
        made[name] = sum(p.rows for p in parts)
    return made


def places(contract: Contract, detectors: int) -> pl.DataFrame:
    """The rows of one bin: the detectors, roads, or classes of customers in districts."""
    if "sensor_id" in contract or "road" in contract.key:
        count = detectors if "sensor_id" in contract else max(detectors // 10, 1)
        number = pl.int_range(count, eager=True)
        return pl.DataFrame(
            {
                "sensor_id": "S" + number.cast(pl.String).str.zfill(5),
                "road": "road " + (number // 10 if "sensor_id" in contract else number).cast(pl.String).str.zfill(3),
                "district": pl.Series([DISTRICTS[n % len(DISTRICTS)] for n in number]),
            }
        )
    kinds = product(("residential", "business", "industry", "public"), DISTRICTS, ("delivered", "received"))
    return pl.DataFrame(list(kinds), schema=["meter_class", "district", "direction"], orient="row")


def rows(contract: Contract, layer: str, where: pl.DataFrame, day: date) -> pl.DataFrame:
    """A day of a metric: every place in every bin, with numbers that follow the time of day."""
    start = CITY.day_start(day).astimezone(ZoneInfo("UTC"))
    minutes = MINUTES.get(contract.name, 24 * 60)
    bins = round(CITY.day_seconds(day) / 60 / minutes) if contract.name in MINUTES else 1
    at = pl.Series("bin_at", [start + timedelta(minutes=minutes * n) for n in range(bins)], pl.Datetime("us", "UTC"))
    frame = where.join(at.to_frame(), how="cross").with_columns(CITY.local(pl.col("bin_at")).alias("local_time"))
    random = np.random.default_rng([day.toordinal(), minutes])
    hour = frame["local_time"].dt.hour().to_numpy()
    shape = 0.2 + np.sin(np.clip(hour - 5, 0, 17) / 17 * np.pi)
    have = set(frame.columns)
    filled = [_filled(c, shape, random) for c in contract.stage_columns(layer) if c.name not in have and c.name != "event_date"]
    body = frame.with_columns(filled)
    return body.select(n for n in contract.polars_schema(layer) if n != "event_date").cast(
        {n: t for n, t in contract.polars_schema(layer).items() if n != "event_date"}
    )


def _filled(column: Column, shape: np.ndarray, random: np.random.Generator) -> pl.Series:
    """Values of a column: counts are whole, sums and shares have few digits, ratios all; one in fifty that may be empty is."""
    size, high = len(shape), 1.0 if column.maximum is None else column.maximum
    if column.kind == "string":
        value = "published" if column.name == "release" else (column.allowed or ("x",))[0]
        return pl.Series(column.name, [None if column.name == "null_reason" else value] * size, pl.String)
    if column.kind == "instant":
        return pl.Series(column.name, [None] * size, pl.Datetime("us", "UTC"))
    if column.kind == "int" or column.unit in ("veh", "rows"):
        values = random.poisson(120 * shape).astype(float)
    else:
        values = min(high, 100.0) * shape / 1.3 * random.random(size)
        if column.unit == "share" or (column.formula or "").startswith("sum"):
            values = values.round(2)
    series = pl.Series(column.name, values)
    if column.nullable:
        series = pl.select(pl.when(pl.Series(random.random(size) >= 0.02)).then(series)).to_series().alias(column.name)
    return series.cast(column.dtype)
