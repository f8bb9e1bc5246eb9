"""Kafka brokers for tests: librdkafka's mock cluster in a process of its own, and a JVM broker where its jars are.

Nothing is asserted here. ``python -m tests.live.kafka_server fetch FOLDER`` has Maven fetch the jars of the JVM broker.
"""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
JARS = Path(os.environ.get("CITYLAKE_KAFKA_JARS", ROOT / ".kafka"))
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>citylake</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.4.0</version>
</dependency></dependencies></project>
"""


class MockCluster:
    """librdkafka's mock brokers. They keep at most 5 MB of a partition, and nothing when they end."""

    def __init__(self, brokers: int = 1, topics: dict[str, int] | None = None) -> None:
        command = [sys.executable, "-m", "tests.live.kafka_server", "serve", str(brokers)]
        self._child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._child.pid
        self.hosts = self._answer()["hosts"]
        for topic, partitions in (topics or {}).items():
            self.tell("create", topic, partitions)

    def tell(self, *command: Any) -> None:
        """create TOPIC PARTITIONS, down, up, or deny (the next fetches are answered with an error code)."""
        assert self._child.stdin
        print(json.dumps(command), file=self._child.stdin, flush=True)
        assert self._answer() == {"error": 0}

    def kill(self) -> None:
        """End it as a crash would."""
        self._child.kill()
        self._child.wait(30)

    close = kill

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout
        return json.loads(self._child.stdout.readline() or '{"error": "the mock cluster ended"}')


def serve(brokers: int) -> None:
    """The mock cluster's process: commands in, answers out, until the one who started it is gone."""
    import confluent_kafka

    (library,) = Path(confluent_kafka.__file__).parent.parent.glob("confluent_kafka.libs/librdkafka-*")
    kafka = ctypes.CDLL(str(library))
    handle, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, arguments in (
        ("rd_kafka_conf_new", handle, ()),
        ("rd_kafka_conf_set", ctypes.c_int, (handle, text, text, text, ctypes.c_size_t)),
        ("rd_kafka_new", handle, (ctypes.c_int, handle, text, ctypes.c_size_t)),
        ("rd_kafka_mock_cluster_new", handle, (handle, ctypes.c_int)),
        ("rd_kafka_mock_cluster_bootstraps", text, (handle,)),
        ("rd_kafka_mock_topic_create", ctypes.c_int, (handle, text, ctypes.c_int, ctypes.c_int)),
        ("rd_kafka_mock_broker_set_down", ctypes.c_int, (handle, ctypes.c_int32)),
        ("rd_kafka_mock_broker_set_up", ctypes.c_int, (handle, ctypes.c_int32)),
    ):
        function = getattr(kafka, name)
        function.restype, function.argtypes = result, arguments
    configuration = kafka.rd_kafka_conf_new()
    kafka.rd_kafka_conf_set(configuration, b"log_level", b"0", None, 0)
    cluster = kafka.rd_kafka_mock_cluster_new(kafka.rd_kafka_new(0, configuration, None, 0), brokers)
    print(json.dumps({"hosts": kafka.rd_kafka_mock_cluster_bootstraps(cluster).decode()}), flush=True)
    for line in sys.stdin:
        match json.loads(line):
            case ["create", topic, partitions]:
                error = kafka.rd_kafka_mock_topic_create(cluster, topic.encode(), partitions, 1)
            case ["down" | "up" as state]:
                error = getattr(kafka, f"rd_kafka_mock_broker_set_{state}")(cluster, -1)
            case other:
                error = f"{other} is no command"
        print(json.dumps({"error": error}), flush=True)


class JvmBroker:
    """Apache Kafka itself, one node. Its log stays in the folder when it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._ports = folder, (_free_port(), _free_port())
        self.hosts = f"127.0.0.1:{self._ports[0]}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self._ports[1]}",
            "listeners": f"PLAINTEXT://{self.hosts},CONTROLLER://127.0.0.1:{self._ports[1]}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": folder / "logs",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            "auto.create.topics.enable": "false",
            "log.retention.check.interval.ms": 500,
            "log.initial.task.delay.ms": 500,
            "log.segment.delete.delay.ms": 0,
        }
        self._settings = folder / "server.properties"
        self._settings.write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        self._java("kafka.tools.StorageTool", "format", "-t", "A" * 21 + "Q", "-c", str(self._settings)).wait(60)
        self.start()

    def start(self) -> None:
        self._server = self._java("kafka.Kafka", str(self._settings))
        wait_until(lambda: _listens(self._ports[0]), 60)

    def kill(self) -> None:
        self._server.kill()
        self._server.wait(30)

    close = kill

    def create(self, topic: str, partitions: int, **settings: str) -> None:
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient({"bootstrap.servers": self.hosts})
        wanted = NewTopic(topic, partitions, 1, config={k.replace("_", "."): v for k, v in settings.items()})
        admin.create_topics([wanted])[topic].result(60)

    def delete(self, topic: str) -> None:
        from confluent_kafka.admin import AdminClient

        admin = AdminClient({"bootstrap.servers": self.hosts})  # it must outlive its answer
        admin.delete_topics([topic])[topic].result(60)

    def _java(self, *command: str) -> subprocess.Popen[bytes]:
        log = (self._folder / "java.log").open("ab")
        return subprocess.Popen(["java", "-Xmx400m", "-cp", f"{JARS}/*", *command], stdout=log, stderr=log, cwd=self._folder)


def has_jvm_broker() -> bool:
    """Whether Java and the broker's jars are here."""
    return shutil.which("java") is not None and any(JARS.glob("kafka_2.13-*.jar"))


@contextmanager
def running(broker: Any) -> Iterator[Any]:
    """End a broker whatever happens."""
    try:
        yield broker
    finally:
        broker.close()


MOCK, JVM = "the mock cluster", "a JVM broker"


@contextmanager
def one_of(kind: str, folder: Path, topic: str, partitions: int) -> Iterator[Any]:
    """MOCK or JVM with a topic; skips the test where it cannot be had."""
    import pytest

    if kind == MOCK:
        with running(MockCluster(topics={topic: partitions})) as cluster:
            yield cluster
        return
    if not has_jvm_broker():
        pytest.skip("no Java, or no jars of Apache Kafka")
    (folder / "kafka").mkdir()
    with running(JvmBroker(folder / "kafka")) as jvm:
        jvm.create(topic, partitions)
        yield jvm


def publish(hosts: str, topic: str, partition: int, values: Iterable[bytes | None], timestamp_ms: int = 0) -> None:
    """Write to one partition, in order, and wait until the broker has it."""
    from confluent_kafka import Producer

    failed: list[Any] = []
    producer = Producer({"bootstrap.servers": hosts, "linger.ms": 5, "queue.buffering.max.messages": 2_000_000, "log_level": 0})
    for value in values:
        producer.produce(
            topic, value, partition=partition, timestamp=timestamp_ms, on_delivery=lambda e, _: e and failed.append(e)
        )
        producer.poll(0)
    assert producer.flush(60) == 0
    assert not failed


def wait_until(is_so: Any, seconds: float = 30.0) -> None:
    """Wait for a condition, generously."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", number]:
            serve(int(number))
        case ["fetch", target]:
            Path(target).mkdir(parents=True, exist_ok=True)
            (Path(target) / "pom.xml").write_text(POM)
            subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=."], cwd=target, check=True)
