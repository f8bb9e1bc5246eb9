"""kill -9 of the stream, and of the broker, at random moments under load: no published event is lost, none is twice in refined.

JetStream is replayed by sequence, so raw has each message once, too; MQTT may give one again, and the books say so.
"""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from assets.refined import refine
from dagster_project.settings import load
from pipelines.live.server import NatsServer
from schemas import ledger
from tests.live.numbered import Publisher, broken, check_flow, flow, landed, stamp, wait_until_flow_is_read, wait_until_read
from tests.live.zygote import Zygote

KILLS = 50
TOML = """
[city]
name = "Testville"
time_zone = "Europe/Berlin"
[lake]
root = "lake"
[stream]
commit_s = 0.1
[feeds.traffic_flow.sources.replayed]
uri = "{nats}"
stream = "FLOW"
format = "json_lines"
[feeds.meter_readings.sources.redelivered]
uri = "{mqtt}"
topic = "meters/#"
version = 3
window = 2000
format = "json_lines"
"""


class FlowPublisher(Publisher):
    """Events into JetStream; one in fifty is broken."""

    def publish(self) -> None:
        asyncio.run(self._publish())

    async def _publish(self) -> None:
        import nats

        client = await nats.connect(self.broker.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
        stream = client.jetstream(timeout=2)
        while not self.told.is_set():
            batch = range(self.sent, self.sent + 40)
            waiting = list(batch)
            while waiting:  # what was not acknowledged is sent again under the same id, as a device does
                sends = [stream.publish("flow.a", flow(i), headers={"Nats-Msg-Id": f"m{i}"}) for i in waiting]
                done = await asyncio.gather(*sends, return_exceptions=True)
                waiting = [i for i, answer in zip(waiting, done, strict=True) if isinstance(answer, BaseException)]
            self.sent += len(batch)
            await asyncio.sleep(0.02)
        await client.close()


class MeterPublisher(Publisher):
    """Readings over MQTT, QoS 1."""

    def publish(self) -> None:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="meters", clean_session=False, protocol=mqtt.MQTTv311)
        client.max_inflight_messages_set(200)
        client.reconnect_delay_set(1, 1)
        acknowledged = [0]

        def on_publish(*_: object) -> None:
            acknowledged[0] += 1

        client.on_publish = on_publish
        client.connect(self.broker.host, self.broker.mqtt_port)
        client.loop_start()
        while not self.told.is_set():
            for i in range(self.sent, self.sent + 20):
                client.publish("meters/m", reading(i), qos=1)  # queued, where the broker is away
            self.sent += 20
            until = time.monotonic() + 120
            while acknowledged[0] < self.sent:
                assert time.monotonic() < until, "the broker did not acknowledge"
                time.sleep(0.01)
            time.sleep(0.02)
        client.disconnect()
        client.loop_stop()


def reading(number: int) -> bytes:
    return json.dumps({"meter_id": "m", "ended_at": stamp(number), "interval_s": 60, "energy_kwh": (number % 7) / 10}).encode()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path / "broker")
    with server:
        server.ensure_stream("FLOW", ["flow.>"])
        yield server


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_fifty_kills_lose_nothing_and_double_nothing(tmp_path: Path, broker: NatsServer) -> None:
    chance = random.Random()
    (tmp_path / "citylake.toml").write_text(TOML.format(nats=broker.url, mqtt=broker.mqtt_url))
    settings = load(tmp_path / "citylake.toml")
    zygote = Zygote(tmp_path / "citylake.toml", tmp_path / "stream.log")
    publishers = {"traffic_flow": FlowPublisher(broker), "meter_readings": MeterPublisher(broker)}
    killed_brokers = 0
    try:
        # the session must be there before the first message, or there is nobody to keep messages for
        pid = zygote.begin()
        time.sleep(4)
        for publisher in publishers.values():
            publisher.start()
        for kill in range(KILLS):
            time.sleep(chance.choice([chance.uniform(0.05, 1), chance.uniform(0.8, 3)]))
            if kill % 10 == 9:
                broker.kill()
                killed_brokers += 1
                time.sleep(chance.uniform(0, 0.5))
            zygote.kill(pid)
            if broker.pid is None:
                broker.start()
            pid = zygote.begin()
        for publisher in publishers.values():
            publisher.told.set()
            publisher.join(150)
            assert publisher.error is None
            assert not publisher.is_alive()
        flows, meters = publishers["traffic_flow"].sent, set(range(publishers["meter_readings"].sent))
        wait_until_flow_is_read(settings, flows)
        wait_until_read(settings, {"meter_readings": ("ended_at", meters)})
        time.sleep(2)
        zygote.drain(pid)
    finally:
        zygote.close()
    assert killed_brokers == KILLS // 10
    assert min(flows, len(meters)) > 500, "there was load"

    check_flow(settings, flows)
    raw = landed(settings, "meter_readings", "ended_at")
    assert set(raw) == meters, "lost 0"
    repeats = sum(raw.values()) - len(raw)

    assert int(ledger.balance(settings.lake)["off_by"].sum()) == 0
    for feed in publishers:
        done = refine(settings.lake, settings.city, feed)
        assert sum(r.repeated for r in done) == (repeats if feed == "meter_readings" else 0), "the books show the repeats"
        once = len(meters) if feed == "meter_readings" else flows - len(broken(flows))
        assert sum(r.kept for r in done) == once, "twice in refined 0"
    assert int(ledger.balance(settings.lake)["off_by"].sum()) == 0
    print(f"{KILLS} kills, {killed_brokers} of the broker: {flows} + {len(meters)} events, {repeats} redelivered")
