"""Car parks of the simulated city: who of the passing cars comes in, and how long they stay.

What their counters send about it, and wrongly, is in parking_occupancy.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator.detectors import clocks
from pipelines.simulator.faults import FaultRates

CAR_PARKS = 12
SHORT_STAY_MIN, LONG_STAY_MIN, SPREAD = 65.0, 500.0, 0.5
TURNS_A_DAY, SHORT_SHARE = 5.5, 0.72
LONGEST_MIN = 1440


def lay_out(rng: np.random.Generator, sensors: pl.DataFrame, rates: FaultRates, n: int = CAR_PARKS) -> pl.DataFrame:
    """Car parks, each beside a detector of traffic into the city: a share of the cars it counts comes in.

    Returns:
        facility_id, name, district, capacity, lat, lon, feeder (row of `sensors`), share (of the cars it counts).
    """
    ways = sensors.with_row_index("feeder").filter(pl.col("direction") == "inbound")
    ways = ways if ways.height else sensors.with_row_index("feeder")
    beside = ways[rng.permutation(ways.height)[np.arange(n) % ways.height]]
    capacity = rng.integers(6, 45, n) * 10
    daily = beside.select(pl.col("capacity") * pl.col("lanes") * pl.col("load") * 24 * 0.42).to_series().to_numpy()
    return pl.DataFrame(
        {
            "facility_id": [f"P{i + 1:02d}" for i in range(n)],
            "name": [f"{d} {i + 1}" for i, d in enumerate(beside["district"])],
            "district": beside["district"],
            "capacity": capacity,
            "lat": (beside["lat"] + rng.uniform(-0.002, 0.002, n)).round(5),
            "lon": (beside["lon"] + rng.uniform(-0.003, 0.003, n)).round(5),
            "clock_offset_s": _clocks(rng, n, rates),
            "feeder": beside["feeder"].cast(pl.Int64),
            "share": np.minimum(TURNS_A_DAY * capacity / daily, 0.5),
        }
    )


def is_wide(place: np.ndarray) -> np.ndarray:
    """Which car parks a central system polls; the others notify a broker, each by its own clock."""
    return place % 3 != 2


def _clocks(rng: np.random.Generator, n: int, rates: FaultRates) -> np.ndarray:
    own = np.flatnonzero(~is_wide(np.arange(n)))
    wrong = clocks(rng, n, rates)
    offset = np.zeros(n, np.int64)
    offset[own[-1:]] = wrong[wrong != 0][:1].sum()
    return offset


class CarParks:
    """Car parks over several days: cars that stay overnight leave on a later one."""

    def __init__(self, laid: pl.DataFrame) -> None:
        self.laid = laid
        self._leaving = np.zeros((LONGEST_MIN, laid.height), np.int64)

    def day(self, rng: np.random.Generator, traffic: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
        """A day [start, end), epoch seconds, minute by minute; who finds it full drives on.

        Args:
            traffic: what passed the detectors that day: sensor, at, interval_s, count.

        Returns:
            One row per car park and minute: facility (row of `laid`), at (its begin), arrived, left, occupied (until its end).
        """
        minutes, capacity = (end - start) // 60, self.laid["capacity"].to_numpy()
        coming = self._coming(rng, traffic, start, minutes)
        leaving = np.concatenate([self._leaving, np.zeros((minutes + LONGEST_MIN, len(capacity)), np.int64)])
        inside = self._leaving.sum(axis=0)
        arrived, left = np.zeros_like(coming), leaving[:minutes]
        occupied = np.zeros_like(coming)
        # a queue with losses has no closed form: one step a minute, over all car parks at once
        for minute in range(minutes):
            came = np.minimum(coming[minute], capacity - inside)
            stay = _stays(rng, int(came.sum()))
            np.add.at(leaving, (minute + stay, np.repeat(np.arange(len(came)), came)), 1)
            arrived[minute] = came
            inside = inside + came - left[minute]
            occupied[minute] = inside
        self._leaving = leaving[minutes : minutes + LONGEST_MIN]
        shape = (minutes, len(capacity))
        at = start + 60 * np.arange(minutes)
        return pl.DataFrame(
            {
                "facility": np.broadcast_to(np.arange(len(capacity)), shape).ravel(),
                "at": np.repeat(at, len(capacity)),
                "arrived": arrived.ravel(),
                "left": left.ravel(),
                "occupied": occupied.ravel(),
            }
        )

    def _coming(self, rng: np.random.Generator, traffic: pl.DataFrame, start: int, minutes: int) -> np.ndarray:
        """Cars that turn in, by minute and car park: some minutes after the detector counted them."""
        coming = np.zeros((minutes, self.laid.height), np.int64)
        for place, one in enumerate(self.laid.iter_rows(named=True)):
            rows = traffic.filter(pl.col("sensor") == one["feeder"])
            turned = rng.binomial(rows["count"].to_numpy(), one["share"])
            at, length = (np.repeat(rows[c].to_numpy(), turned) for c in ("at", "interval_s"))
            minute = (at - start + rng.random(len(at)) * length + rng.uniform(90, 420, len(at))) // 60
            minute = minute[minute < minutes].astype(np.int64)
            coming[:, place] = np.bincount(minute, minlength=minutes)
        return coming


def _stays(rng: np.random.Generator, n: int) -> np.ndarray:
    median = np.where(rng.random(n) < SHORT_SHARE, SHORT_STAY_MIN, LONG_STAY_MIN)
    return np.clip(median * rng.lognormal(0, SPREAD, n), 3, LONGEST_MIN - 1).astype(np.int64)
