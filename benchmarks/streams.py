"""Streams: sustained rates beside consumers that only count, time from publishing to reading, memory, and growth.

How each side works is in live_ours.py, live_peers.py and live_brokers.py.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contender import Contender
from benchmarks.live_brokers import FILTER, STREAM, TOPIC
from benchmarks.result import Result, alone, compared, keeps

MIB = 1 << 20
MEMORY_MIB = 700.0


@dataclass(frozen=True)
class StreamSizes:
    """How much is measured: messages of each broker, events of a JetStream stream with 20 a message, seconds, commits."""

    jetstream: int
    batched: int
    kafka: int
    mqtt: int
    seconds: float
    commits: int
    rounds: int


FULL = StreamSizes(600_000, 3_000_000, 1_200_000, 100_000, 20.0, 7200, 3)
QUICK = StreamSizes(150_000, 600_000, 300_000, 60_000, 4.0, 80, 1)


@dataclass(frozen=True)
class Course:
    """A filled broker: how ours reads it, and who counts beside it.

    Attributes:
        fresh: makes it ready for one more round of either side, where reading uses it up.
    """

    name: str
    block: dict[str, Any]
    counter: tuple[str, list[Any]]
    events: int
    each: int
    rate_aim: float
    fresh: Callable[[str], None] = lambda _: None


@contextmanager
def nats(folder: Path) -> Iterator[tuple[Contender, dict[str, str]]]:
    """A NATS server in a process of its own."""
    with Contender() as keeper:
        urls = keeper.call("live_brokers:nats", folder).value
        try:
            yield keeper, urls
        finally:
            keeper.call("live_brokers:stop")
            shutil.rmtree(folder, ignore_errors=True)


def measure(folder: Path, sizes: StreamSizes, tell: Callable[[str], None]) -> list[Result]:
    """All lines of the table about streams."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        *_jetstream(folder, sizes, 1, sizes.jetstream, tell),
        *_jetstream(folder, sizes, 20, sizes.batched, tell),
        *_kafka(folder, sizes, tell),
        *_mqtt(folder, sizes, tell),
        *_latency(folder, sizes, 5_000, 1, tell),
        *_latency(folder, sizes, 50_000, 20, tell),
        *_alerts(folder, sizes, tell),
        *_growth(folder, sizes, tell),
    ]


def _jetstream(folder: Path, sizes: StreamSizes, each: int, events: int, tell: Callable[[str], None]) -> list[Result]:
    with nats(folder / "broker") as (keeper, urls):
        tell(f"JetStream: {events:,} events, {each} a message")
        keeper.call("live_brokers:fill_jetstream", urls["nats"], events, each, folder)
        block = {"uri": urls["nats"], "stream": STREAM}
        counter = ("live_peers:count_jetstream", [urls["nats"], events // each])
        return _race(folder, Course("JetStream", block, counter, events, each, 150), sizes.rounds, tell)


def _kafka(folder: Path, sizes: StreamSizes, tell: Callable[[str], None]) -> list[Result]:
    with Contender() as keeper:
        tell(f"Kafka: {sizes.kafka:,} events")
        hosts = keeper.call("live_brokers:kafka", sizes.kafka, 1, folder).value
        try:
            block = {"uri": f"kafka://{hosts}", "topic": TOPIC}
            counter = ("live_peers:count_kafka", [hosts, sizes.kafka])
            course = Course("Kafka (librdkafka's mock)", block, counter, sizes.kafka, 1, 150)
            return _race(folder, course, sizes.rounds, tell)
        finally:
            keeper.call("live_brokers:stop")


def _mqtt(folder: Path, sizes: StreamSizes, tell: Callable[[str], None]) -> list[Result]:
    with nats(folder / "broker") as (keeper, urls):
        url, events = urls["mqtt"], sizes.mqtt

        def fresh(client: str) -> None:
            keeper.call("live_peers:make_session", url, client)
            keeper.call("live_brokers:fill_mqtt", url, events, folder)

        block = {"uri": url, "topic": FILTER, "version": 3, "client_id": "ours"}
        counter = ("live_peers:count_mqtt", [url, events, "counter"])
        return _race(folder, Course("MQTT, QoS 1, at the NATS server", block, counter, events, 1, 15, fresh), sizes.rounds, tell)


def _race(folder: Path, course: Course, rounds: int, tell: Callable[[str], None]) -> list[Result]:
    """Ours and the counter in turn, each time a fresh process; rates in thousands a second."""
    ours, counted, events_per_s, peaks = [], [], [], []
    for turn in range(rounds):
        for side in ("ours", "counter") if turn % 2 == 0 else ("counter", "ours"):
            tell(f"{course.name}, round {turn + 1} of {rounds}: {side}")
            course.fresh(side)
            with Contender() as process:
                if side == "counter":
                    counted.append(process.call(course.counter[0], *course.counter[1]).value / 1000)
                    continue
                answer = process.call("live_ours:land", course.block, folder / "lake", course.events)
            if answer.value["kept"] != course.events:
                raise RuntimeError(f"{course.name}: {answer.value} of {course.events} landed: no measurement")
            shutil.rmtree(folder / "lake")
            ours.append(answer.value["messages_per_s"] / 1000)
            events_per_s.append(answer.value["events_per_s"] / 1000)
            peaks.append(answer.peak_bytes / MIB)
    what = f"{course.name}: {course.events:,} events" + (f", {course.each} a message" if course.each > 1 else "")
    aim = [course.rate_aim] * len(events_per_s)
    return [
        compared(f"{what}, landed", "k messages/s", ours, counted, "a consumer that only counts", ">= 0.5"),
        compared(f"{what}, landed", "k events/s", events_per_s, aim, "the aim", ">= 1"),
        _under(f"{what}: peak memory", "MiB", max(peaks), MEMORY_MIB),
    ]


def _latency(folder: Path, sizes: StreamSizes, rate: int, each: int, tell: Callable[[str], None]) -> list[Result]:
    tell(f"from publishing to reading at {rate:,} events/s")
    with nats(folder / "broker") as (keeper, urls), Contender() as ours, ThreadPoolExecutor() as both:
        block = {"uri": urls["nats"], "stream": STREAM}
        # what comes first wakes everything up, and is not counted
        keeper.call("live_brokers:publish_stamped", urls["nats"], rate, 0.5, each)
        ours.call("live_ours:follow", block, folder / "warm")
        reading = both.submit(ours.call, "live_ours:follow", block, folder / "warm")
        sent = keeper.call("live_brokers:publish_stamped", urls["nats"], rate, sizes.seconds, each).value
        found = reading.result().value
    shutil.rmtree(folder / "warm")
    if found["events"] != sent:
        raise RuntimeError(f"{found['events']} of {sent} events were read: no measurement")
    what = f"published to readable, {rate:,} events/s" + (f", {each} a message" if each > 1 else "")
    return [_under(f"{what}: p50", "s", found["p50_s"], 0.5), _under(f"{what}: p99", "s", found["p99_s"], 1.5)]


def _alerts(folder: Path, sizes: StreamSizes, tell: Callable[[str], None]) -> list[Result]:
    tell("from publishing a call to its alert at the webhook")
    with nats(folder / "broker") as (keeper, urls), Contender() as ours, Contender() as caller, ThreadPoolExecutor() as both:
        url, warm_s = urls["nats"], 15.0
        port = caller.call("live_alerts:listen").value
        running = both.submit(ours.call, "live_alerts:stream", folder / "alerts", url, port, warm_s + sizes.seconds + 5)
        detectors = both.submit(keeper.call, "live_brokers:publish_stamped", url, 5_000, warm_s + sizes.seconds, 1, "bench.flow")
        time.sleep(warm_s)
        sent = caller.call("live_alerts:publish_calls", url, 5, sizes.seconds).value
        detectors.result()
        running.result()
        found = caller.call("live_alerts:waits").value
    shutil.rmtree(folder / "alerts")
    if len(found) != sent:
        raise RuntimeError(f"{len(found)} of {sent} alerts arrived: no measurement")
    p50, p99 = (float(np.percentile(found, p)) for p in (50, 99))
    what = "call published to alert delivered, beside 5,000 events/s"
    return [alone(f"{what}: p50", "s", p50), _under(f"{what}: p99", "s", p99, 3.0)]


def _growth(folder: Path, sizes: StreamSizes, tell: Callable[[str], None]) -> list[Result]:
    rows, what = 2500, f"{sizes.commits:,} commits of 2,500 events"
    tell(what)
    with Contender() as process:
        found = process.call("live_ours:grow", folder / "growth", sizes.commits, rows).value
    shutil.rmtree(folder / "growth")
    return [
        alone(f"{what}: most visible files of raw and ledger", "files", found["files_most"]),
        alone(f"{what}: most entries of their logs", "files", found["log_most"]),
        compared(f"{what}: a commit at the end", "s", [found["last_s"]], [found["first_s"]], "at the beginning", None),
    ]


def _under(name: str, unit: str, found: float, limit: float) -> Result:
    return Result(name, unit, found, limit, "the aim", found / limit, "<= 1", keeps(found / limit, "<= 1"))
