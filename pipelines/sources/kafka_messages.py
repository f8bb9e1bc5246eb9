"""Client objects of Kafka in our own words: messages by partition, errors by who can mend them.

Nothing here speaks to a broker.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, Message

from pipelines.live.tap import Messages

TOMBSTONE = b"null"
"""Payload of a message without value. It is JSON's word for that, becomes no row, and is refused visibly, not skipped."""
MENDED_BY_A_PERSON = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: "create the topic, or correct its name",
    KafkaError._UNKNOWN_TOPIC: "create the topic, or correct its name",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "let this user read the topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "let this user use the group, or name another one with group = ",
    KafkaError._AUTHENTICATION: "correct the credentials in the environment and the sasl options",
    KafkaError.INVALID_SESSION_TIMEOUT: "correct session.timeout.ms in options",
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: "end the other members of the group, or name another one with group = ",
}
"""Codes of errors that waiting does not mend, and what to do."""
OUT_OF_RANGE = (KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION, KafkaError.OFFSET_OUT_OF_RANGE)


def sorted_out(batch: list[Message], now_us: int, one_topic: bool) -> list[Messages]:
    """Messages of one fetch by partition.

    Args:
        now_us: epoch microseconds; `received_us` is Kafka's own timestamp (the broker's or the producer's), but never later.
        one_topic: whether the group reads no other topic.
    """
    payloads = [TOMBSTONE if v is None else v for v in map(Message.value, batch)]
    positions = _numbers(map(Message.offset, batch), len(batch))
    stamps = _numbers((ms for _, ms in map(Message.timestamp, batch)), len(batch))
    received = np.where(stamps > 0, np.minimum(stamps * 1000, now_us), now_us)
    numbers = _numbers(map(Message.partition, batch), len(batch))
    topics: list[Any] = list(map(Message.topic, batch))
    keys = numbers
    if not one_topic:
        codes = {topic: code for code, topic in enumerate(dict.fromkeys(topics))}
        keys = numbers + (_numbers(map(codes.__getitem__, topics), len(batch)) << 32)
    order = np.argsort(keys, kind="stable")
    if (order[1:] < order[:-1]).any():
        payloads, topics = [[values[i] for i in order.tolist()] for values in (payloads, topics)]
        positions, received, numbers, keys = (values[order] for values in (positions, received, numbers, keys))
    edges = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(batch)]
    out = []
    for begin, end in pairwise(edges):
        name, of = f"{topics[begin]}/{numbers[begin]}", slice(begin, end)
        mark = (name, int(positions[end - 1]) + 1)
        out.append(Messages(name, payloads[of], received[of], positions[of], topics[of], mark))
    return out


def _numbers(values: Any, count: int) -> np.ndarray:
    return np.fromiter(values, np.int64, count)
