"""A Kafka tap against Apache Kafka itself: a log that stays, and that retention cuts. Skipped where Java or the jars are not.

``python -m tests.live.kafka_server fetch .kafka`` has Maven fetch the jars.
"""

from collections.abc import Iterator

import pytest

from pipelines.sources import kafka
from schemas.errors import SourceError
from tests.live.kafka_lake import Lake, drain, numbered, options
from tests.live.kafka_server import JvmBroker, has_jvm_broker, publish, running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not has_jvm_broker(), reason="no Java, or no jars of Apache Kafka")]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JvmBroker]:
    with running(JvmBroker(tmp_path_factory.mktemp("kafka"))) as broker:
        yield broker


def test_a_broker_that_is_killed_and_comes_back_costs_nothing(broker: JvmBroker) -> None:
    broker.create("killed", 2)
    lake = Lake()
    with running(kafka.open_tap(options(broker.hosts, "killed"), lake.place())) as tap:
        for partition in range(2):
            publish(broker.hosts, "killed", partition, numbered(partition, 500))
        drain(tap, lake, lambda: sum(lake.next.values()) == 1000, overtake=False)
        broker.kill()
        wait_until(lambda: not tap.is_connected and "no broker is there; trying again" in lake.said)
        broker.start()
        for partition in range(2):
            publish(broker.hosts, "killed", partition, numbered(partition, 1000)[500:])
        drain(tap, lake, lambda: sum(lake.next.values()) == 2000)
        wait_until(lambda: tap.is_connected and lake.said[-1] == "")
    assert lake.rows == {f"killed/{p}": numbered(p, 1000) for p in range(2)}


def test_records_deleted_under_the_lake_s_position_are_said(broker: JvmBroker) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    broker.create("cut", 1)
    publish(broker.hosts, "cut", 0, numbered(0, 1000))
    cut = TopicPartition("cut", 0, 700)
    admin = AdminClient({"bootstrap.servers": broker.hosts})
    admin.delete_records([cut])[cut].result(30)
    lake = Lake(cut_0=100)
    with running(kafka.open_tap(options(broker.hosts, "cut"), lake.place())) as tap:
        wait_until(lambda: any(s.startswith("LOST: Kafka has removed 600 messages of cut/0 (100 to 699)") for s in lake.said))
        lake.next["cut/0"] = 700
        drain(tap, lake, lambda: lake.next["cut/0"] == 1000, overtake=False)


def test_a_topic_made_anew_is_an_error_even_while_it_is_read(broker: JvmBroker) -> None:
    broker.create("remade", 1)
    publish(broker.hosts, "remade", 0, numbered(0, 100))
    lake = Lake()
    with running(kafka.open_tap(options(broker.hosts, "remade"), lake.place())) as tap:
        drain(tap, lake, lambda: lake.next.get("remade/0") == 100)
        broker.delete("remade")
        broker.create("remade", 1)
        publish(broker.hosts, "remade", 0, numbered(0, 5))
        with pytest.raises(SourceError, match=r"the topic is a new one|create the topic"):
            wait_until(lambda: tap.take(1000), 60)
    tap = kafka.open_tap(options(broker.hosts, "remade"), lake.place())
    with running(tap), pytest.raises(SourceError, match=r"ends at 5, but the lake has all before 100"):
        wait_until(lambda: tap.take(1000), 60)


def test_the_consumer_protocol_of_kafka_4_works_too(broker: JvmBroker) -> None:
    broker.create("protocol", 3)
    for partition in range(3):
        publish(broker.hosts, "protocol", partition, numbered(partition, 300))
    lake = Lake(protocol_1=100)
    with running(kafka.open_tap(options(broker.hosts, "protocol", options={"group.protocol": "consumer"}), lake.place())) as tap:
        drain(tap, lake, lambda: sum(lake.next.values()) == 900, overtake=False)
    assert lake.rows["protocol/1"] == numbered(1, 300)[100:]


def test_a_partition_added_later_is_taken_from_its_start_by_latest_too(broker: JvmBroker) -> None:
    from confluent_kafka.admin import AdminClient, NewPartitions

    broker.create("grown", 1)
    lake = Lake()
    quick = {"topic.metadata.refresh.interval.ms": 1000}
    with running(kafka.open_tap(options(broker.hosts, "grown", start="latest", options=quick), lake.place())) as tap:
        wait_until(lambda: tap.lag() == 0)
        publish(broker.hosts, "grown", 0, numbered(0, 10))
        drain(tap, lake, lambda: lake.next.get("grown/0") == 10)
        admin = AdminClient({"bootstrap.servers": broker.hosts})
        admin.create_partitions([NewPartitions("grown", 2)])["grown"].result(30)
        wait_until(lambda: len(admin.list_topics("grown", timeout=10).topics["grown"].partitions) == 2)
        publish(broker.hosts, "grown", 1, numbered(1, 10))
        drain(tap, lake, lambda: lake.next.get("grown/1") == 10)
    assert lake.rows["grown/1"] == numbered(1, 10)


def test_the_group_at_the_broker_shows_what_has_landed(broker: JvmBroker) -> None:
    from confluent_kafka import Consumer, TopicPartition

    broker.create("shown", 1)
    publish(broker.hosts, "shown", 0, numbered(0, 50))
    lake = Lake()
    with running(kafka.open_tap(options(broker.hosts, "shown"), lake.place())) as tap:
        drain(tap, lake, lambda: lake.next.get("shown/0") == 50)
        watcher = Consumer({"bootstrap.servers": broker.hosts, "group.id": "of shown", "log_level": 0})
        wait_until(lambda: watcher.committed([TopicPartition("shown", 0)], timeout=10)[0].offset == 50)
        watcher.close()
