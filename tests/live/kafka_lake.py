"""A stand-in for the lake that Kafka tests land into: it knows positions, and refuses what does not follow them.

Nothing is asserted here but what a stream would stumble over.
"""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipelines.live.tap import Messages, Place
from pipelines.sources import kafka
from pipelines.sources.block import Block

WHERE = "[feeds.f.sources.s]"


class Lake:
    """What a lake would know: the next position of each partition, moved only by what fits to it."""

    def __init__(self, **positions: int) -> None:
        self.next: dict[str, int] = {k.replace("_", "/"): v for k, v in positions.items()}
        self.rows: dict[str, list[bytes]] = {}
        self.said: list[str] = []
        self._lock = threading.Lock()

    def positions(self, partitions: Sequence[str]) -> dict[str, int]:
        with self._lock:
            return {p: self.next.get(p, 0) for p in partitions}

    def land(self, messages: Messages) -> bool:
        """As an application transaction does: false for what another process landed first."""
        assert messages.positions is not None
        with self._lock:
            if messages.positions[0] != self.next.get(messages.partition, 0):
                return False
            self.rows.setdefault(messages.partition, []).extend(messages.payloads)
            self.next[messages.partition] = int(messages.positions[-1]) + 1
            return True

    def place(self, hold_bytes: int = 1 << 26) -> Place:
        return Place("f", "s", hold_bytes, self.positions, self.said.append)


def options(hosts: str, topic: Any = "t", **settings: Any) -> kafka.Options:
    # the mock cluster gives a partition to the next one no sooner than the session of the last one has timed out
    quick = {"session.timeout.ms": 3000, "heartbeat.interval.ms": 300}
    block = Block(WHERE, {"topic": topic, "group": f"of {topic}", "options": quick, **settings})
    out = kafka.options(WHERE, f"kafka://{hosts}", block, Path())
    block.done()
    return out


def drain(tap: Any, lake: Lake, until: Callable[[], bool], seconds: float = 60, overtake: bool = True) -> None:
    """What the stream does: take, land, acknowledge; rewind what was overtaken."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, (lake.next, lake.said)
        for messages in tap.take(1 << 20):
            if lake.land(messages):
                tap.acknowledge([messages.marks])
            else:
                assert overtake, f"{messages.partition}: {messages.positions} does not follow {lake.next}"
                tap.rewind([messages.partition])
                break
        time.sleep(0.005)


def numbered(partition: int, count: int) -> list[bytes]:
    return [b"%d:%d" % (partition, i) for i in range(count)]
