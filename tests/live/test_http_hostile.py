"""HTTP polls of servers that answer badly, slowly, without end, or send us elsewhere."""

import gzip
import socket
import time

import pytest

from pipelines.sources import http_poll
from tests.live.kafka_server import wait_until
from tests.live.polling import Polling, ok, options, polling
from tests.live.web_server import Answer, WebServer, in_turn, reply


def test_a_redirect_within_the_origin_keeps_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITY_TOKEN", "s3cret")
    with polling(in_turn((302, b"", {"Location": "/other"}), ok(b"1")), credentials="CITY") as (poll, server):
        poll.polled(1)
        assert poll.bodies() == [b"1"]
        assert server.requests[1][""] == "GET /other HTTP/1.1"
        assert server.requests[1]["authorization"] == "Bearer s3cret"


def test_a_redirect_to_an_allowed_host_goes_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITY_TOKEN", "s3cret")
    other = WebServer(in_turn(ok(b"2")))
    where = in_turn((307, b"", {"Location": f"http://localhost:{other.port}/x"}))
    with polling(where, credentials="CITY", headers={"X-City": "1"}, allow_redirects_to=["localhost"]) as (poll, _):
        poll.polled(1)
        assert poll.bodies() == [b"2"]
    other.close()
    assert "authorization" not in other.requests[0]
    assert "x-city" not in other.requests[0]


def test_redirects_elsewhere_are_refused() -> None:
    other = WebServer(in_turn(ok(b"2")))
    for location in (
        "file:///etc/passwd",
        f"http://127.0.0.1:{other.port}/",
        "http://u:p@127.0.0.1/",
        "//localhost/x",
        "ftp://127.0.0.1/",
    ):
        with polling(in_turn((302, b"", {"Location": location}))) as (poll, server):
            poll.polled(1)
            assert poll.bodies() == []
            assert "which allow_redirects_to does not name" in poll.said[0]
            assert len(server.requests) == 1
    other.close()
    assert other.requests == []


def test_a_redirect_in_a_circle_ends() -> None:
    with polling(in_turn((301, b"", {"Location": "/data.json"}))) as (poll, server):
        poll.polled(1)
        assert "more than 5 redirects" in poll.said[0]
        assert len(server.requests) == 6


def endless(connection: socket.socket, _number: int, _request: dict[str, str]) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def drop_by_drop(text: bytes) -> Answer:
    def answer(connection: socket.socket, _number: int, _request: dict[str, str]) -> None:
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    return answer


def bomb(connection: socket.socket, _number: int, _request: dict[str, str]) -> None:
    reply(connection, 200, gzip.compress(bytes(50_000_000)), Content_Encoding="gzip")


def short(connection: socket.socket, _number: int, _request: dict[str, str]) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1")


HEADER = b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 5000
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"y" * 5000
LENGTHLESS = b"HTTP/1.1 200 OK\r\n\r\n" + b"y" * 5000


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(endless, "larger than max_bytes", id="endless"),
        pytest.param(bomb, "unpacked body is larger than max_bytes", id="bomb"),
        pytest.param(drop_by_drop(HEADER), "no complete answer in 1 s", id="slow header"),
        pytest.param(drop_by_drop(BODY), "no complete answer in 1 s", id="slow body"),
        pytest.param(drop_by_drop(LENGTHLESS), "no complete answer in 1 s", id="slow body without length"),
        pytest.param(short, "the connection ended within the body", id="short"),
        pytest.param(in_turn(ok(gzip.compress(b"[1, 2]")[:-4], Content_Encoding="gzip")), "ends too early", id="short gzip"),
        pytest.param(in_turn(ok(b"[1]", Content_Encoding="gzip")), "not gzip", id="no gzip"),
        pytest.param(in_turn(ok(b"[1]", Content_Encoding="br")), "not asked for", id="other packing"),
        pytest.param(lambda c, n, r: c.sendall(b"\x00\xff garbage\r\n\r\n"), "trying again", id="garbage"),
        pytest.param(lambda c, n, r: None, "trying again", id="nothing"),
    ],
)
def test_a_hostile_answer_becomes_no_message(answer: Answer, says: str) -> None:
    with polling(answer, timeout_s=1, max_bytes=1_000_000) as (poll, _):
        poll.polled(1)
        assert says in poll.said[0]
        assert poll.take() == []
        assert not poll.tap.is_connected


def test_a_key_in_the_query_is_never_told() -> None:
    assert http_poll.origin(options("https://example.org/a?key=s3cret#x")) == "https://example.org/a"
    for answer in (
        in_turn((500, b"", {})),
        lambda c, n, r: None,
        in_turn((302, b"", {"Location": "http://localhost/?key=s3cret"})),
    ):
        with polling(answer, path="?key=s3cret") as (poll, server):
            poll.polled(1)
            assert "key=s3cret" in server.requests[0][""]
            assert "s3cret" not in "".join(poll.said)
    poll = Polling(options("http://127.0.0.1:1/?key=s3cret"))
    poll.polled(1)
    poll.tap.close()
    assert "refused" in poll.said[0]
    assert "s3cret" not in poll.said[0]


def test_a_validator_that_is_none_is_not_sent_back() -> None:
    def answer(connection: socket.socket, _number: int, _request: dict[str, str]) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "a"\r\n X-Evil: 1\r\nLast-Modified: <script>\r\nContent-Length: 1\r\n\r\n1')

    with polling(answer) as (poll, server):
        poll.polled(1)
        poll.tap.acknowledge([m.marks for m in poll.take()])
        poll.polled(2)
        assert len(server.requests) == 2
        assert not {"if-none-match", "if-modified-since", "x-evil"} & set(server.requests[1])


def test_closing_ends_an_answer_under_way() -> None:
    with polling(drop_by_drop(BODY), timeout_s=200) as (poll, server):
        wait_until(lambda: server.requests)
        poll.tap.close()
        assert not poll.tap._thread.is_alive()
