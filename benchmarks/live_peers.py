"""Plain consumers of the same brokers that only count: what the client libraries themselves can do here.

Each counts from its first message to its last, with the settings that make it fastest.
"""

import asyncio
import time
from urllib.parse import urlsplit

from benchmarks.live_brokers import FILTER, STREAM, SUBJECT, TOPIC


def count_jetstream(url: str, messages: int) -> float:
    """Messages a second of a pull consumer."""
    return asyncio.run(_count_jetstream(url, messages))


async def _count_jetstream(url: str, messages: int) -> float:
    import nats
    from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

    connection = await nats.connect(url)
    seen: list[float] = []
    count = [0]

    async def counted(_: object) -> None:
        count[0] += 1
        if count[0] in (1, messages):
            seen.append(time.perf_counter())

    # an ordered push consumer with a callback is faster than fetch
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL)
    stream = connection.jetstream(timeout=60)
    await stream.subscribe(SUBJECT, cb=counted, stream=STREAM, ordered_consumer=True, config=config, pending_msgs_limit=-1)
    while count[0] < messages:
        await asyncio.sleep(0.02)
    await connection.close()
    return (messages - 1) / (seen[1] - seen[0])


def count_kafka(hosts: str, messages: int) -> float:
    """Messages a second of a consumer that takes them in bulk."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    reader = Consumer(
        {"bootstrap.servers": hosts, "group.id": "counter", "enable.auto.commit": False, "fetch.queue.backoff.ms": 10}
    )
    numbers = reader.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions
    reader.assign([TopicPartition(TOPIC, n, OFFSET_BEGINNING) for n in numbers])
    seen, began = 0, 0.0
    while seen < messages:
        got = len(reader.consume(10_000, timeout=1))
        if got and not began:
            began, first = time.perf_counter(), got
        seen += got
    rate = (seen - first) / (time.perf_counter() - began)
    reader.close()
    return rate


def count_mqtt(url: str, messages: int, client_id: str) -> float:
    """Messages a second of a subscriber, QoS 1, acknowledged by the library. Its session must have been made before."""
    import paho.mqtt.client as mqtt

    client = _client(client_id)
    seen: list[float] = []
    count = [0]

    def on_message(_c: object, _u: object, _m: mqtt.MQTTMessage) -> None:
        count[0] += 1
        if count[0] in (1, messages):
            seen.append(time.perf_counter())

    client.on_message = on_message
    place = urlsplit(url)
    client.connect(place.hostname or "", place.port or 1883)
    client.loop_start()
    while count[0] < messages:
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()
    return (messages - 1) / (seen[1] - seen[0])


def _client(client_id: str) -> "mqtt.Client":  # type: ignore[name-defined]  # noqa: F821
    import paho.mqtt.client as mqtt

    return mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, protocol=mqtt.MQTTv311)


def make_session(url: str, client_id: str) -> None:
    """Subscribe and leave, so that the broker keeps what is published from now on."""
    client = _client(client_id)
    subscribed = [False]

    def on_connect(c: object, *_: object) -> None:
        c.subscribe(FILTER, qos=1)  # type: ignore[attr-defined]

    def on_subscribe(*_: object) -> None:
        subscribed[0] = True

    client.on_connect, client.on_subscribe = on_connect, on_subscribe
    place = urlsplit(url)
    client.connect(place.hostname or "", place.port or 1883)
    client.loop_start()
    while not subscribed[0]:
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()
