"""A closed batch of messages: its bytes as one buffer, and where each of its rows came from.

When a batch is closed is said by `reader`; what its bytes mean by the formats.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import polars as pl

from pipelines.formats.lines import Lines
from pipelines.live import clock
from pipelines.live.tap import Messages
from schemas.lake import Step

ROOM = 24
"""Bits for the messages of one batch in the positions of a source that has none of its own."""
INSTANT = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Lot:
    """What is known of a closed batch without its bytes: small enough to go along to the commit.

    Two processes that read the same messages must not write the same file: `stem` is the batch's own.

    Attributes:
        place: the source's desk, "feed/name".
        number: running number of its reader, which acknowledges by it.
        stem: name of its parts.
        steps: per partition, from and up to which position the batch completes its source; without parts yet.
        at: when it was closed; `_landed_at` of its rows.
    """

    place: str
    number: int
    stem: str
    origin: str
    steps: tuple[Step, ...]
    at: datetime
    messages: int
    bytes: int
    first_received_us: int


@dataclass(frozen=True)
class Origins:
    """Where the rows of a batch came from, asked by their byte position in its buffer.

    Attributes:
        starts: where each stretch of the buffer begins; a stretch is a message, or a record of one.
        message: which message each stretch is of.
        names: `_source` of each partition; `partition` says which a message is of.
    """

    starts: np.ndarray
    message: np.ndarray
    names: tuple[str, ...]
    partition: np.ndarray
    positions: np.ndarray
    received_us: np.ndarray
    topics: Sequence[str] | None = None

    def of_rows(self, documents: np.ndarray) -> "Origins":
        """The same, asked by number of the row: `documents` says of which stretch each row is."""
        return replace(self, starts=np.arange(len(documents)), message=self.message[documents])

    def within(self, rows: pl.Series) -> np.ndarray:
        """The byte at which each row begins in its message."""
        begins = self.starts[np.searchsorted(self.starts, rows.to_numpy(), side="right") - 1]
        return rows.to_numpy() - begins

    def _of(self, rows: pl.Series) -> np.ndarray:
        return self.message[np.searchsorted(self.starts, rows.to_numpy(), side="right") - 1]

    def lineage(self, rows: pl.Series) -> list[pl.Series]:
        """`_source`, `_position` and `_received_at` of rows."""
        of = self._of(rows)
        return [
            pl.Series(self.names, dtype=pl.String).gather(self.partition[of]).alias("_source"),
            pl.Series("_position", self.positions[of], dtype=pl.Int64),
            self.received_at(rows),
        ]

    def received_at(self, rows: pl.Series) -> pl.Series:
        """When the broker received the rows' messages."""
        return pl.Series("_received_at", self.received_us[self._of(rows)], dtype=pl.Int64).cast(INSTANT)

    def levels(self, names: Sequence[str], rows: pl.Series) -> list[pl.Series]:
        """The topic, or levels of it counted from 1, as the wire columns `topic`, `topic_1`, ...; null where there is none."""
        topics = pl.Series(self.topics or [None] * len(self.positions), dtype=pl.String)
        out = []
        for name in names:
            _, _, level = name.partition("_")
            said = topics.str.split("/").list.get(int(level) - 1, null_on_oob=True) if level else topics
            out.append(said.gather(self._of(rows)).alias(name))
        return out


@dataclass(frozen=True)
class Gathered:
    """A closed batch with its bytes. A Beam element; it never crosses a shuffle.

    Attributes:
        data: the payloads, each followed by a line end.
        ends: where each payload ends in it.
    """

    lot: Lot
    data: bytes = field(repr=False)
    ends: np.ndarray = field(repr=False)
    origins: Origins = field(repr=False)

    @cached_property
    def documents(self) -> Lines:
        """The messages as they are, whatever line ends are in them."""
        return Lines.between(self.data, self.origins.starts, self.ends)


def gather(
    place: str,
    number: int,
    origin: str,
    app_ids: dict[str, str],
    wanted: dict[str, int],
    replays: bool,
    taken: Sequence[Messages],
) -> Gathered:
    """Close a batch.

    Args:
        app_ids: partition -> identity in the tables' transactions.
        wanted: partition -> up to where the lake is complete; moved on to where it will be with this batch.
    """
    payloads = [p for m in taken for p in m.payloads]
    sizes = np.fromiter(map(len, payloads), np.int64, len(payloads))
    ends = np.cumsum(sizes + 1) - 1
    parts = tuple(dict.fromkeys(m.partition for m in taken))
    counts = [len(m.payloads) for m in taken]
    steps = []
    for name in parts:
        before = wanted[name]
        last = [int(m.positions[-1]) for m in taken if m.partition == name and m.positions is not None]
        after = max(last) + 1 if replays else before + 1
        steps.append(Step(app_ids[name], before, after))
        wanted[name] = after
    if replays:
        positions = np.concatenate([m.positions for m in taken if m.positions is not None]).astype(np.int64)
    else:
        positions = (steps[0].after << ROOM) + np.arange(len(payloads), dtype=np.int64)
    received = np.concatenate([m.received_us for m in taken]).astype(np.int64)
    topics = [t for m in taken for t in m.topics or [""] * len(m.payloads)] if any(m.topics for m in taken) else None
    stem, at = uuid.uuid4().hex, datetime.fromtimestamp(clock.now_us() / 1e6, UTC)
    lot = Lot(place, number, stem, origin, tuple(steps), at, len(payloads), int(sizes.sum()), int(received.min()))
    origins = Origins(
        ends - sizes,
        np.arange(len(payloads)),
        tuple(f"{origin}/{n}" if n else origin for n in parts),
        np.repeat([parts.index(m.partition) for m in taken], counts),
        positions,
        received,
        topics,
    )
    return Gathered(lot, b"\n".join([*payloads, b""]), ends, origins)
