"""Numbered events that are published under load, and how often the lake has each: for tests that kill.

Who is killed, and what is expected, is said by the tests.
"""

import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import polars as pl

from dagster_project.settings import Settings
from pipelines.live.heartbeat import last
from schemas import ledger

FLOW_KEY = "observed_at"


class Publisher(threading.Thread):
    """Publishes numbered events until told; counts those that the broker said it has."""

    def __init__(self, broker: Any) -> None:
        super().__init__(daemon=True)
        self.broker, self.told, self.sent = broker, threading.Event(), 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.publish()
        except BaseException as error:
            self.error = error

    def publish(self) -> None:
        raise NotImplementedError


def stamp(number: int) -> str:
    return datetime.fromtimestamp(START + number * 60, UTC).isoformat()


START = int(datetime.now(UTC).timestamp()) // 60 * 60 - 400 * 86_400
"""Every event is of a minute of its own; there are enough of them before today."""


def flow(number: int) -> bytes:
    if number % 50 == 7:
        return b'{"sensor_id": "broken %d' % number
    return json.dumps({"sensor_id": "s", "observed_at": stamp(number), "interval_s": 60, "vehicle_count": number % 100}).encode()


class KafkaPublisher(Publisher):
    """Events into all partitions of a topic, at a steady rate; the broker is its `hosts`."""

    def __init__(self, hosts: str, topic: str, partitions: int, rate: float) -> None:
        super().__init__(hosts)
        self.topic, self.partitions, self.rate = topic, partitions, rate

    def publish(self) -> None:
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.broker, "enable.idempotence": True, "linger.ms": 5, "log_level": 0})
        failed: list[Any] = []
        since = time.monotonic()
        while not self.told.is_set():
            for i in range(self.sent, int((time.monotonic() - since) * self.rate)):
                producer.produce(
                    self.topic, flow(i), partition=i % self.partitions, on_delivery=lambda e, _: e and failed.append(e)
                )
                self.sent = i + 1
            producer.poll(0.02)
        assert producer.flush(120) == 0
        assert not failed, failed[0]


def broken(count: int) -> set[int]:
    """Which of so many events are refused."""
    return {i for i in range(count) if i % 50 == 7}


def landed(settings: Settings, feed: str, time_column: str) -> Counter[int]:
    """How often raw has each number."""
    scan = settings.lake.scan("raw", feed)
    if scan is None:
        return Counter()
    seconds = scan.select(pl.col(time_column).dt.epoch("s")).collect().to_series()
    return Counter(((seconds - START) // 60).to_list())


def wait_until_read(settings: Settings, wanted: dict[str, tuple[str, set[int]]]) -> None:
    until = time.monotonic() + 180
    while True:
        missing = {f: len(numbers - set(landed(settings, f, c))) for f, (c, numbers) in wanted.items()}
        if not any(missing.values()):
            return
        said = [last(settings.lake, f, s.name) for f in wanted for s in settings.live_of(f)]
        assert time.monotonic() < until, f"not landed: {missing}; {said}"
        time.sleep(0.5)


def wait_until_flow_is_read(settings: Settings, count: int) -> None:
    """Wait until raw has every one of so many events."""
    wait_until_read(settings, {"traffic_flow": (FLOW_KEY, set(range(count)) - broken(count))})


def check_flow(settings: Settings, count: int) -> None:
    """Of so many events published each is in raw or quarantine once, and the books are closed."""
    raw = landed(settings, "traffic_flow", FLOW_KEY)
    assert set(raw) == set(range(count)) - broken(count), "lost 0"
    assert set(raw.values()) == {1}, "a source that replays is landed exactly once"
    refused = settings.lake.scan("quarantine", "traffic_flow")
    assert refused is not None
    texts = refused.select("payload").collect()["payload"]
    assert sorted(int(t.rsplit(" ", 1)[1]) for t in texts) == sorted(broken(count))
    assert int(ledger.balance(settings.lake)["off_by"].sum()) == 0


def landed_together(settings: Settings) -> list[int]:
    """How many partitions each batch had of which rows were kept."""
    scan = settings.lake.scan("raw", "traffic_flow")
    assert scan is not None
    return scan.group_by("_landed_at").agg(pl.col("_source").n_unique()).collect()["_source"].to_list()
