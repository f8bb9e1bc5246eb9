"""Electricity meters of the simulated city: whose they are, and what flows through them in half hours.

What they send about it, and wrongly, is in meter_readings.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator.detectors import CENTRE, DISTRICTS
from pipelines.simulator.faults import FaultRates, some
from schemas.city import City

INTERVAL_S = 1800
CLASSES = ("household", "solar_household", "shop", "office", "workshop")
SHARES = (0.68, 0.1, 0.1, 0.08, 0.04)
MEAN_KW = np.array([0.38, 0.42, 3.2, 7.5, 18.0])
METERS_PER_FEEDER, HEADROOM = 25, 1.35
OFFSETS_S = np.array([3600, -3600, 1800])


def lay_out(rng: np.random.Generator, rows: int, seconds: int, rates: FaultRates) -> pl.DataFrame:
    """Meters enough for about `rows` readings in `seconds`, with their faults of unit and clock."""
    n = max(1, round(rows * INTERVAL_S / seconds))
    kind = rng.choice(len(CLASSES), n, p=SHARES)
    small = kind <= 1
    milli = some(rng, rates.milliwatt_hours, n) & small
    if rates.milliwatt_hours and not milli.any() and small.any():
        milli[np.flatnonzero(small)[0]] = True
    district = rng.choice(DISTRICTS, n)
    return pl.DataFrame(
        {
            "meter_id": [f"M{i + 1:06d}" for i in range(n)],
            "meter_class": [CLASSES[k] for k in kind],
            "district": district,
            "energy_factor": np.where(milli, 0.001, 1.0),
            "clock_offset_s": np.where(some(rng, rates.clock_offset, n), rng.choice(OFFSETS_S, n), 0),
            "kind": kind.astype(np.int8),
            "mean_kw": MEAN_KW[kind] * rng.lognormal(-0.08, 0.4, n),
            "solar_kw": np.where(kind == 1, rng.uniform(2, 7, n), 0.0),
        }
    ).with_columns(feeder_id=pl.format("F-{}-{}", pl.col("district").str.replace(" ", "-"), _number_in_district()))


def _number_in_district() -> pl.Expr:
    """Neighbours hang on the same feeder."""
    return pl.int_range(pl.len()).over("district") // METERS_PER_FEEDER + 1


def feeders(meters: pl.DataFrame) -> pl.DataFrame:
    """The feeders of some meters, rated for a third more than they usually carry at most on a weekday."""
    hour = np.arange(0, 24, 0.5)
    usual = shapes(hour, 1)[:, meters["kind"].to_numpy()] * meters["mean_kw"].to_numpy()
    place = meters.with_row_index("meter").group_by("feeder_id", maintain_order=True).agg("meter", pl.col("district").first())
    most = [usual[:, list(of)].sum(axis=1).max() for of in place["meter"]]
    lat = [CENTRE[0] + 0.03 * np.sin(2.4 * i) for i in range(place.height)]
    lon = [CENTRE[1] + 0.05 * np.cos(2.4 * i) for i in range(place.height)]
    return place.select(
        "feeder_id",
        "district",
        rated_kw=pl.Series(np.round(np.array(most) * HEADROOM, 1)),
        lat=pl.Series(lat).round(5),
        lon=pl.Series(lon).round(5),
    )


def shapes(hour: np.ndarray, weekday: int) -> np.ndarray:
    """Load over its mean by local hour (rows) and class (columns), for a weekday or a weekend day."""

    def hump(centre: float, width: float) -> np.ndarray:
        return np.exp(-0.5 * (((hour - centre + 12) % 24 - 12) / width) ** 2)

    def open_hours(start: float, end: float) -> np.ndarray:
        return 1 / (1 + np.exp(-3 * (hour - start))) / (1 + np.exp(3 * (hour - end)))

    work = weekday < 5
    home = 0.45 + (0.9 * hump(7.3, 1.0) if work else 0.8 * hump(10.5, 2.2)) + 0.35 * hump(12.8, 1.8) + 1.7 * hump(19.6, 2.2)
    shop = 0.35 + (1.5 if weekday < 6 else 0.25) * open_hours(8.5, 20)
    office = 0.4 + (1.6 if work else 0.15) * open_hours(7.5, 18)
    workshop = 0.3 + (1.9 if work else 0.1) * open_hours(6.2, 15.5)
    return np.stack([home, home, shop, office, workshop], axis=1)


def flowing(
    rng: np.random.Generator, city: City, meters: pl.DataFrame, start: int, end: int, overloads: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Energy of each half hour that begins in [start, end), epoch seconds, in whole Wh; solar homes draw the rest of the sun.

    Args:
        overloads: feeders that draw more for a while, as `mishaps.overloads` gives it.
    """
    times = np.arange(start, end, INTERVAL_S)
    local = pl.from_epoch(pl.Series(times), "s").dt.replace_time_zone("UTC").dt.convert_time_zone(city.zone)
    hour = (local.dt.hour() + local.dt.minute() / 60 + 0.25).to_numpy()
    kind = meters["kind"].to_numpy()
    load = shapes(hour, local.dt.weekday()[0] - 1)[:, kind] * meters["mean_kw"].to_numpy()
    load *= rng.lognormal(-0.06, 0.35, load.shape)
    sun = np.clip(np.sin(np.pi * (hour - 6) / 14), 0, None) ** 1.5 * rng.uniform(0.35, 1.0)
    load = np.maximum(load - sun[:, None] * meters["solar_kw"].to_numpy() * rng.uniform(0.7, 1, load.shape), 0)
    for one in overloads.iter_rows(named=True) if overloads is not None else ():
        hours = (times >= one["start_s"]) & (times < one["end_s"])
        load[np.ix_(hours, (meters["feeder_id"] == one["feeder_id"]).to_numpy())] *= one["factor"]
    n = meters.height
    return pl.DataFrame(
        {
            "meter": np.tile(np.arange(n, dtype=np.int32), len(times)),
            "at": np.repeat(times, n),
            "wh": np.round(load * 1000 * INTERVAL_S / 3600).ravel().astype(np.int64),
            "is_estimated": rng.random(load.size) < 0.01,
        }
    )
