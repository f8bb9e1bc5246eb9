"""The embedded broker: its streams, its lock, and what it promises to publishers over MQTT. Reading it: test_jetstream."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from pipelines.live.server import MQTT_STREAM, NatsServer
from pipelines.sources import jetstream
from schemas.errors import SettingsError
from tests.live import brokers
from tests.live.brokers import Stand, closing, on_nats, publish_mqtt, publish_stream, take, take_count
from tests.live.test_broker_settings import parse

pytestmark = pytest.mark.slow


def test_what_an_mqtt_publisher_was_promised_survives_killed_servers(tmp_path: Path) -> None:
    promised: set[bytes] = set()
    with brokers.nats_server(tmp_path) as server:
        server.keep_mqtt()
        for attempt in range(3):
            promised |= promises_until_killed(server, b"%d" % attempt)
            server.start()
        with closing(jetstream.open_tap(parse(server.url, stream=MQTT_STREAM), Stand().place)) as tap:
            taken = take(tap, lambda t: promised <= set(t.payloads))
    assert taken.positions == list(range(1, len(taken.payloads) + 1))
    assert len(promised) > 300


def promises_until_killed(server: NatsServer, mark: bytes) -> set[bytes]:
    """Publish until the server dies of it; returns what was acknowledged."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
    sent: dict[int, bytes] = {}
    acknowledged: list[int] = []
    client.on_publish = lambda *words: acknowledged.append(words[2])
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", server.mqtt_port)
    client.loop_start()
    for number in range(20_000):
        payload = b"%s %d" % (mark, number)
        sent[client.publish("city/a", payload, 1).mid] = payload
        if len(acknowledged) > 500:
            break
    server.kill()
    client.disconnect()
    client.loop_stop()
    return {sent[mid] for mid in acknowledged}


@pytest.fixture
def server(tmp_path: Path) -> Any:
    with brokers.nats_server(tmp_path / "a store") as running:
        yield running


def test_a_server_shares_its_folder_with_nobody(server: NatsServer) -> None:
    with pytest.raises(SettingsError, match="another server uses this folder"):
        NatsServer(server.folder).start()
    with pytest.raises(SettingsError, match="can be reached from outside"):
        NatsServer(server.folder, host="0.0.0.0")
    server.ensure_stream("city", ["city.>"])
    publish_stream(server.url, [("city.a", b"kept")])
    server.stop()
    with NatsServer(server.folder) as second:
        second.ensure_stream("city", ["city.>", "more.>"], max_bytes=10_000_000, max_age_s=3600)
        assert second.pid

        async def look(client: Any, streams: Any) -> Any:
            return await streams.stream_info("city")

        info = on_nats(second.url, look)
        assert (info.state.messages, info.config.max_bytes, info.config.max_age) == (1, 10_000_000, 3600)
    assert second.pid is None


def test_mqtt_is_kept_from_the_moment_that_it_is_asked_for(server: NatsServer) -> None:
    publish_mqtt(server.mqtt_port, [("city/a", b"too soon")])  # the server has made the stream its own way
    server.keep_mqtt()
    publish_mqtt(server.mqtt_port, [("city/a", b"kept")])
    with closing(jetstream.open_tap(parse(server.url, stream=MQTT_STREAM), Stand().place)) as tap:
        assert take_count(tap, 1).payloads == [b"kept"]


def test_a_stream_that_cannot_be_is_refused(server: NatsServer) -> None:
    server.ensure_stream("city", ["city.>"])
    with pytest.raises(SettingsError, match="stream other: the server refuses"):
        server.ensure_stream("other", ["city.flow.*"])


def test_a_taken_port_is_told(server: NatsServer, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"does not come up.*in use"):
        NatsServer(tmp_path / "second", port=server.port).start()


PROGRAM = """
import sys, time
from pipelines.live.server import NatsServer
print(NatsServer(sys.argv[1]).start().pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel cannot be told to")
def test_a_server_ends_with_the_process_that_started_it_however_that_ends(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert Path(f"/proc/{pid}/comm").read_text().strip() == "nats-server"
    parent.kill()
    parent.wait(60)
    brokers.wait_for(lambda: not is_alive(pid), "the server is gone")
    with NatsServer(tmp_path) as again:
        assert again.pid


def is_alive(pid: int) -> bool:
    """Whether the process is there and no zombie, which in a container may have nobody to bury it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_server_that_another_thread_started_outlives_that_thread(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            server._process.wait(1)  # type: ignore[union-attr]
        assert server.pid
    finally:
        server.stop()
