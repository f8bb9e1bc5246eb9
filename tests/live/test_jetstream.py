"""JetStream against the embedded server: by sequence, from where the lake is complete, over broken connections and brokers."""

import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.live.server import MQTT_STREAM, MQTT_SUBJECTS, NatsServer
from pipelines.sources import jetstream
from pipelines.sources.block import Block
from pipelines.sources.jetstream_tap import topic
from schemas.errors import SourceError
from tests.live import brokers
from tests.live.brokers import Stand, closing, on_nats, publish_mqtt, publish_stream, take, take_count, wait_for

pytestmark = pytest.mark.slow


def options(url: str, base: Path = Path("/"), **values: Any) -> jetstream.Options:
    block = Block("[feeds.readings.sources.field]", {"stream": "city", **values})
    out = jetstream.options(block.where, url, block, base)
    block.done()
    return out


def opened(url: str, stand: Stand, base: Path = Path("/"), **values: Any) -> Any:
    tap = jetstream.open_tap(options(url, base, **values), stand.place)
    try:
        wait_for(lambda: tap.is_connected or (tap._fault and tap.take(1)), f"connected; it says {stand.said}")
    except BaseException:
        tap.close()
        raise
    return closing(tap)


@pytest.fixture
def server(tmp_path: Path) -> Any:
    with brokers.nats_server(tmp_path / "a store") as running:
        running.ensure_stream("city", ["city.>"])
        yield running


def numbered(count: int, first: int = 0) -> list[tuple[str, bytes]]:
    return [(f"city.flow.{i % 3}", b"%d" % i) for i in range(first, first + count)]


def test_every_message_is_taken_once_in_order_with_position_topic_and_time(server: NatsServer) -> None:
    before_us = time.time_ns() // 1000
    publish_stream(server.url, numbered(3000))
    with opened(server.url, Stand()) as tap:
        taken = take_count(tap, 3000)
        publish_stream(server.url, numbered(500, 3000))
        taken = take(tap, lambda t: len(t.payloads) >= 3500, taken=taken)
        assert tap.lag() == 0
    # publishing in parallel may change the order: the stream's own is what counts
    assert sorted(map(int, taken.payloads)) == list(range(3500))
    assert taken.positions == list(range(1, 3501))
    assert taken.topics == [f"city/flow/{int(p) % 3}" for p in taken.payloads]
    received = [us for m in taken.messages for us in m.received_us.tolist()]
    assert received == sorted(received)
    assert before_us <= received[0] and received[-1] <= time.time_ns() // 1000


def test_reading_starts_where_the_lake_is_complete(server: NatsServer) -> None:
    publish_stream(server.url, numbered(100))
    with opened(server.url, Stand(wanted=61)) as tap:
        assert take_count(tap, 40).positions == list(range(61, 101))
    stand = Stand(wanted=101)
    with opened(server.url, stand) as tap:
        publish_stream(server.url, numbered(1))
        assert take_count(tap, 1).positions == [101]
    assert set(stand.said) == {""}


def test_a_new_lake_starts_at_either_end(server: NatsServer) -> None:
    publish_stream(server.url, numbered(10))
    with opened(server.url, Stand(), start="latest") as tap:
        publish_stream(server.url, [("city.new", b"new")])
        assert take_count(tap, 1).payloads == [b"new"]
    with opened(server.url, Stand(), start="earliest") as tap:
        assert take_count(tap, 11).positions == list(range(1, 12))
    with opened(server.url, Stand(wanted=4), start="latest") as tap:
        assert take_count(tap, 8).positions == list(range(4, 12))


@pytest.mark.parametrize("subject", ["city.flow.1", ["city.flow.1", "city.other"]])
def test_subjects_leave_gaps_in_the_positions(server: NatsServer, subject: Any) -> None:
    for i in range(6):
        publish_stream(server.url, numbered(1, i))
    stand = Stand()
    with opened(server.url, stand, subject=subject, stream=None) as tap:
        assert take_count(tap, 2).positions == [2, 5]
        assert tap.lag() == 0
    assert set(stand.said) == {""}


@pytest.mark.parametrize("is_own", [False, True], ids=["a stream of ours", "the server's own stream"])
def test_mqtt_publishers_are_read_with_their_topics(server: NatsServer, is_own: bool) -> None:
    server.keep_mqtt(max_age_s=3600)
    sent = [(f"city/flow/{i}", b"%d" % i) for i in range(200)]
    sent += [("city/dot.ted/x", b"dots"), ("city//empty", b"empty level"), ("city/end/", b"end"), ("city/ü", b"")]
    publish_mqtt(server.mqtt_port, [*sent, ("country/flow", b"none of ours")])
    settings = {"stream": MQTT_STREAM, "subject": f"{MQTT_SUBJECTS}city.>"} if is_own else {}
    with opened(server.url, Stand(), **settings) as tap:
        taken = take_count(tap, len(sent))
        assert tap.take(1) == []
    assert list(zip(taken.topics, taken.payloads, strict=True)) == sent


def test_topics_are_the_ones_that_nats_maps() -> None:
    pairs = {"a.b.c": "a/b/c", "a": "a", "/.a": "/a", "a./.b": "a//b", "a./": "a/", "a//b.c": "a.b/c", "$MQTT.msgs.a.b": "a/b"}
    assert {s: topic(s) for s in pairs} == pairs


def test_odd_payloads_come_through(server: NatsServer) -> None:
    sent = [b"", b"\r\n", b"MSG a 1 5\r\nhello\r\n", bytes(range(256)), b"+OK\r\n-ERR 'x'\r\n" * 300_000, b"x" * 32_768, b"end"]

    async def work(client: Any, streams: Any) -> None:
        for payload in sent:
            await streams.publish("city.odd", payload)
            await streams.publish("city.odd", payload, headers={"a": "NATS/1.0 503"})

    on_nats(server.url, work)
    with opened(server.url, Stand()) as tap:
        assert take_count(tap, 2 * len(sent)).payloads == [p for p in sent for _ in range(2)]


def test_what_is_held_is_bounded_and_all_arrives(server: NatsServer) -> None:
    hold, size, count = 400_000, 20_000, 300
    publish_stream(server.url, [("city.a", (b"%6d" % i).ljust(size, b".")) for i in range(count)])
    # larger than there is ever room for
    publish_stream(server.url, [("city.a", b"x" * 3_000_000), ("city.a", b"small"), ("city.a", b"y" * 3_000_000)])
    with opened(server.url, Stand(hold_bytes=hold)) as tap:
        time.sleep(2)
        assert 0 < tap._held.bytes <= hold
        wait_for(lambda: (tap.lag() or 0) >= count - hold // size, "it tells how much waits")
        seen: list[int] = []

        def some(taken: brokers.Taken) -> bool:
            seen.append(tap._held.bytes)
            return len(taken.payloads) >= count + 3

        taken = take(tap, some, most_bytes=50_000)
    assert max(n for n in seen if n < 3_000_000) <= hold + size
    assert max(seen) < 3_100_000
    assert taken.positions == list(range(1, count + 4))


def test_a_killed_broker_is_waited_for_and_loses_nothing(server: NatsServer) -> None:
    stand = Stand()
    publish_stream(server.url, numbered(2000))
    with opened(server.url, stand, batch=100) as tap:
        taken = take(tap, lambda t: len(t.payloads) >= 300, most_bytes=500)
        server.kill()
        wait_for(lambda: not tap.is_connected, "it knows that the broker is gone")
        assert tap.lag() is None
        server.start()
        publish_stream(server.url, numbered(2000, 2000))
        taken = take(tap, lambda t: len(t.payloads) >= 4000, taken=taken)
        assert stand.said[-1] == "" and any("trying again" in words for words in stand.said)
    assert taken.positions == list(range(1, 4001))
    assert sorted(map(int, taken.payloads)) == list(range(4000))


def test_a_consumer_that_is_gone_is_made_anew(server: NatsServer) -> None:
    publish_stream(server.url, numbered(10))

    async def remove(client: Any, streams: Any) -> None:
        for info in await streams.consumers_info("city"):
            await streams.delete_consumer("city", info.name)

    with opened(server.url, Stand()) as tap:
        taken = take_count(tap, 10)
        on_nats(server.url, remove)
        publish_stream(server.url, numbered(10, 10))
        taken = take(tap, lambda t: len(t.payloads) >= 20, taken=taken)
    assert taken.positions == list(range(1, 21))


def test_a_closed_tap_leaves_no_consumer_behind(server: NatsServer) -> None:
    async def count(client: Any, streams: Any) -> int:
        return (await streams.stream_info("city")).state.consumer_count

    with opened(server.url, Stand()):
        assert on_nats(server.url, count) == 1
    assert on_nats(server.url, count) == 0


def test_messages_that_the_stream_dropped_are_told_loudly(server: NatsServer) -> None:
    publish_stream(server.url, numbered(50))

    async def purge(client: Any, streams: Any) -> None:
        await streams.purge_stream("city", seq=31)

    on_nats(server.url, purge)
    stand = Stand(wanted=11)
    with opened(server.url, stand) as tap:
        assert take_count(tap, 20).positions == list(range(31, 51))
    assert "20 messages are gone from the stream before they were read" in stand.said[0]

    async def delete(client: Any, streams: Any) -> None:
        await streams.delete_msg("city", 41)

    on_nats(server.url, delete)
    stand = Stand(wanted=40)
    with opened(server.url, stand) as tap:
        assert take_count(tap, 10).positions == [40, *range(42, 51)]
    assert "1 messages are gone" in stand.said[-1]


def test_a_stream_made_anew_is_for_a_person(server: NatsServer) -> None:
    publish_stream(server.url, numbered(5))
    with pytest.raises(SourceError, match="the lake has it up to 99, but the stream ends at 5"):
        opened(server.url, Stand(wanted=100))


def test_a_stream_that_is_not_there_is_for_a_person(server: NatsServer) -> None:
    with pytest.raises(SourceError, match=r"no stream 'country'.*make it"):
        opened(server.url, Stand(), stream="country")
    with pytest.raises(SourceError, match="no stream with the subject"):
        opened(server.url, Stand(), stream=None, subject="country.>")
    with pytest.raises(SourceError, match="refuses to read it so"):
        opened(server.url, Stand(), subject=["city.>", "city.flow.*"])


def test_tls_password_and_client_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    papers = brokers.certificates(tmp_path / "papers")
    monkeypatch.setenv("FIELD_USER", "lake")
    monkeypatch.setenv("FIELD_PASSWORD", "pass word")
    access = {"credentials": "FIELD", "ca_file": "ca.pem", "cert_file": "client.pem", "key_file": "client.key"}
    with brokers.nats_server(tmp_path / "tls", papers, ("lake", "pass word")) as running:
        context = options("nats+tls://h", papers.ca.parent, **access).access.ssl_context()
        publish_login = {"tls": context, "user": "lake", "password": "pass word"}

        async def make(client: Any, streams: Any) -> None:
            await streams.add_stream(name="city", subjects=["city.>"])

        on_nats(running.url, make, **publish_login)
        publish_stream(running.url, numbered(20), **publish_login)
        url = running.url.replace("nats://", "nats+tls://")
        with opened(url, Stand(), papers.ca.parent, **access) as tap:
            assert take_count(tap, 20).positions == list(range(1, 21))
        with pytest.raises(SourceError, match="wants TLS"):
            opened(running.url, Stand(), credentials="FIELD")
        with pytest.raises(SourceError, match="not trusted"):
            opened(url, Stand(), papers.ca.parent, **{**access, "ca_file": "client.pem"})
        monkeypatch.setenv("FIELD_PASSWORD", "wrong")
        with pytest.raises(SourceError, match="refuses us"):
            opened(url, Stand(), papers.ca.parent, **access)


def test_no_password_goes_to_a_broker_without_the_tls_that_was_asked_for(server: NatsServer, monkeypatch: Any) -> None:
    monkeypatch.setenv("FIELD_TOKEN", "secret")
    with pytest.raises(SourceError, match="offers no TLS"):
        opened(server.url.replace("nats://", "nats+tls://"), Stand(), credentials="FIELD")


def test_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with brokers.nats_server(tmp_path, token="secret") as running:
        monkeypatch.setenv("FIELD_TOKEN", "wrong")
        with pytest.raises(SourceError, match="refuses us"):
            opened(running.url, Stand(), credentials="FIELD")
        monkeypatch.setenv("FIELD_TOKEN", "secret")
        with pytest.raises(SourceError, match="no stream 'city'"):
            opened(running.url, Stand(), credentials="FIELD")
