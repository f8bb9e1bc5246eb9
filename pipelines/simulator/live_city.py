"""A city at city pace: the messages that its devices send, second by second, with faults, and with what raises alerts.

How they are published is `live_publisher`; what the devices say is in the feeds' own live_*.py.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.simulator.faults import FaultRates
from pipelines.simulator.live_calls import LiveCalls
from pipelines.simulator.live_detectors import LiveDetectors
from pipelines.simulator.live_messages import Due, gathered
from pipelines.simulator.live_meters import LiveMeters
from pipelines.simulator.reference_files import write_reference
from schemas.city import City

SHARES = {"traffic_flow": 0.87, "meter_readings": 0.1296, "emergency_calls": 0.0004}
LEAST_CALLS_PER_S = 0.5
LIVE_RATES = replace(FaultRates(), clock_offset=0.002, milliwatt_hours=0.005)
"""A clock that runs half an hour ahead has every row of its device refused: in a feed of seconds that is much."""


class LiveCity:
    """A city from `begin` (epoch second) on, that sends about `rate` rows a second.

    Args:
        seed: same seed, begin and arguments, same messages.
        rates: how often each fault happens; None for a city without faults.
        lines_per_message: at most; rows of one device and time share a message.

    Attributes:
        references: reference table -> its rows.
    """

    def __init__(
        self,
        city: City,
        begin: int,
        rate: float,
        seed: int = 1,
        rates: FaultRates | None = LIVE_RATES,
        lines_per_message: int = 4,
    ) -> None:
        faults, pace = rates or FaultRates.none(), {f: rate * share for f, share in SHARES.items()}
        detectors = LiveDetectors(seed, city, begin, pace["traffic_flow"], faults)
        meters = LiveMeters(seed, city, begin, pace["meter_readings"], faults)
        calls = LiveCalls(seed, city, begin, max(pace["emergency_calls"], LEAST_CALLS_PER_S), faults)
        self._feeds: dict[str, Any] = {"traffic_flow": detectors, "meter_readings": meters, "emergency_calls": calls}
        self._slot, self._number, self._most = begin, 0, lines_per_message
        self._waiting: dict[str, tuple[pl.DataFrame, pl.DataFrame]] = {}
        self.silent = detectors.silent
        self.references = {"sensors": detectors.sensors, "meters": meters.meters, "feeders": meters.feeders}

    def due(self, now: float) -> list[Due]:
        """The messages due up to `now`, epoch seconds, that were not given before; in order by feed."""
        while self._slot <= now:
            self._add_slot()
        out = []
        for feed, (messages, lines) in self._waiting.items():
            is_due = pl.col("due_us") <= int(now * 1_000_000)
            given = messages.filter(is_due)
            if given.height:
                out.append(Due(feed, given, lines.filter(is_due).drop("due_us")))
                self._waiting[feed] = (messages.filter(~is_due), lines.filter(~is_due))
        return out

    def _add_slot(self) -> None:
        for feed, devices in self._feeds.items():
            rows = devices.slot(self._slot)
            if rows.height:
                new = gathered(feed, rows, self._most, self._number)
                self._number += new[0].height
                old = self._waiting.get(feed)
                both = (
                    new
                    if old is None
                    else tuple(pl.concat(pair).sort("due_us", maintain_order=True) for pair in zip(old, new, strict=True))
                )
                self._waiting[feed] = (both[0], both[1])
        self._slot += 1

    def write_references(self, folder: Path) -> dict[str, Path]:
        """Write the reference tables as CSV, with the columns that their contracts have."""
        folder.mkdir(parents=True, exist_ok=True)
        return {name: write_reference(folder, name, table) for name, table in self.references.items()}


def told(rates: FaultRates | None) -> dict[str, float] | None:
    """Rates as JSON has them."""
    return None if rates is None else asdict(rates)
