"""kill -9 of a stream of Kafka at random moments under load: no published event is lost, none is twice in raw.

Two processes of one group are in test_rebalance; other brokers in test_kill.
"""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from assets.refined import refine
from dagster_project.settings import Settings, load
from schemas import ledger
from tests.live.kafka_server import JVM, MOCK, JvmBroker, one_of
from tests.live.numbered import KafkaPublisher, broken, check_flow, landed_together, wait_until_flow_is_read
from tests.live.zygote import Zygote

pytestmark = pytest.mark.slow

KILLS = 20
TOPIC, PARTITIONS, RATE = "flow", 8, 400.0
TOML = """
[city]
name = "Testville"
time_zone = "Europe/Berlin"
[lake]
root = "lake"
[stream]
commit_s = 0.1
[feeds.traffic_flow.sources.topic]
uri = "kafka://{hosts}"
topic = "flow"
format = "json_lines"
# the next process gets the partitions of one that was killed when its session has timed out
options = {{ "session.timeout.ms" = {session_ms}, "heartbeat.interval.ms" = 300 }}
"""
SESSION_S = {MOCK: 4.0, JVM: 1.5}
"""The mock cluster waits 3 s for the first members of a group, and forgets those whose session is shorter."""


def written(folder: Path, broker: Any, kind: str) -> Settings:
    """A city whose stream reads the broker's topic."""
    path = folder / "citylake.toml"
    path.write_text(TOML.format(hosts=broker.hosts, session_ms=int(SESSION_S[kind] * 1000)))
    return load(path)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("kind", SESSION_S)
def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path: Path, kind: str) -> None:
    with one_of(kind, tmp_path, TOPIC, PARTITIONS) as broker:
        kill_it_under_load(tmp_path, broker, written(tmp_path, broker, kind), SESSION_S[kind])


def kill_it_under_load(tmp_path: Path, broker: Any, settings: Settings, session_s: float) -> None:
    chance = random.Random()
    publisher = KafkaPublisher(broker.hosts, TOPIC, PARTITIONS, RATE)
    zygote = Zygote(tmp_path / "citylake.toml", tmp_path / "stream.log")
    killed_brokers = 0
    try:
        pid = zygote.begin()
        publisher.start()
        for kill in range(KILLS):
            # one in four comes before it has any partition
            time.sleep(chance.uniform(session_s, session_s + 5) if chance.random() < 0.75 else chance.uniform(0.05, session_s))
            if isinstance(broker, JvmBroker) and kill % 7 == 6:
                broker.kill()
                killed_brokers += 1
                broker.start()
            zygote.kill(pid)
            pid = zygote.begin()
        publisher.told.set()
        publisher.join(150)
        assert publisher.error is None
        assert not publisher.is_alive()
        wait_until_flow_is_read(settings, publisher.sent)
        time.sleep(2)
        zygote.drain(pid)
    finally:
        publisher.told.set()
        zygote.close()
    check_flow(settings, publisher.sent)
    batches = len(landed_together(settings))
    assert batches > KILLS // 2, "it landed between the kills"
    done = refine(settings.lake, settings.city, "traffic_flow")
    assert sum(r.repeated for r in done) == 0
    assert sum(r.kept for r in done) == publisher.sent - len(broken(publisher.sent))
    assert int(ledger.balance(settings.lake)["off_by"].sum()) == 0
    print(f"{KILLS} kills, {killed_brokers} of the broker: {publisher.sent} events in {batches} batches")
