"""Shared bikes of the simulated city: rides between stations, and what each station holds.

What stations report about it, and wrongly, is in bike_stations.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator.clockwork import local_hours, weekday
from pipelines.simulator.detectors import CENTRE, DISTRICTS, clocks
from pipelines.simulator.faults import FaultRates
from schemas.city import City

STATIONS = 30
RIDES_PER_DOCK_DAY = 1.5
LONGEST_MIN = 120


def lay_out(rng: np.random.Generator, rates: FaultRates, n: int = STATIONS) -> pl.DataFrame:
    """Stations: place, docks, and how far they are places of work (1) or of homes (0)."""
    angle, radius = rng.uniform(0, 2 * np.pi, n), np.sqrt(rng.random(n)) * 0.05
    return pl.DataFrame(
        {
            "station_id": [f"B{i + 1:03d}" for i in range(n)],
            "name": [f"{DISTRICTS[i % len(DISTRICTS)]} {i // len(DISTRICTS) + 1}" for i in range(n)],
            "district": [DISTRICTS[i % len(DISTRICTS)] for i in range(n)],
            "capacity": rng.integers(8, 26, n),
            "lat": np.round(CENTRE[0] + radius * np.sin(angle), 5),
            "lon": np.round(CENTRE[1] + 1.6 * radius * np.cos(angle), 5),
            "clock_offset_s": clocks(rng, n, rates),
            "work": np.clip(1 - radius / 0.05 + rng.uniform(-0.3, 0.3, n), 0.05, 0.95),
        }
    )


class Bikes:
    """Stations and the bikes on the road over several days."""

    def __init__(self, rng: np.random.Generator, laid: pl.DataFrame, city: City) -> None:
        self.laid, self.city = laid, city
        self._parked = np.round(laid["capacity"].to_numpy() * rng.uniform(0.3, 0.7, laid.height)).astype(np.int64)
        self._returning = np.zeros((LONGEST_MIN, laid.height), np.int64)

    @property
    def bikes(self) -> int:
        """Bikes there are, parked or on the road: no day changes it."""
        return int(self._parked.sum() + self._returning.sum())

    def day(self, rng: np.random.Generator, start: int, end: int) -> pl.DataFrame:
        """A day [start, end), epoch seconds, minute by minute; who finds no bike walks, who finds no dock waits.

        Returns:
            One row per station and minute: station (row of `laid`), at (its begin), rented, returned, bikes (until its end).
        """
        minutes, docks = (end - start) // 60, self.laid["capacity"].to_numpy()
        wanted = rng.poisson(self._wanted(start, end))
        back = np.concatenate([self._returning, np.zeros((minutes, len(docks)), np.int64)])
        parked, towards = self._parked, self._towards(start, end)
        rented, returned, held = (np.zeros_like(wanted) for _ in range(3))
        # who finds no bike or no dock changes what the next one finds: one step a minute, over all stations at once
        for minute in range(minutes):
            accepted = np.minimum(back[minute], docks - parked)
            waits = back[minute] - accepted
            taken = np.minimum(wanted[minute], parked)
            n = int(taken.sum())
            to = rng.choice(len(docks), n, p=towards[minute])
            lasts = np.clip(rng.lognormal(2.5, 0.5, n), 3, LONGEST_MIN - 1).astype(np.int64)
            np.add.at(back, (minute + lasts, to), 1)
            back[minute + 1] += waits
            parked = parked + accepted - taken
            rented[minute], returned[minute], held[minute] = taken, accepted, parked
        self._parked, self._returning = parked, back[minutes:]
        shape = (minutes, len(docks))
        return pl.DataFrame(
            {
                "station": np.broadcast_to(np.arange(len(docks)), shape).ravel(),
                "at": np.repeat(start + 60 * np.arange(minutes), len(docks)),
                "rented": rented.ravel(),
                "returned": returned.ravel(),
                "bikes": held.ravel(),
            }
        )

    def _towards(self, start: int, end: int) -> np.ndarray:
        """Where rides go, by minute: to work in the morning, home in the evening."""
        hours = local_hours(self.city, np.arange(start, end, 60))[:, None]
        work = self.laid["work"].to_numpy()
        morning = np.exp(-0.5 * ((hours - 8) / 1.5) ** 2)
        evening = np.exp(-0.5 * ((hours - 17.5) / 2) ** 2)
        weight = (0.5 + morning * (3 * work - 1.2) + evening * (1.8 - 3 * work)).clip(0.1) * self.laid["capacity"].to_numpy()
        return weight / weight.sum(axis=1, keepdims=True)

    def _wanted(self, start: int, end: int) -> np.ndarray:
        """Rides that begin by minute and station, expected: from home in the morning, from work in the evening."""
        hours = local_hours(self.city, np.arange(start, end, 60))[:, None]
        work, docks = self.laid["work"].to_numpy(), self.laid["capacity"].to_numpy()
        morning = np.exp(-0.5 * ((hours - 8) / 1.5) ** 2)
        evening = np.exp(-0.5 * ((hours - 17.5) / 2) ** 2)
        if weekday(self.city, start) > 4:
            morning, evening = morning * 0.2, evening + 0.5 * np.exp(-0.5 * ((hours - 14) / 3) ** 2)
        rate = 0.05 + morning * (1.3 - work) + evening * (0.3 + work)
        return rate * RIDES_PER_DOCK_DAY * docks / (60 * 6)
