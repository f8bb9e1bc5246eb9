"""Lands messages without Beam and without a broker: the verbs of landing on batches cut as a test likes.

What Beam adds is tested in test_stream; what brokers do in their own files.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from pipelines import commit, steps
from pipelines.live import desk
from pipelines.live.lot import gather
from pipelines.live.reader import app_id
from pipelines.live.tap import Messages
from pipelines.sources.declared import parse
from pipelines.sources.files import Limits
from schemas import ledger
from schemas.city import City
from schemas.contract import QUARANTINE
from schemas.lake import Lake
from schemas.registry import feed as feed_contract
from tests.live import rehearsal

EMPTY = {c.name: c.dtype for c in QUARANTINE}
RECEIVED_US = int(datetime(2026, 5, 1, 9, tzinfo=UTC).timestamp() * 1e6)


@dataclass
class Belt:
    """One live source of a feed, and the lake it is landed in."""

    folder: Path
    feed: str
    replays: bool = True
    block: dict[str, object] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        rehearsal.stage()
        self.lake = Lake(self.folder / "lake")
        self.uri = ("replay" if self.replays else "once") + "://belt"
        self.contract = feed_contract(self.feed)
        source = parse(self.contract, "belt", {"uri": self.uri, "format": "json_lines", **self.block}, self.folder)
        city = City("Test", "Europe/Berlin")
        self.landing = steps.Landing(self.lake, city, self.contract, source, self.limits, (), datetime.now(UTC))
        self._numbers = itertools.count(1)

    def position(self, partition: str = "") -> int:
        """Up to where the lake is complete."""
        identity = app_id(self.feed, f"belt|{self.uri}", partition)
        return self.lake.landed_up_to("raw", self.feed, [identity])[identity]

    def land(self, *messages: Messages) -> None:
        """Land one batch, from where the lake is."""
        parts = dict.fromkeys(m.partition for m in messages)
        ids = {p: app_id(self.feed, f"belt|{self.uri}", p) for p in parts}
        wanted = {p: self.position(p) for p in parts}
        batch = gather(self.landing.place, next(self._numbers), self.uri, ids, wanted, self.replays, messages)
        done = steps.write(steps.conform(steps.decode(batch, self.landing), self.landing), self.landing)
        commit.commit_lot(done, self.landing)

    def was_overtaken(self) -> bool:
        """Whether the last batch did not land, because another had landed its messages."""
        found = bool(desk.at(self.landing.place).overtaken)
        desk.at(self.landing.place).overtaken.clear()
        return found

    def raw(self) -> pl.DataFrame:
        """What was kept."""
        scan = self.lake.scan("raw", self.feed)
        return pl.DataFrame(schema=self.contract.polars_schema("raw")) if scan is None else scan.collect()

    def refused(self) -> pl.DataFrame:
        """What was not."""
        scan = self.lake.scan("quarantine", self.feed)
        return pl.DataFrame(schema=EMPTY) if scan is None else scan.collect().sort("_position")

    def off_by(self) -> int:
        """Rows that the books do not account for."""
        return int(ledger.balance(self.lake)["off_by"].sum())


def messages(
    payloads: Sequence[bytes], first: int = 0, partition: str = "", topics: list[str] | None = None, replays: bool = True
) -> Messages:
    """Messages as a tap gives them, a second apart."""
    received = RECEIVED_US + np.arange(len(payloads)) * 1_000_000
    positions = np.arange(first, first + len(payloads)) if replays else None
    return Messages(partition, list(payloads), received, positions, topics)
