"""A Kafka tap against librdkafka's mock cluster: every offset once, in order, wherever the lake stands.

What needs a log that stays (retention, a restart of the broker) is in test_kafka_broker.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest

from pipelines.live.tap import Messages, Place
from pipelines.sources import kafka
from schemas.errors import SourceError
from tests.live.kafka_lake import Lake, drain, numbered, options
from tests.live.kafka_server import MockCluster, publish, running, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[MockCluster]:
    with running(MockCluster(1)) as cluster:
        yield cluster


def test_every_offset_of_three_partitions_comes_once_and_in_order(cluster: MockCluster) -> None:
    cluster.tell("create", "order", 3)
    for partition in range(3):
        publish(cluster.hosts, "order", partition, numbered(partition, 4000), timestamp_ms=1_700_000_000_123)
    lake = Lake()
    with running(kafka.open_tap(options(cluster.hosts, "order"), lake.place())) as tap:
        first: list[Messages] = []
        wait_until(lambda: first.extend(tap.take(100)) or first)
        assert set(first[0].received_us) == {1_700_000_000_123_000}
        assert first[0].topics == ["order"] * len(first[0].payloads)
        assert all(lake.land(m) for m in first)
        drain(tap, lake, lambda: sum(lake.next.values()) == 12000, overtake=False)
        assert tap.is_connected
        wait_until(lambda: tap.lag() == 0)
        assert tap.take(1000) == []
    assert lake.rows == {f"order/{p}": numbered(p, 4000) for p in range(3)}
    assert lake.said == []


def test_a_restart_goes_on_where_the_lake_stands_whatever_the_group_committed(cluster: MockCluster) -> None:
    cluster.tell("create", "restart", 2)
    for partition in range(2):
        publish(cluster.hosts, "restart", partition, numbered(partition, 1000))
    first, second = Lake(), Lake(restart_0=250)
    with running(kafka.open_tap(options(cluster.hosts, "restart"), first.place())) as tap:
        drain(tap, first, lambda: sum(first.next.values()) == 2000)
        time.sleep(1.5)  # the group's own offsets are committed by now
    with running(kafka.open_tap(options(cluster.hosts, "restart"), second.place())) as tap:
        drain(tap, second, lambda: sum(second.next.values()) == 2000, overtake=False)
    assert second.rows == {"restart/0": numbered(0, 1000)[250:], "restart/1": numbered(1, 1000)}


def test_what_was_overtaken_comes_again_from_the_lake_s_place(cluster: MockCluster) -> None:
    cluster.tell("create", "rewound", 1)
    publish(cluster.hosts, "rewound", 0, numbered(0, 3000))
    lake = Lake()
    with running(kafka.open_tap(options(cluster.hosts, "rewound"), lake.place())) as tap:
        wait_until(lambda: tap.lag() == 3000)
        lake.next["rewound/0"] = 1234
        tap.rewind(["rewound/0"])
        again: list[Messages] = []
        wait_until(lambda: again.extend(tap.take(1 << 20)) or sum(len(m.payloads) for m in again) == 1766)
        assert again[0].positions is not None
        assert again[0].positions[0] == 1234
        assert [p for m in again for p in m.payloads] == numbered(0, 3000)[1234:]


def test_two_processes_share_the_partitions_and_lose_nothing_when_one_leaves(cluster: MockCluster) -> None:
    cluster.tell("create", "shared", 4)
    lake, stop = Lake(), threading.Event()

    def feed() -> None:
        for begin in range(0, 4000, 100):
            for partition in range(4):
                publish(cluster.hosts, "shared", partition, numbered(partition, 4000)[begin : begin + 100])

    def read(tap: Any) -> None:
        drain(tap, lake, lambda: stop.is_set() or sum(lake.next.values()) == 16000, 120)

    feeder = threading.Thread(target=feed)
    one, other = (kafka.open_tap(options(cluster.hosts, "shared"), lake.place()) for _ in range(2))
    readers = [threading.Thread(target=read, args=(tap,)) for tap in (one, other)]
    for thread in (feeder, *readers):
        thread.start()
    wait_until(lambda: sum(lake.next.values()) > 3000, 60)
    stop.set()
    readers[1].join()
    other.close()  # with messages held and not landed
    stop.clear()
    if not readers[0].is_alive():
        readers[0] = threading.Thread(target=read, args=(one,))
        readers[0].start()
    feeder.join()
    readers[0].join(120)
    one.close()
    assert lake.rows == {f"shared/{p}": numbered(p, 4000) for p in range(4)}


def test_messages_that_retention_took_are_said_with_their_number(cluster: MockCluster) -> None:
    cluster.tell("create", "short", 1)
    publish(cluster.hosts, "short", 0, [b"x" * 1000] * 20_000)  # the mock keeps 5 MB
    lake = Lake(short_0=10)
    with running(kafka.open_tap(options(cluster.hosts, "short"), lake.place())) as tap:
        first: list[Messages] = []
        wait_until(lambda: first.extend(tap.take(100)) or first)
        begin = int(first[0].positions[0])  # type: ignore[index]
        assert begin > 10
        assert lake.said[-1].startswith(f"LOST: Kafka has removed {begin - 10} messages of short/0 (10 to {begin - 1})")
        lake.next["short/0"] = begin
        assert all(lake.land(m) for m in first)
        drain(tap, lake, lambda: lake.next["short/0"] == 20_000, overtake=False)


def test_messages_that_go_while_the_reader_is_slow_are_said_too(cluster: MockCluster) -> None:
    cluster.tell("create", "overrun", 1)
    publish(cluster.hosts, "overrun", 0, [b"x" * 1000] * 3000)
    lake = Lake()
    with running(kafka.open_tap(options(cluster.hosts, "overrun"), lake.place(200_000))) as tap:
        wait_until(lambda: tap.is_full)
        publish(cluster.hosts, "overrun", 0, [b"x" * 1000] * 20_000)
        seen: list[int] = []

        def gaps() -> int:
            return sum(b - a - 1 for a, b in pairwise(seen))

        def all_seen() -> bool:
            for messages in tap.take(100_000):
                seen.extend(messages.positions.tolist())
            return bool(seen) and seen[-1] == 22_999

        wait_until(all_seen, 60)
        assert seen == sorted(set(seen))
        told = sum(int(s.split("removed ")[1].split()[0]) for s in lake.said if s.startswith("LOST"))
        assert gaps() == told > 0


def test_a_position_beyond_the_end_is_an_error_that_says_what_to_do(cluster: MockCluster) -> None:
    cluster.tell("create", "anew", 1)
    publish(cluster.hosts, "anew", 0, numbered(0, 10))
    lake = Lake(anew_0=5000)
    with running(kafka.open_tap(options(cluster.hosts, "anew"), lake.place())) as tap:
        with pytest.raises(SourceError, match=r"ends at 10, .* before 5000: the topic is a new one.*another name"):
            wait_until(lambda: tap.take(100))
        assert not tap.is_connected


def test_latest_skips_the_past_but_nothing_that_comes_between_two_starts(cluster: MockCluster) -> None:
    cluster.tell("create", "late", 1)
    publish(cluster.hosts, "late", 0, numbered(0, 100))
    lake = Lake()
    with running(kafka.open_tap(options(cluster.hosts, "late", start="latest"), lake.place())) as tap:
        wait_until(lambda: tap.lag() == 0)
        assert tap.take(1000) == []
    publish(cluster.hosts, "late", 0, [b"between"])
    with running(kafka.open_tap(options(cluster.hosts, "late", start="latest"), lake.place())) as tap:
        got: list[Messages] = []
        wait_until(lambda: got.extend(tap.take(1000)) or got)
    assert [(m.payloads, m.positions.tolist()) for m in got] == [([b"between"], [100])]  # type: ignore[union-attr]


def test_a_reader_that_stops_bounds_what_is_held_and_then_gets_all(cluster: MockCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.sources.kafka_tap.PATIENCE_S", 0.5)  # so that it pauses, as after ten seconds
    cluster.tell("create", "full", 2)
    for partition in range(2):
        publish(cluster.hosts, "full", partition, [b"x" * 1000] * 4000)
    lake = Lake()
    with running(kafka.open_tap(options(cluster.hosts, "full"), lake.place(1_000_000))) as tap:
        wait_until(lambda: tap.is_full)
        time.sleep(2)
        held = sum(len(p) for m in tap._held for p in m.payloads)
        assert 500_000 <= held < 1_000_000
        drain(tap, lake, lambda: sum(lake.next.values()) == 8000, overtake=False)


def test_a_message_without_value_is_not_skipped_unsaid(cluster: MockCluster) -> None:
    cluster.tell("create", "tombstones", 1)
    publish(cluster.hosts, "tombstones", 0, [b"{}", None, b""])
    with running(kafka.open_tap(options(cluster.hosts, "tombstones"), Lake().place())) as tap:
        got: list[bytes] = []
        wait_until(lambda: got.extend(p for m in tap.take(1000) for p in m.payloads) or len(got) == 3)
    assert got == [b"{}", b"null", b""]


def test_several_topics_keep_their_names(cluster: MockCluster) -> None:
    for topic in ("north.flow", "south_flow"):
        cluster.tell("create", topic, 2)
        for partition in range(2):
            publish(cluster.hosts, topic, partition, numbered(partition, 50))
    got: dict[str, list[bytes]] = {}
    with running(kafka.open_tap(options(cluster.hosts, ["north.flow", "south_flow"]), Lake().place())) as tap:

        def all_there() -> bool:
            for m in tap.take(1 << 20):
                assert set(m.topics or []) == {m.partition.partition("/")[0]}
                got.setdefault(m.partition, []).extend(m.payloads)
            return sum(map(len, got.values())) == 200

        wait_until(all_there)
    assert got == {f"{t}/{p}": numbered(p, 50) for t in ("north.flow", "south_flow") for p in range(2)}


def test_a_store_that_is_away_is_waited_for(cluster: MockCluster) -> None:
    cluster.tell("create", "store", 1)
    publish(cluster.hosts, "store", 0, numbered(0, 10))
    lake, away = Lake(), [True]

    def positions(partitions: Sequence[str]) -> dict[str, int]:
        if away[0]:
            raise OSError("no such bucket")
        return lake.positions(partitions)

    with running(kafka.open_tap(options(cluster.hosts, "store"), Place("f", "s", 1 << 26, positions, lake.said.append))) as tap:
        wait_until(lambda: any("no such bucket; trying again" in s for s in lake.said))
        assert tap.take(1000) == []
        away[0] = False
        drain(tap, lake, lambda: lake.next.get("store/0") == 10)
        assert lake.said[-1] == ""


def test_a_broker_that_goes_and_comes_is_said_and_one_that_is_killed_too() -> None:
    with running(MockCluster(1, {"t": 1})) as cluster:
        lake = Lake()
        with running(kafka.open_tap(options(cluster.hosts), lake.place())) as tap:
            publish(cluster.hosts, "t", 0, numbered(0, 10))
            drain(tap, lake, lambda: lake.next.get("t/0") == 10)
            cluster.tell("down")
            wait_until(lambda: not tap.is_connected)
            wait_until(lambda: lake.said and lake.said[-1] == "no broker is there; trying again")
            cluster.tell("up")
            wait_until(lambda: tap.is_connected)
            publish(cluster.hosts, "t", 0, numbered(0, 20)[10:])
            drain(tap, lake, lambda: lake.next.get("t/0") == 20, overtake=False)
            wait_until(lambda: lake.said[-1] == "")
            cluster.kill()
            wait_until(lambda: not tap.is_connected)
            assert tap.take(1000) == []
    assert lake.rows == {"t/0": numbered(0, 20)}


def test_a_topic_that_is_not_there_is_an_error(cluster: MockCluster) -> None:
    tap = kafka.open_tap(options(cluster.hosts, "nowhere"), Lake().place())
    with running(tap), pytest.raises(SourceError, match=r"nowhere.*create the topic"):
        wait_until(lambda: tap.take(100))
