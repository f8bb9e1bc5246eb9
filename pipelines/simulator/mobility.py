"""The rest of the city's traffic, day by day: signals, routes, car parks, buses and bikes beside its detectors.

What each of them does and sends is said in its own modules; this one only goes through them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.simulator import bike_stations, bikes, mobility_truth
from pipelines.simulator.archives import Archives
from pipelines.simulator.faults import FaultRates
from pipelines.simulator.outbox import Outbox
from pipelines.simulator.sent import Sent
from schemas.city import City

FEEDS = ("bike_stations",)
HOUR_S = 3600
Tables = Callable[[pl.DataFrame], dict[str, pl.DataFrame]]


@dataclass(frozen=True)
class Posted:
    """What one box is given on a day, and what its truth comes to."""

    feed: str
    box: str
    sent: Sent
    tables: Tables


class Mobility:
    """The city's signals, routes, car parks, buses and bikes over several days."""

    def __init__(self, city: City, sensors: pl.DataFrame, rates: FaultRates, events: float, seed: int) -> None:
        self.city, self.sensors, self.rates, self.seed = city, sensors, rates, seed
        self.stations = bikes.lay_out(self._rng(11), rates)
        self._bikes = bikes.Bikes(self._rng(12), self.stations, city)

    def _rng(self, *of: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *of])

    @property
    def references(self) -> dict[str, pl.DataFrame]:
        """Reference tables by name."""
        return {"stations": self.stations}

    def boxes(self, inbox: Path) -> dict[str, Archives | Outbox]:
        """Where each source's files go."""
        return {"bike_share": Archives(inbox / "bike_stations", ".json", 6 * HOUR_S, 900)}

    def day(self, number: int, start: int, end: int, traffic: pl.DataFrame) -> Iterator[Posted]:
        """All that is sent about the day [start, end), epoch seconds, given what passed the detectors."""
        yield self._bike_day(self._rng(13, number), start, end)

    def _bike_day(self, rng: np.random.Generator, start: int, end: int) -> Posted:
        minutes = self._bikes.day(rng, start, end)
        sent = bike_stations.day(rng, self.stations, minutes, start, end, self.rates)
        tables = partial(mobility_truth.bikes, stations=self.stations, start=start)
        return Posted("bike_stations", "bike_share", sent, tables)
