"""Brokers that a benchmark reads from, filled before or while it reads: in processes of their own.

Who reads is in live_ours.py and live_peers.py.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

from benchmarks import events

SUBJECT, STREAM, TOPIC, FILTER = "city.flow", "CITY", "city-flow", "bench/flow"
FLUSH_EVERY = 500
_kept: list[Any] = []
"""What must live as long as this process."""


def nats(folder: str) -> dict[str, str]:
    """Start a NATS server with JetStream and MQTT; it ends with this process's call of `stop`."""
    from pipelines.live.server import NatsServer

    server = NatsServer(folder).start()
    server.ensure_stream(STREAM, [SUBJECT])
    server.ensure_stream("BENCH", ["bench.>"])
    _kept.append(server)
    return {"nats": server.url, "mqtt": server.mqtt_url}


def stop() -> None:
    """End the server."""
    for server in _kept:
        server.stop()


def lines(count: int, folder: str) -> list[bytes]:
    """Events as the files of the other benchmarks have them."""
    path = Path(folder) / "events.jsonl"
    events.write(path, count)
    found = path.read_bytes().splitlines()
    path.unlink()
    return found


def messages(count: int, each: int, folder: str) -> list[bytes]:
    """`count` events in messages of `each`."""
    found = lines(count, folder)
    return found if each == 1 else [b"\n".join(found[i : i + each]) for i in range(0, count, each)]


def fill_jetstream(url: str, count: int, each: int, folder: str) -> None:
    """Put events into the stream."""
    asyncio.run(_fill_jetstream(url, messages(count, each, folder)))


async def _fill_jetstream(url: str, payloads: list[bytes]) -> None:
    import nats as client

    connection = await client.connect(url)
    stream = connection.jetstream(timeout=60)
    had = (await stream.stream_info(STREAM)).state.messages
    for number, payload in enumerate(payloads):
        await connection.publish(SUBJECT, payload)
        if number % FLUSH_EVERY == 0:
            await connection.flush(60)
    await connection.flush(60)
    while (await stream.stream_info(STREAM)).state.messages < had + len(payloads):
        await asyncio.sleep(0.05)
    await connection.close()


def kafka(count: int, each: int, folder: str, partitions: int = 64) -> str:
    """A mock cluster of librdkafka in a child process, with events in a topic; gives its address.

    It keeps at most 5 MB a partition.
    """
    from confluent_kafka import Producer

    from tests.live.kafka_server import MockCluster

    payloads = messages(count, each, folder)
    cluster = MockCluster(topics={TOPIC: partitions})
    _kept.append(_Cluster(cluster))
    producer = Producer({"bootstrap.servers": cluster.hosts, "queue.buffering.max.messages": 2_000_000, "linger.ms": 5})
    for number, payload in enumerate(payloads):
        producer.produce(TOPIC, payload, partition=number % partitions)
        if number % 10_000 == 0:
            producer.poll(0)
    producer.flush(120)
    return cluster.hosts


class _Cluster:
    """A mock cluster that ends as the servers do."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster

    def stop(self) -> None:
        """End it."""
        self._cluster.close()


def fill_mqtt(url: str, count: int, folder: str) -> None:
    """Publish events with QoS 1 and wait until the broker has them all."""
    _publish_mqtt(url, messages(count, 1, folder))


def _publish_mqtt(url: str, payloads: list[bytes]) -> None:
    from urllib.parse import urlsplit

    import paho.mqtt.client as mqtt

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.max_inflight_messages_set(2000)
    client.max_queued_messages_set(0)
    done = [0]

    def on_publish(*_: object) -> None:
        done[0] += 1

    client.on_publish = on_publish
    place = urlsplit(url)
    client.connect(place.hostname or "", place.port or 1883)
    client.loop_start()
    for number, payload in enumerate(payloads):
        client.publish(FILTER, payload, qos=1)
        while number - done[0] > 4000:
            time.sleep(0.005)
    while done[0] < len(payloads):
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()


def publish_stamped(url: str, rate: int, seconds: float, each: int, subject: str = SUBJECT) -> int:
    """Publish events at a rate, each stamped with the moment; gives how many."""
    return asyncio.run(_publish_stamped(url, rate, seconds, each, subject))


async def _publish_stamped(url: str, rate: int, seconds: float, each: int, subject: str) -> int:
    import nats as client

    connection = await client.connect(url)
    began, sent = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        due = int(passed * rate) // each * each
        while sent < due:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now := time.time())) + f"{now % 1:.6f}"[1:] + "Z"
            body = [EVENT % (sent + i, stamp, (sent + i) % 60) for i in range(each)]
            await connection.publish(subject, "\n".join(body).encode())
            sent += each
        await connection.flush(10)
        await asyncio.sleep(0.005)
    await connection.flush(60)
    await connection.close()
    return sent


EVENT = (
    '{"sensor_id":"S%07d","lane":1,"observed_at":"%s","interval_s":60,"vehicle_count":%d,'
    '"mean_speed_kmh":52.5,"occupancy_share":0.07,"device":{"firmware":"4.2.1","battery_v":12.6}}'
)
