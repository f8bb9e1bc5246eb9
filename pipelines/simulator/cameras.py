"""Cameras of the simulated city: where they hang, and what their analytics conclude on a day.

What they send about it, and wrongly, is in camera_events.py; crashes are made in crashes.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator import districts
from pipelines.simulator.clockwork import drawn, local_hours, weekday
from pipelines.simulator.detectors import DISTRICTS
from pipelines.simulator.faults import FaultRates, some
from schemas.city import City

ROLES = ("square", "road", "gate")
BEHIND_S = -120
"""What clocks that are wrong are off by: an event that is stamped after its receipt would be refused."""
COUNT_S = 300
"""Between two counts of people."""
USUAL, PACKED = 0.12, (5.8, 7.5)
"""People per square metre: of a square at its usual peak; of a crowd that is in danger."""
FALSE_A_DAY = {"person_down": 0.25, "wrong_way": 0.12, "intrusion": 0.7, "abandoned_object": 0.3, "watchlist_alert": 0.05}
"""Alerts a day and camera of the right role behind which there is no crash."""
WATCHED_BY = {"person_down": "square", "wrong_way": "road", "intrusion": "gate"}


def lay_out(rng: np.random.Generator, n: int, rates: FaultRates) -> pl.DataFrame:
    """Cameras: on squares (which count people), roads and gates by turns, with their clocks."""
    role = np.arange(n) % len(ROLES)
    district = np.where(role == 0, np.where(rng.random(n) < 0.6, 1, 0), rng.integers(0, len(DISTRICTS), n))
    lat, lon = districts.somewhere(rng, district)
    return pl.DataFrame(
        {
            "camera_id": [f"K{i + 1:03d}" for i in range(n)],
            "role": [ROLES[r] for r in role],
            "area_m2": np.where(role == 0, rng.integers(4, 30, n) * 50.0, rng.integers(4, 12, n) * 10.0),
            "crowd": np.where(np.arange(n) % 6 == 0, "standing", "walking"),
            "district": [DISTRICTS[d] for d in district],
            "clock_offset_s": np.where(some(rng, rates.clock_offset, n), BEHIND_S, 0),
            "lat": lat,
            "lon": lon,
        }
    )


def concluded(
    rng: np.random.Generator, city: City, cameras: pl.DataFrame, crashes: pl.DataFrame, start: int, end: int
) -> pl.DataFrame:
    """What the cameras conclude in [start, end), epoch seconds, sorted by time.

    Args:
        crashes: as `crashes.happened` gives them; a camera that watches one says so some seconds later.

    Returns:
        camera (row), kind, captured_at, latency_s, confidence, people_count, crash (its number, or null).
    """
    parts = [_crowds(rng, city, cameras, start, end), _alone(rng, city, cameras, start, end), _crashes(rng, crashes)]
    seen = pl.concat(parts, how="diagonal_relaxed").filter(pl.col("captured_at") < end).sort("captured_at", "camera")
    return seen.with_columns(
        latency_s=np.maximum(1, np.round(rng.lognormal(0.9, 0.6, seen.height))).astype(np.int64),
        confidence=np.round(rng.uniform(0.55, 0.99, seen.height), 3),
    )


def _crowds(rng: np.random.Generator, city: City, cameras: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """Counts of people on squares; on some of them a crowd gathers once a day, and is too dense for a while."""
    squares = np.flatnonzero((cameras["role"] == "square").to_numpy())
    area = cameras["area_m2"].to_numpy()[squares]
    at = np.arange(start, end, COUNT_S)
    hour = local_hours(city, at)[:, None]
    usual = 0.05 + np.exp(-0.5 * ((hour - 13) / 2.5) ** 2) + (1.2 if weekday(city, start) > 3 else 0.8) * np.exp(
        -0.5 * ((hour - 18.5) / 2) ** 2
    )  # fmt: skip
    density = USUAL * usual * rng.lognormal(0, 0.1, (len(at), len(squares)))
    for place in np.flatnonzero(some(rng, 0.3, len(squares)) if len(squares) > 1 else np.ones(len(squares), bool)):
        peak = start + rng.integers(10 * 3600, 20 * 3600)
        gathering = rng.uniform(*PACKED) * np.exp(-0.5 * ((at - peak) / rng.uniform(1500, 2700)) ** 4)
        density[:, place] = np.maximum(density[:, place], gathering)
    return pl.DataFrame(
        {
            "camera": np.broadcast_to(squares, density.shape).ravel(),
            "kind": "crowd_count",
            "captured_at": np.repeat(at, len(squares)),
            "people_count": rng.poisson(density * area).ravel().astype(np.int64),
        }
    )


def _alone(rng: np.random.Generator, city: City, cameras: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """Alerts behind which there is no crash; intruders come by night."""
    parts = []
    hour = local_hours(city, np.arange(start, end, 900))
    shape = {"intrusion": np.where((hour < 5) | (hour > 22), 1.0, 0.05)}
    for kind, a_day in FALSE_A_DAY.items():
        by = np.flatnonzero((cameras["role"] == WATCHED_BY.get(kind, "square")).to_numpy())
        rate = shape.get(kind, np.where((hour > 6) & (hour < 23), 1.0, 0.2))
        at = drawn(rng, rate * a_day * len(by) * 4 / rate.sum(), 900)
        at = start + at.astype(np.int64)
        parts.append(pl.DataFrame({"camera": by[rng.integers(0, max(len(by), 1), len(at))] if len(at) else [], "captured_at": at})
                     .with_columns(pl.col("camera").cast(pl.Int64), kind=pl.lit(kind)))  # fmt: skip
    return pl.concat(parts)


def _crashes(rng: np.random.Generator, crashes: pl.DataFrame) -> pl.DataFrame:
    seen = crashes.filter(pl.col("camera") >= 0)
    wrong_way = (seen["injured"] + seen["killed"] == 0) | pl.Series(rng.random(seen.height) < 0.2)
    return seen.select(
        "camera",
        kind=pl.when(wrong_way).then(pl.lit("wrong_way")).otherwise(pl.lit("person_down")),
        captured_at=pl.col("at") + pl.Series(rng.integers(1, 9, seen.height)),
        crash="crash_id",
    )
