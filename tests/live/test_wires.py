"""The bulk cutters of MQTT and NATS: the same messages wherever the stream is cut, and no harm from what is no message."""

import asyncio
import random
import socket
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError

from pipelines.sources.jetstream_wire import CuttingClient, Received, places
from pipelines.sources.mqtt_wire import Wire

PAYLOADS = st.lists(st.binary(max_size=400), max_size=12)


def mqtt_length(value: int) -> bytes:
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (128 if value else 0))
        if not value:
            return bytes(out)


def mqtt_publish(topic: str, payload: bytes, packet: int, version: int, qos: int = 1) -> bytes:
    name = topic.encode()
    body = struct.pack("!H", len(name)) + name + (struct.pack("!H", packet) if qos else b"")
    body += (b"\x03\x23\x00\x01" if version == 5 else b"") + payload
    return bytes([0x30 | qos << 1]) + mqtt_length(len(body)) + body


def mqtt_read(stream: bytes, version: int, cuts: list[int]) -> tuple[Wire, Any]:
    """What a wire makes of a stream that arrives in pieces."""
    ours, theirs = socket.socketpair()
    wire = Wire(ours, version)
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        if start < stop:
            theirs.sendall(stream[start:stop])
            while wire.fill():
                pass
    theirs.close()
    wire.close()
    return wire, wire.harvest()


def cuts_of(stream: bytes, seed: int) -> list[int]:
    chance = random.Random(seed)
    return sorted(chance.sample(range(len(stream)), min(len(stream), 20))) if stream else []


@given(payloads=PAYLOADS, version=st.sampled_from([3, 5]), seed=st.integers(0, 1000))
def test_mqtt_messages_are_the_same_wherever_the_stream_is_cut(payloads: list[bytes], version: int, seed: int) -> None:
    stream, subscribed = b"", b"\x90\x03\x00\x01\x01"
    for number, payload in enumerate(payloads, 1):
        stream += mqtt_publish(f"a/{number}", payload, number, version, qos=number % 2) + subscribed + b"\xd0\x00"
    wire, got = mqtt_read(stream, version, cuts_of(stream, seed))
    assert got.payloads == payloads
    assert got.topics == [b"a/%d" % n for n in range(1, len(payloads) + 1)]
    assert got.packets == [n if n % 2 else 0 for n in range(1, len(payloads) + 1)]
    assert (wire.recv(10_000) if wire.pending() else b"") == subscribed * len(
        payloads
    )  # what paho is left with: no pings, no messages
    assert not wire.is_ended


@given(stream=st.binary(max_size=300), version=st.sampled_from([3, 5]))
def test_nonsense_instead_of_mqtt_ends_the_connection_or_waits(stream: bytes, version: int) -> None:
    wire, got = mqtt_read(stream, version, [])
    assert sum(map(len, got.payloads)) <= len(stream)
    assert wire.error is None or "no MQTT" in str(wire.error)


@pytest.mark.parametrize("stream", [b"\x32\xff\xff\xff\xff\xff", b"\x34\x07\x00\x01a\x00\x01xx", b"\x32\x04\x00\x90ab"])
def test_broken_packets_end_the_connection(stream: bytes) -> None:
    wire, got = mqtt_read(stream + bytes(200), 3, [])
    assert wire.is_ended and "no MQTT" in str(wire.error) and not got.payloads


def nats_read(stream: bytes, cuts: list[int]) -> tuple[Received, list[tuple[str, int, str]]]:
    """What the cutter makes of a stream that arrives in pieces."""
    all_of, said = Received(), []

    def put(got: Received) -> None:
        all_of.payloads += got.payloads
        all_of.subjects += got.subjects
        all_of.replies += got.replies

    async def run() -> None:
        client = CuttingClient(put, lambda *status: said.append(status))
        client.cutter.sid = b"7"
        for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            await client.cutter.parse(stream[start:stop])

    asyncio.run(run())
    return all_of, said


def nats_message(number: int, payload: bytes, has_headers: bool, sid: int = 7) -> bytes:
    reply = b"$JS.ACK.city.c1.1.%d.%d.%d000.5" % (number * 2, number, 1_700_000_000_000_000 + number)
    if has_headers:
        headers = b"NATS/1.0\r\nNmqtt-Pub: 1\r\n\r\n"
        line = b"HMSG city.a %d %s %d %d\r\n" % (sid, reply, len(headers), len(headers) + len(payload))
        return line + headers + payload + b"\r\n"
    return b"MSG city.a %d %s %d\r\n%s\r\n" % (sid, reply, len(payload), payload)


@given(payloads=PAYLOADS, seed=st.integers(0, 1000))
def test_nats_messages_are_the_same_wherever_the_stream_is_cut(payloads: list[bytes], seed: int) -> None:
    status = b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 1\r\n\r\n"
    stream = b""
    for number, payload in enumerate(payloads, 1):
        stream += nats_message(number, payload, number % 2 == 0) + b"+OK\r\n" + nats_message(99, b"other", False, sid=8)
        stream += b"HMSG inbox.3 7 %d %d\r\n%s\r\n" % (len(status), len(status), status)
    got, said = nats_read(stream, cuts_of(stream, seed))
    assert got.payloads == payloads
    assert said == [("inbox.3", 408, "Request Timeout")] * len(payloads)
    if payloads:
        at, count = places(got.replies), len(payloads)
        assert at.delivered.tolist() == list(range(1, count + 1))
        assert at.sequences.tolist() == [2 * n for n in range(1, count + 1)]
        assert at.received_us.tolist() == [1_700_000_000_000_000 + n for n in range(1, count + 1)]
        assert at.pending == 5


def test_places_are_read_behind_a_domain_too() -> None:
    at = places(
        [
            b"$JS.ACK.hub.Ac12.city.c1.1.42.3.1700000000000001000.9.r4nd",
            b"$JS.ACK.hub.Ac12.city.c1.1.43.4.1700000000000002000.8.x",
        ]
    )
    assert (at.sequences.tolist(), at.delivered.tolist(), at.pending) == ([42, 43], [3, 4], 8)
    with pytest.raises(ProtocolError):
        places([b"an.inbox"])


@pytest.mark.parametrize("stream", [b"MSG a 7 r x\r\n", b"HELLO\r\n", b"\r\n", b"MSG\r\n", b"x" * 100_000])
def test_nonsense_instead_of_nats_is_a_protocol_error(stream: bytes) -> None:
    with pytest.raises(ProtocolError):
        nats_read(stream, [])
