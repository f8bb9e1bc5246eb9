"""Where each Kafka partition starts: at the lake's position, or loudly elsewhere when the broker no longer has it.

Reading messages is `kafka_tap`. Nothing here is asked per message.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.errors import SourceError

TIMEOUT_S = 10.0


def named(partition: Any) -> str:
    """The lake's name of a partition, from a TopicPartition (attributes) or a Message (methods)."""
    topic, number = partition.topic, partition.partition
    return f"{topic()}/{number()}" if callable(topic) else f"{topic}/{number}"


def place_of(name: str, offset: int) -> TopicPartition:
    """The client's name of a partition, at an offset."""
    topic, _, number = name.rpartition("/")
    return TopicPartition(topic, int(number), offset)


def starts(
    consumer: Consumer, names: Iterable[str], wanted: Mapping[str, int], start: str, where: str
) -> tuple[dict[str, int], str]:
    """The offset to start each partition at, and what to say of messages that are gone ("" where none are).

    Args:
        wanted: the next position of each; 0 where the lake has nothing of it.
        start: "earliest" or "latest", for partitions that the lake has nothing of.

    Raises:
        SourceError: a partition ends before the position that is wanted.
        KafkaException: the broker did not answer; ask again.
    """
    names = list(names)
    out, gone, ends = {}, [], _ends(consumer, names)
    for name in names:
        low, high = ends[name]
        position = wanted.get(name, 0)
        if position > high:
            raise SourceError(
                where,
                f"{name} ends at {high}, but the lake has all before {position}: the topic is a new one, or lost its end",
                "give the source another name in citylake.toml to begin anew with it, or correct the cluster in uri",
            )
        if position:
            out[name] = max(position, low)
            if position < low:
                gone.append(f"{low - position} messages of {name} ({position} to {low - 1})")
        else:
            out[name] = low if start == "earliest" else _latest(consumer, name, low, high)
    return out, f"LOST: Kafka has removed {', '.join(gone)} before they were landed; going on with what there is" if gone else ""


EARLIEST, LATEST = -2, -1
"""Times that ListOffsets takes for a partition's ends (Kafka protocol, ListOffsets request)."""


def _ends(consumer: Consumer, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The first offset and the one after the last of each partition: all in two questions, for one by one each costs a fetch."""
    found = []
    for time in (EARLIEST, LATEST):
        answers = consumer.offsets_for_times([place_of(n, time) for n in names], timeout=TIMEOUT_S)
        found.append({f"{p.topic}/{p.partition}": p.offset for p in answers if not p.error and p.offset >= 0})
    out = {}
    for name in names:
        if all(name in told for told in found):
            out[name] = (found[0][name], found[1][name])
            continue
        asked = consumer.get_watermark_offsets(place_of(name, 0), timeout=TIMEOUT_S)
        if asked is None:
            raise TimeoutError(f"no answer about {name} in {TIMEOUT_S:.0f} s")
        out[name] = asked
    return out


def _latest(consumer: Consumer, name: str, low: int, high: int) -> int:
    """The end of a partition as it was when the group first saw its topic.

    The ends of all partitions are committed to the broker then, so that a restart before the first landing skips nothing. A
    partition without such an end was added to the topic later: it is taken from its start.
    """
    topic, _, number = name.rpartition("/")
    numbers = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
    noted = {p.partition: p for p in consumer.committed([TopicPartition(topic, n) for n in numbers], timeout=TIMEOUT_S)}
    for partition in noted.values():
        if partition.error:
            raise KafkaException(partition.error)
    own = noted[int(number)].offset
    if own >= 0:
        return min(max(own, low), high)
    if any(p.offset >= 0 for p in noted.values()):
        return low
    ends = _ends(consumer, [f"{topic}/{n}" for n in numbers]) | {name: (low, high)}
    consumer.commit(offsets=[place_of(n, end) for n, (_, end) in ends.items()], asynchronous=False)
    return high
