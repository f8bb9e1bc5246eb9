"""Two processes share the partitions of a Kafka topic, and come and go under load: no event is lost, none is twice in raw.

One process that is killed is in test_kill_kafka; what a tap does when partitions move in test_kafka.
"""

import random
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from dagster_project.settings import Settings, load
from tests.live.kafka_server import MockCluster, running
from tests.live.numbered import KafkaPublisher, check_flow, wait_until_flow_is_read
from tests.live.test_kill_kafka import PARTITIONS, RATE, TOML, TOPIC
from tests.live.zygote import Zygote

pytestmark = pytest.mark.slow

MOVES = 14


class Member:
    """One of the processes, which comes and goes."""

    def __init__(self, settings: Path, name: str) -> None:
        self.zygote = Zygote(settings, settings.with_name(f"{name}.log"))
        self.pid = 0

    def move(self, chance: random.Random) -> str:
        """Start it; or kill or drain it, where it runs. Says which."""
        if not self.pid:
            self.pid = self.zygote.begin()
            return "started"
        way = chance.choice(["killed", "drained"])
        (self.zygote.kill if way == "killed" else self.zygote.drain)(self.pid)
        self.pid = 0
        return way


@pytest.mark.timeout(1500)
def test_partitions_that_move_between_processes_are_landed_once(tmp_path: Path) -> None:
    chance = random.Random()
    with running(MockCluster(topics={TOPIC: PARTITIONS})) as broker:
        (tmp_path / "citylake.toml").write_text(TOML.format(hosts=broker.hosts))
        settings = load(tmp_path / "citylake.toml")
        publisher = KafkaPublisher(broker.hosts, TOPIC, PARTITIONS, RATE)
        members = [Member(tmp_path / "citylake.toml", name) for name in ("one", "other")]
        moves: Counter[str] = Counter()
        try:
            for member in members:
                moves[member.move(chance)] += 1
            publisher.start()
            for _ in range(MOVES):
                time.sleep(chance.uniform(1, 7))
                moves[chance.choice(members).move(chance)] += 1
            for member in members:
                if not member.pid:
                    member.move(chance)
            time.sleep(5)
            publisher.told.set()
            publisher.join(150)
            assert publisher.error is None
            wait_until_flow_is_read(settings, publisher.sent)
            time.sleep(2)
            for member in members:
                member.zygote.drain(member.pid)
        finally:
            publisher.told.set()
            for member in members:
                member.zygote.close()
    check_flow(settings, publisher.sent)
    print(f"{dict(moves)}: {publisher.sent} events; partitions landed together: {landed_together(settings)}")


def landed_together(settings: Settings) -> list[int]:
    """How many partitions batches had, from the most on; fewer than all where processes shared them."""
    scan = settings.lake.scan("raw", "traffic_flow")
    assert scan is not None
    counts = scan.group_by("_landed_at").agg(pl.col("_source").n_unique()).select("_source").collect().to_series()
    return sorted(set(counts), reverse=True)
