"""Marks: what Beam keeps of a reader between bundles, and calls when what it read is durable.

Where a reader stands is known by the lake alone; a mark only finds the open reader again.
"""

import pickle
from dataclasses import dataclass
from typing import Protocol

from apache_beam import coders
from apache_beam.io.unbounded_source import CheckpointMark


class Acknowledging(Protocol):
    """An open reader."""

    def acknowledge(self, number: int) -> None:
        """Every batch up to this one is in the lake."""
        ...


READERS: dict[str, Acknowledging] = {}
"""The open reader of each place in this process."""


@dataclass(frozen=True)
class Mark(CheckpointMark):
    """Up to which batch of a reader the bundle came."""

    place: str
    reader: int
    number: int

    def finalize_checkpoint(self) -> None:
        """Acknowledge to the broker what is in the lake now."""
        reader = READERS.get(self.place)
        if reader is not None and id(reader) == self.reader:
            reader.acknowledge(self.number)


class MarkCoder(coders.Coder):
    """Marks as pickles of their two words."""

    def encode(self, value: Mark) -> bytes:
        """To bytes."""
        return pickle.dumps((value.place, value.reader, value.number))

    def decode(self, encoded: bytes) -> Mark:
        """From what this coder made."""
        return Mark(*pickle.loads(encoded))  # noqa: S301

    def is_deterministic(self) -> bool:
        """Equal marks are equal bytes."""
        return True
