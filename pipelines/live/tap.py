"""What every kind of live source gives: messages in order, and a place to say that they are in the lake.

How a broker is spoken to is said by one module per kind in `pipelines.sources`; when a batch is closed, by `reader`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Messages:
    """Messages of one partition, in the order of the broker.

    Attributes:
        partition: such as a Kafka partition's number; "" where the source has but one.
        payloads: as they came.
        received_us: when the broker received each, epoch microseconds, int64; where it does not say, when we did.
        positions: offset or sequence of each, int64, ascending; None where the broker keeps none that can be asked for again.
        topics: topic or subject of each; None where the source does not tell.
        marks: what `acknowledge` is given back when these messages are in the lake; the tap's own business.
    """

    partition: str
    payloads: list[bytes]
    received_us: np.ndarray
    positions: np.ndarray | None = None
    topics: list[str] | None = None
    marks: Any = None


@dataclass(frozen=True)
class Place:
    """What a tap is told of where it stands.

    Attributes:
        feed, name: of the source's block in citylake.toml.
        hold_bytes: how much the tap may hold that was not taken yet; beyond it it must make the broker wait.
        positions: partitions -> the next position that the lake wants of each; 0 where the lake has nothing of it.
        say: tells whoever watches, in a few words, what happened ("connection lost: ...; trying again"). "" when all is well.
    """

    feed: str
    name: str
    hold_bytes: int
    positions: Callable[[Sequence[str]], dict[str, int]]
    say: Callable[[str], None]


class Tap(Protocol):
    """An open live source. `take` and `acknowledge` may be called from different threads; neither may block.

    A broker that goes away is waited for inside the tap: `is_connected` is False then, and `say` told why.
    What only a person can mend (refused credentials, a stream that does not exist) is raised as SourceError from `take`.
    """

    def take(self, most_bytes: int) -> list[Messages]:
        """What arrived since the last call, at most about so many bytes of payload; [] for nothing."""
        ...

    def acknowledge(self, marks: list[Any]) -> None:
        """The messages with these marks are in the lake."""
        ...

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there."""
        ...

    def full(self) -> bool:
        """Whether the broker waits for acknowledgements before it sends more, or soon will: the batch should be closed early.

        A tap that does not say otherwise is never full.
        """
        return False

    def rewind(self, partitions: Sequence[str]) -> bool:  # noqa: ARG002
        """Start these partitions again at `Place.positions`: another process landed them first. Does not block.

        What the tap holds of them is dropped at once; what was taken already is for the caller to drop. False where the tap
        cannot: it must be closed and opened again.
        """
        return False

    def lag(self) -> int | None:
        """Messages that wait at the broker and were not taken; None where it cannot be told."""
        ...

    def close(self) -> None:
        """Let go of the broker. Messages taken and not acknowledged will come again."""
        ...
