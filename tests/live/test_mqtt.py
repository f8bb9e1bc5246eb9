"""MQTT against mosquitto and NATS: all arrives, nothing is acknowledged before its time, brokers go and come back."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.sources import mqtt
from pipelines.sources.block import Block
from schemas.errors import SourceError
from tests.live import brokers
from tests.live.brokers import Mosquitto, Stand, closing, publish_mqtt, take, take_count, wait_for

pytestmark = pytest.mark.slow


def options(url: str, base: Path = Path("/"), **values: Any) -> mqtt.Options:
    block = Block("[feeds.readings.sources.field]", {"topic": "city/#", **values})
    out = mqtt.options(block.where, url, block, base)
    block.done()
    return out


def opened(url: str, stand: Stand, base: Path = Path("/"), **values: Any) -> Any:
    tap = mqtt.open_tap(options(url, base, **values), stand.place)
    try:
        wait_for(lambda: tap.is_connected or (tap._fault and tap.take(1)), f"connected; it says {stand.said}")
    except BaseException:
        tap.close()
        raise
    return closing(tap)


@pytest.fixture(params=["mosquitto 5", "mosquitto 3", "nats"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A broker's url and the settings that go with it."""
    if request.param == "nats":
        with brokers.nats_server(tmp_path / "nats") as server:
            yield server.mqtt_url, {}
    else:
        if brokers.MOSQUITTO is None:
            pytest.skip("mosquitto is not installed")
        with Mosquitto(tmp_path / "mosquitto", settings="max_inflight_messages 0") as server:
            yield server.url, {"version": int(request.param[-1])}


def port(url: str) -> int:
    return int(url.rpartition(":")[2])


def test_every_message_is_taken_once_in_order_with_its_topic(broker: tuple[str, dict[str, Any]]) -> None:
    url, settings = broker
    sent = [(f"city/flow/{i % 7}", b"reading %d" % i) for i in range(3000)]
    before_us = time.time_ns() // 1000
    with opened(url, Stand(), **settings) as tap:
        publish_mqtt(port(url), sent)
        taken = take_count(tap, len(sent))
        tap.acknowledge(taken.marks)
        time.sleep(0.3)
        assert tap.take(1 << 20) == []
    assert sorted(zip(taken.topics, taken.payloads, strict=True)) == sorted(sent)
    for topic in {t for t, _ in sent}:  # one topic's messages keep their order; so much MQTT promises
        assert [p for t, p in zip(taken.topics, taken.payloads, strict=True) if t == topic] == [p for t, p in sent if t == topic]
    received = [us for m in taken.messages for us in m.received_us.tolist()]
    assert before_us <= min(received) and max(received) <= time.time_ns() // 1000
    assert received == sorted(received)
    assert all(m.positions is None and m.partition == "" for m in taken.messages)


def test_what_was_not_acknowledged_comes_again_to_the_next_reader(broker: tuple[str, dict[str, Any]]) -> None:
    url, settings = broker
    with opened(url, Stand(), **settings) as tap:
        publish_mqtt(port(url), [("city/a", b"first %d" % i) for i in range(100)])
        first = take_count(tap, 100)
        tap.acknowledge(first.marks)
        publish_mqtt(port(url), [("city/a", b"second %d" % i) for i in range(100)])
        take_count(tap, 100)
    publish_mqtt(port(url), [("city/a", b"third %d" % i) for i in range(50)])
    with opened(url, Stand(), **settings) as tap:
        again = take(tap, lambda t: len(set(t.payloads)) >= 150)
        tap.acknowledge(again.marks)
    assert set(again.payloads) == {b"second %d" % i for i in range(100)} | {b"third %d" % i for i in range(50)}
    with opened(url, Stand(), **settings) as tap:
        publish_mqtt(port(url), [("city/a", b"last")])
        assert set(take(tap, lambda t: b"last" in t.payloads).payloads) == {b"last"}


def test_odd_payloads_and_topics_come_through(broker: tuple[str, dict[str, Any]]) -> None:
    url, settings = broker
    sent = [
        ("city/empty", b""),
        ("city/binary", bytes(range(256))),
        ("city/large", b"\x30\x02" * 2_500_000),
        ("city/straße und Umlaut/ü", b"1"),
        ("city/über 9000!/\N{BICYCLE}", b"2"),
        ("city", b"the # matches its parent"),
    ]
    sent += [("city/n", b"x" * n) for n in (126, 127, 128, 129, 16_383, 16_384)]
    if "version" in settings:  # NATS refuses blanks, as its subjects have none
        sent += [("city/a b/ ", b"3"), ("city//empty level/", b"4"), ("city/$dollar", b"5")]
    else:
        sent = [(t.replace(" ", "_"), p) for t, p in sent]
    with opened(url, Stand(), **settings) as tap:
        publish_mqtt(port(url), sent)
        taken = take_count(tap, len(sent))
        tap.acknowledge(taken.marks)
    assert sorted(zip(taken.topics, taken.payloads, strict=True)) == sorted(sent)


def test_messages_without_an_acknowledgement_are_taken_too(broker: tuple[str, dict[str, Any]]) -> None:
    url, settings = broker
    with opened(url, Stand(), **settings) as tap:
        publish_mqtt(port(url), [("city/a", b"%d" % i) for i in range(20)], qos=0)
        taken = take_count(tap, 20)
        tap.acknowledge(taken.marks)
        assert not tap.full()
    assert taken.payloads == [b"%d" % i for i in range(20)]


def test_what_is_held_is_bounded_and_all_arrives(broker: tuple[str, dict[str, Any]]) -> None:
    url, settings = broker
    hold, size, count = 500_000, 20_000, 400
    largest_read = 16 * 256 * 1024
    with opened(url, Stand(hold_bytes=hold), **settings) as tap:
        publish_mqtt(port(url), [("city/a", (b"%6d" % i).ljust(size, b".")) for i in range(count)])
        time.sleep(1)
        held, seen = tap._held, []
        seen.append(held.bytes)

        def some(taken: brokers.Taken) -> bool:
            seen.append(held.bytes)
            tap.acknowledge([m.marks for m in taken.messages[-1:]])
            return len(taken.payloads) >= count

        taken = take(tap, some, most_bytes=100_000)
    assert max(seen) < hold + largest_read < size * count
    assert [int(p[:6]) for p in taken.payloads] == list(range(count))


def test_the_window_stops_the_broker_until_it_is_acknowledged(tmp_path: Path) -> None:
    if brokers.MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    with Mosquitto(tmp_path) as server, opened(server.url, Stand(), window=50) as tap:
        assert not tap.full()
        publish_mqtt(server.port, [("city/a", b"%d" % i) for i in range(130)])
        first = take_count(tap, 50)
        time.sleep(0.3)
        assert tap.take(1 << 20) == [] and len(first.payloads) == 50
        assert tap.full()
        tap.acknowledge(first.marks)
        rest = take(tap, lambda t: (tap.acknowledge([m.marks for m in t.messages[-1:]]), len(t.payloads) >= 80)[1])
        wait_for(lambda: not tap.full(), "all is acknowledged")
    assert first.payloads + rest.payloads == [b"%d" % i for i in range(130)]


def test_a_killed_broker_is_waited_for_and_loses_nothing(tmp_path: Path) -> None:
    """NATS keeps sessions and messages on disk."""
    stand = Stand()
    with brokers.nats_server(tmp_path) as server, opened(server.mqtt_url, stand) as tap:
        publish_mqtt(server.mqtt_port, [("city/a", b"before %d" % i) for i in range(500)])
        before = take_count(tap, 500)
        server.kill()
        wait_for(lambda: not tap.is_connected, "it knows that the broker is gone")
        assert "trying again" in stand.said[-1]
        tap.acknowledge(before.marks)  # of a connection that is no more
        server.start()
        wait_for(lambda: tap.is_connected, "it is back")
        publish_mqtt(server.mqtt_port, [("city/a", b"after %d" % i) for i in range(500)])
        wanted = {b"before %d" % i for i in range(500)} | {b"after %d" % i for i in range(500)}
        after = take(tap, lambda t: set(t.payloads) >= wanted)
        tap.acknowledge(after.marks)
        assert stand.said[-1] == ""
        assert not tap.full()


@brokers.needs_mosquitto
def test_a_forgotten_session_is_said(tmp_path: Path) -> None:
    stand, server = Stand(), Mosquitto(tmp_path)
    with server, opened(server.url, stand) as tap:
        publish_mqtt(server.port, [("city/a", b"held")])
        time.sleep(0.3)
        server.kill()
        wait_for(lambda: not tap.is_connected, "it knows that the broker is gone")
        server.start()
        wait_for(lambda: tap.is_connected, "it is back")
        assert "forgotten the session" in stand.said[-1]
        publish_mqtt(server.port, [("city/a", b"new")])
        taken = take_count(tap, 2)
        tap.acknowledge(taken.marks)
    assert taken.payloads == [b"held", b"new"]  # what was held when the broker died is not thrown away


@brokers.needs_mosquitto
def test_a_group_shares_the_messages_without_loss(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as server:
        readers = [opened(server.url, Stand(name=n), share="lake") for n in ("one", "two")]
        with readers[0] as one, readers[1] as two:
            publish_mqtt(server.port, [("city/a", b"%d" % i) for i in range(1000)])
            got: list[list[bytes]] = [[], []]

            def all_there() -> bool:
                for tap, payloads in zip((one, two), got, strict=True):
                    messages = tap.take(1 << 20)
                    payloads += [p for m in messages for p in m.payloads]
                    tap.acknowledge([m.marks for m in messages])
                return len(got[0]) + len(got[1]) >= 1000

            wait_for(all_there, "all messages")
    assert Counter(itertools.chain(*got)) == Counter(b"%d" % i for i in range(1000))
    assert min(map(len, got)) > 100


@brokers.needs_mosquitto
def test_two_readers_of_one_name_are_told_so(tmp_path: Path) -> None:
    """They throw each other out. Brokers of MQTT 5 say why, but not all of them."""
    stand = Stand()
    with Mosquitto(tmp_path) as server, opened(server.url, stand) as one, opened(server.url, stand):

        def is_told() -> bool:
            one.take(1)
            return any("another reader" in words for words in stand.said)

        wait_for(is_told, "it is told")


@brokers.needs_mosquitto
def test_an_idle_reader_and_a_full_one_stay_connected(tmp_path: Path) -> None:
    """Brokers end a connection after one and a half keepalives of silence."""
    stand = Stand(hold_bytes=1000)
    with Mosquitto(tmp_path) as server, opened(server.url, stand, keepalive_s=2) as tap:
        time.sleep(4)
        publish_mqtt(server.port, [("city/a", b"x" * 100_000)] * 50)
        time.sleep(7)
        assert tap.is_connected
        assert len(take_count(tap, 50).payloads) == 50
        assert stand.said == [""]


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> brokers.Certificates:
    return brokers.certificates(tmp_path_factory.mktemp("certificates"))


@brokers.needs_mosquitto
def test_tls_password_and_client_certificate(
    tmp_path: Path, papers: brokers.Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELD_USER", "lake")
    monkeypatch.setenv("FIELD_PASSWORD", "pass word")
    access = {"credentials": "FIELD", "ca_file": "ca.pem", "cert_file": "client.pem", "key_file": "client.key"}
    with Mosquitto(tmp_path, papers, ("lake", "pass word")) as server:
        with opened(server.url, Stand(), papers.ca.parent, **access) as tap:
            assert tap.is_connected
        with pytest.raises(SourceError, match="certificate is not trusted"):
            opened(server.url, Stand(), papers.ca.parent, **{**access, "ca_file": "client.pem"})
        with pytest.raises(SourceError, match="encrypted connection"):
            opened(server.url, Stand(), papers.ca.parent, credentials="FIELD", ca_file="ca.pem")
        monkeypatch.setenv("FIELD_PASSWORD", "wrong")
        with pytest.raises(SourceError, match="refuses the connection") as caught:
            opened(server.url, Stand(), papers.ca.parent, **access)
        assert "wrong" not in str(caught.value)


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    papers = brokers.certificates(tmp_path / "papers", "DNS:elsewhere")
    access = {"ca_file": "ca.pem", "cert_file": "client.pem", "key_file": "client.key"}
    with brokers.nats_server(tmp_path, papers) as server, pytest.raises(SourceError, match="not trusted"):
        opened(f"mqtts://127.0.0.1:{server.mqtt_port}", Stand(), papers.ca.parent, **access)


@pytest.mark.parametrize("kind", ["nats", "mosquitto"])
def test_a_wrong_password_is_for_a_person(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "mosquitto" and brokers.MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    monkeypatch.setenv("FIELD_USER", "lake")
    monkeypatch.setenv("FIELD_PASSWORD", "wrong")
    server: Any = Mosquitto(tmp_path, user=("lake", "right")) if kind == "mosquitto" else None
    with server or brokers.nats_server(tmp_path, user=("lake", "right")) as running:
        url = running.url if server else running.mqtt_url
        with pytest.raises(SourceError, match="refuses the connection"):
            opened(url, Stand(), credentials="FIELD")
        with pytest.raises(SourceError, match="refuses the connection"):
            opened(url, Stand())
        monkeypatch.setenv("FIELD_PASSWORD", "right")
        with opened(url, Stand(), credentials="FIELD") as tap:
            assert tap.is_connected


def test_a_refused_subscription_is_for_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELD_USER", "lake")
    monkeypatch.setenv("FIELD_PASSWORD", "right")
    with brokers.nats_server(tmp_path, user=("lake", "right"), denied="city.secret.>") as server:
        with opened(server.mqtt_url, Stand(), topic=["city/open/+"], credentials="FIELD") as tap:
            assert tap.is_connected
        with pytest.raises(SourceError, match=r"refuses the subscription 'city/secret/\+'"):
            opened(server.mqtt_url, Stand(), topic=["city/open/+", "city/secret/+"], credentials="FIELD")
