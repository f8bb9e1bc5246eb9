"""A rehearsal broker, a lake, and streams between them: what tests of the stream itself begin with.

What is expected of them is said by the tests.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.live.desk import Committed
from pipelines.live.pace import Pace
from pipelines.live.stream import Stream
from pipelines.sources.declared import parse
from schemas import ledger
from schemas.city import City
from schemas.lake import Lake
from schemas.registry import feed
from tests.landing.driver import event
from tests.live import rehearsal

FEED = "traffic_flow"
QUICK = Pace(commit_s=0.05)


def payloads(first: int, count: int, **more: object) -> list[bytes]:
    return [json.dumps(event(f"d{i}", i % 60, **more)).encode() for i in range(first, first + count)]


class City1:
    """A broker, a lake, and streams between them that the test ends."""

    def __init__(self, folder: Path, replays: bool = True, partitions: int = 1, root: str | None = None) -> None:
        rehearsal.stage()
        self.lake, self.city = Lake(root or folder / "lake"), City("Test", "Europe/Berlin")
        self.uri = f"{'replay' if replays else 'once'}://{folder.name}"
        self.broker = rehearsal.BROKERS[self.uri] = rehearsal.Broker(replays)
        for p in range(partitions):
            self.broker.publish([], f"{p}" if partitions > 1 else "")
        self.contract = feed(FEED)
        self.source = parse(self.contract, "belt", {"uri": self.uri, "format": "json_lines"}, folder)
        self.commits: list[Committed] = []

    def stream(self, pace: Pace = QUICK, name: str = "belt") -> Stream:
        source = replace(self.source, name=name)
        return Stream(self.lake, self.city, [(self.contract, source)], None, pace, self.commits.append)

    def kept(self) -> Counter[str]:
        scan = self.lake.scan("raw", FEED)
        return Counter() if scan is None else Counter(scan.select("sensor_id").collect()["sensor_id"])

    def off_by(self) -> int:
        return int(ledger.balance(self.lake)["off_by"].sum())


def until(holds: Callable[[], Any], seconds: float = 60) -> None:
    """Wait for something that must come."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def drained(stream: Stream) -> None:
    stream.drain()
    assert stream.join(60)
