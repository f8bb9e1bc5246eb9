"""kill -9 of a stream of Kafka at random moments under load: no published event is lost, none is twice in raw.

Two processes of one group are in test_rebalance; other brokers in test_kill.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.refined import refine
from dagster_project.settings import load
from schemas import ledger
from tests.live.kafka_server import JvmBroker, MockCluster, has_jvm_broker, running
from tests.live.numbered import KafkaPublisher, broken, check_flow, wait_until_flow_is_read
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
options = {{ "session.timeout.ms" = 1500, "heartbeat.interval.ms" = 300 }}
"""


@pytest.fixture(params=["the mock cluster", "a JVM broker"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "the mock cluster":
        with running(MockCluster(topics={TOPIC: PARTITIONS})) as cluster:
            yield cluster
        return
    if not has_jvm_broker():
        pytest.skip("no JVM broker here")
    (tmp_path / "kafka").mkdir()
    with running(JvmBroker(tmp_path / "kafka")) as jvm:
        jvm.create(TOPIC, PARTITIONS)
        yield jvm


@pytest.mark.timeout(1500)
def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path: Path, broker: Any) -> None:
    chance = random.Random()
    (tmp_path / "citylake.toml").write_text(TOML.format(hosts=broker.hosts))
    settings = load(tmp_path / "citylake.toml")
    publisher = KafkaPublisher(broker.hosts, TOPIC, PARTITIONS, RATE)
    zygote = Zygote(tmp_path / "citylake.toml", tmp_path / "stream.log")
    killed_brokers = 0
    try:
        pid = zygote.begin()
        publisher.start()
        for kill in range(KILLS):
            time.sleep(chance.choice([chance.uniform(0.05, 2), chance.uniform(2, 6), chance.uniform(2, 6)]))
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
    done = refine(settings.lake, settings.city, "traffic_flow")
    assert sum(r.repeated for r in done) == 0
    assert sum(r.kept for r in done) == publisher.sent - len(broken(publisher.sent))
    assert int(ledger.balance(settings.lake)["off_by"].sum()) == 0
    print(f"{KILLS} kills, {killed_brokers} of the broker: {publisher.sent} events")
