"""Two processes share the partitions of a Kafka topic, and come and go under load: no event is lost, none is twice in raw.

One process that is killed is in test_kill_kafka; what a tap does when partitions move in test_kafka.
"""

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.live.kafka_server import one_of
from tests.live.numbered import KafkaPublisher, check_flow, landed_together, wait_until_flow_is_read
from tests.live.test_kill_kafka import PARTITIONS, RATE, SESSION_S, TOPIC, written
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
@pytest.mark.parametrize("kind", SESSION_S)
def test_partitions_that_move_between_processes_are_landed_once(tmp_path: Path, kind: str) -> None:
    chance = random.Random()
    with one_of(kind, tmp_path, TOPIC, PARTITIONS) as broker:
        settings = written(tmp_path, broker, kind)
        publisher = KafkaPublisher(broker.hosts, TOPIC, PARTITIONS, RATE)
        members = [Member(tmp_path / "citylake.toml", name) for name in ("one", "other")]
        moves: Counter[str] = Counter()
        try:
            for member in members:
                moves[member.move(chance)] += 1
            publisher.start()
            for _ in range(MOVES):
                time.sleep(chance.uniform(0.2, 2.5 * SESSION_S[kind]))
                moves[chance.choice(members).move(chance)] += 1
            for member in members:
                if not member.pid:
                    member.move(chance)
            time.sleep(3 * SESSION_S[kind])
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
    together = landed_together(settings)
    assert 0 < min(together) < PARTITIONS, "the processes shared them"
    print(f"{dict(moves)}: {publisher.sent} events in {len(together)} batches of {min(together)} to {max(together)} partitions")
