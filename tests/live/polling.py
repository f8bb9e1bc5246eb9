"""A poll whose clock stands still until the test lets it go on. Nothing is asserted here."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.live.tap import Messages, Place
from pipelines.sources import http_poll
from pipelines.sources.block import Block
from tests.live.kafka_server import wait_until
from tests.live.web_server import Answer, WebServer

WHERE = "[feeds.f.sources.s]"


class Polling:
    """A tap whose sleeps are counted, and end when the test says `go`."""

    def __init__(self, options: http_poll.Options, hold_bytes: int = 1 << 26) -> None:
        self.said: list[str] = []
        self.slept: list[float] = []
        self._turns = threading.Semaphore(0)
        self.place = Place("f", "s", hold_bytes, lambda p: dict.fromkeys(p, 0), self.said.append)
        self.tap = http_poll.PollTap(options, self.place, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        while not self._turns.acquire(timeout=0.1):
            if self.tap._closing.is_set():
                return

    def polled(self, times: int) -> None:
        """Wait until so many polls are done in all; start those that are missing."""
        for number in range(len(self.slept), times):
            if number:
                self._turns.release()
            wait_until(lambda n=number: len(self.slept) > n)

    def take(self) -> list[Messages]:
        return self.tap.take(1 << 30)

    def bodies(self) -> list[bytes]:
        return [p for m in self.take() for p in m.payloads]


def options(uri: str, **settings: Any) -> http_poll.Options:
    block = Block(WHERE, settings)
    out = http_poll.options(WHERE, uri, block, Path())
    block.done()
    return out


@contextmanager
def polling(answer: Answer, hold_bytes: int = 1 << 26, path: str = "", **settings: Any) -> Iterator[tuple[Polling, WebServer]]:
    server = WebServer(answer)
    poll = Polling(options(server.uri + path, **settings), hold_bytes)
    try:
        yield poll, server
    finally:
        poll.tap.close()
        server.close()


def ok(body: bytes, **fields: Any) -> tuple[int, bytes, dict[str, Any]]:
    return 200, body, fields
