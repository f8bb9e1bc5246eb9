"""A live source without a broker: a list of messages in this process that can be asked again. It stands in for one in
`pipelines.sources`; real brokers are in `brokers`."""

import sys
import threading
import time
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipelines.live import kinds
from pipelines.live.tap import Messages, Place, Tap


@dataclass
class Broker:
    """Messages by partition; what was acknowledged; whether the broker can be reached and asked again."""

    replays: bool = True
    log: dict[str, list[bytes]] = field(default_factory=dict)
    topics: dict[str, list[str]] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    given: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def publish(self, payloads: Sequence[bytes], partition: str = "", topic: str = "") -> None:
        """Put messages at the end of a partition's log."""
        with self.lock:
            self.log.setdefault(partition, []).extend(payloads)
            self.topics.setdefault(partition, []).extend([topic] * len(payloads))


BROKERS: dict[str, Broker] = {}


class RehearsalTap(Tap):
    """Reads a Broker as a tap does."""

    def __init__(self, broker: Broker, place: Place) -> None:
        self.broker, self.place = broker, place
        self.next: dict[str, int] = {}

    @property
    def is_connected(self) -> bool:
        """It is in this process."""
        return True

    def take(self, most_bytes: int) -> list[Messages]:
        """What the log has beyond what was taken."""
        out, broker = [], self.broker
        with broker.lock:
            for partition, log in broker.log.items():
                if partition not in self.next:
                    known = self.place.positions([partition])[partition] if broker.replays else 0
                    self.next[partition] = known if broker.replays else broker.acknowledged.get(partition, 0)
                first, size, payloads = self.next[partition], 0, []
                for payload in log[first:]:
                    if size >= most_bytes:
                        break
                    payloads.append(payload)
                    size += len(payload)
                if not payloads:
                    continue
                self.next[partition] = last = first + len(payloads)
                positions = np.arange(first, last) if broker.replays else None
                now = np.full(len(payloads), time.time_ns() // 1000)
                topics = broker.topics[partition][first:last]
                out.append(Messages(partition, payloads, now, positions, topics, (partition, last)))
                broker.given += len(payloads)
        return out

    def acknowledge(self, marks: list[Any]) -> None:
        """Remember how far."""
        for partition, last in marks:
            self.broker.acknowledged[partition] = last

    def rewind(self, partitions: Sequence[str]) -> bool:
        """Begin again where the lake is, if the broker can be asked again."""
        for partition in partitions if self.broker.replays else ():
            self.next.pop(partition, None)
        return self.broker.replays

    def lag(self) -> int:
        """What was not taken yet."""
        return sum(len(log) - self.next.get(p, 0) for p, log in self.broker.log.items())

    def close(self) -> None:
        """Nothing to let go."""


def _module(replays: bool) -> types.ModuleType:
    module = types.ModuleType("rehearsal")
    module.REPLAYS = replays  # type: ignore[attr-defined]
    module.options = lambda where, uri, block, base: uri  # type: ignore[attr-defined]
    module.origin = lambda options: options  # type: ignore[attr-defined]
    module.open_tap = lambda options, place: RehearsalTap(BROKERS[options], place)  # type: ignore[attr-defined]
    return module


def stage() -> None:
    """Make the schemes `replay://` and `once://` known in this process."""
    for scheme, replays in (("replay", True), ("once", False)):
        kinds.KINDS[scheme] = f"rehearsal_{scheme}"
        sys.modules[f"pipelines.sources.rehearsal_{scheme}"] = _module(replays)
