"""Publishes the live city over MQTT, QoS 1, in a process of its own, and writes down what was published when.

A process of its own, so that what lands is measured and what publishes takes nothing from it. What is said is `live_city`.
"""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipelines.simulator.live_city import LIVE_RATES, LiveCity
from pipelines.simulator.live_messages import Due
from schemas.city import City
from schemas.errors import SourceError

PUBLISHED = "published"
TICK_S, TELL_S, KEEP_S = 0.02, 0.5, 5.0
ACKNOWLEDGED_WITHIN_S = 30.0
MOST_IN_FLIGHT = 2000
"""Messages that the broker has not acknowledged; beyond them the publisher waits."""


@dataclass(frozen=True)
class Plan:
    """What the publisher's process is told.

    Attributes:
        folder: for what was published; made if it is not there.
        begin: epoch second of the city's first message; 0 for as soon as the process is ready.
    """

    host: str
    port: int
    folder: str
    rate: float
    begin: int = 0
    seed: int = 1
    name: str = "Live city"
    time_zone: str = "Europe/Berlin"
    has_faults: bool = True
    lines_per_message: int = 4

    def city(self) -> LiveCity:
        """The city of this plan."""
        rates = LIVE_RATES if self.has_faults else None
        begin = self.begin or int(time.time()) + 1
        return LiveCity(City(self.name, self.time_zone), begin, self.rate, self.seed, rates, self.lines_per_message)


class Publisher:
    """The publisher's process, seen from the one that starts it. It ends when it is told to, or when its parent is gone.

    Attributes:
        messages, lines: published so far.
        unacknowledged: messages that the broker has not acknowledged.
        late_s: how long after it was due a message was published, at most, in the last half second; and ever.
    """

    def __init__(self, plan: Plan) -> None:
        self.messages = self.lines = self.unacknowledged = 0
        self.late_s = self.latest_s = 0.0
        command = [sys.executable, "-P", "-m", __name__]
        # a session of its own: Ctrl-C reaches the stream first, which then ends this
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self._errors: list[str] = []
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._hear, self._listen)]
        for thread in self._threads:
            thread.start()
        self._say(json.dumps(asdict(plan)))

    def _say(self, text: str) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(text + "\n")
            self._process.stdin.flush()

    def _hear(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            said = json.loads(line)
            self.messages, self.lines, self.unacknowledged = said["messages"], said["lines"], said["unacknowledged"]
            self.late_s, self.latest_s = said["late_s"], max(self.latest_s, said["late_s"])

    def _listen(self) -> None:
        assert self._process.stderr
        self._errors.extend(self._process.stderr)

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def stop(self, timeout_s: float = ACKNOWLEDGED_WITHIN_S + 10) -> None:
        """Publish no more, wait for the broker's acknowledgements and for what was published to be written down.

        Raises:
            SourceError: the publisher failed.
        """
        self._say("stop")
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        for thread in self._threads:
            thread.join(5)
        if self._process.returncode:
            found = self._errors[-1].strip() if self._errors else f"it ended with {self._process.returncode}"
            raise SourceError("the simulator's publisher", found, "look whether the broker runs, then start again")

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait(10)


class _Diary:
    """What was published when, as Parquet files: a row per line."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._written = folder, 0
        self._held: list[pl.DataFrame] = []
        folder.mkdir(parents=True, exist_ok=True)

    def note(self, due: Due, published_us: np.ndarray) -> None:
        """Add the lines of messages, published one after another at these times."""
        times = due.messages.select("message").with_columns(published_us=pl.Series(published_us, dtype=pl.Int64))
        self._held.append(due.lines.join(times, on="message", maintain_order="left"))

    def write(self) -> None:
        """Write what is held as one more file."""
        if self._held:
            pl.concat(self._held).write_parquet(self._folder / f"{self._written:06d}.parquet", compression="zstd")
            self._held, self._written = [], self._written + 1


class _Client:
    """A paho client that knows how many of its messages are not acknowledged yet."""

    def __init__(self, host: str, port: int) -> None:
        from paho.mqtt.client import Client, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion

        self.published = self.acknowledged = 0
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="citylake-live-city", protocol=MQTTv311)
        self._client.max_inflight_messages_set(MOST_IN_FLIGHT)
        self._client.max_queued_messages_set(0)
        self._client.on_publish = self._one_more
        self._client.connect(host, port)
        self._client.loop_start()

    def _one_more(self, *_: Any) -> None:
        self.acknowledged += 1  # only the client's own thread comes here

    @property
    def outstanding(self) -> int:
        return self.published - self.acknowledged

    def publish(self, topic: str, payload: bytes, go_on: Callable[[], bool]) -> int | None:
        """Publish, as soon as few enough are outstanding; the time at which it was done, or None when told to stop."""
        while self.outstanding >= MOST_IN_FLIGHT:
            if not go_on():
                return None
            time.sleep(0.001)
        at = time.time_ns() // 1000
        self._client.publish(topic, payload, qos=1)
        self.published += 1
        return at

    def close(self, within_s: float) -> None:
        """Wait for acknowledgements, then go."""
        end = time.monotonic() + within_s
        while self.outstanding and time.monotonic() < end:
            time.sleep(0.01)
        self._client.disconnect()
        self._client.loop_stop()


def publish(plan: Plan, stop: threading.Event, tell: Callable[[dict[str, float]], None]) -> None:
    """Publish the plan's city at its own pace until told to stop.

    Args:
        tell: called about twice a second, with counts and with how late messages were published since the last time.
    """
    city, diary = plan.city(), _Diary(Path(plan.folder) / PUBLISHED)
    client = _Client(plan.host, plan.port)
    lines, late_us, told_us, kept_s = 0, 0, 0, time.monotonic()

    def tell_now() -> None:
        tell({"messages": client.published, "lines": lines, "unacknowledged": client.outstanding, "late_s": late_us / 1e6})

    while not stop.is_set():
        for due in city.due(time.time()):
            times: list[int] = []
            for topic, payload, due_us in due.messages.select("topic", "payload", "due_us").iter_rows():
                at = client.publish(topic, payload, lambda: not stop.is_set())
                if at is None:
                    break
                times.append(at)
                late_us = max(late_us, at - due_us)
                if at - told_us >= TELL_S * 1e6:
                    # what is due at once may take longer to publish than one may wait for a word
                    tell_now()
                    told_us, late_us = at, 0
            done = due.messages.head(len(times))
            given = due.lines.filter(pl.col("message").is_in(done["message"].implode()))
            diary.note(Due(due.feed, done, given), np.array(times, np.int64))
            lines += given.height
        now = time.monotonic()
        if now - kept_s >= KEEP_S:
            kept_s = now
            diary.write()
        stop.wait(TICK_S)
    client.close(ACKNOWLEDGED_WITHIN_S)
    diary.write()
    tell_now()


def main() -> None:
    """The publisher's process: a plan on stdin, counts on stdout; `stop`, or the end of stdin, ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    plan = Plan(**json.loads(sys.stdin.readline()))

    def wait_for_the_end() -> None:
        sys.stdin.readline()
        stop.set()

    def tell(counts: dict[str, float]) -> None:
        # a parent that is gone reads no more; stdin ends then, too
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(counts), flush=True)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    try:
        publish(plan, stop, tell)
    except OSError as error:
        sys.exit(f"{plan.host}:{plan.port}: {error}")


if __name__ == "__main__":
    main()
