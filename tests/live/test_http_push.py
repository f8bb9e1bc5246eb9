"""The push endpoint: 202 is said when a message has landed and not before; whoever may not post is told so."""

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from pipelines.live.tap import Messages, Place
from pipelines.sources import http_door, http_push
from pipelines.sources.block import Block
from schemas.errors import SourceError
from tests.live.kafka_server import wait_until

WHERE = "[feeds.f.sources.s]"
JSON = {"Content-Type": "application/json"}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def options(uri: str, **settings: Any) -> http_push.Options:
    block = Block(WHERE, settings)
    out = http_push.options(WHERE, uri, block, Path())
    block.done()
    return out


@contextmanager
def listening(port: int, path: str = "/in", hold_bytes: int = 1 << 26, **settings: Any) -> Iterator[http_push.PushTap]:
    settings = settings or {"open": True}
    if "credentials" not in settings:
        settings.setdefault("open", True)
    place = Place("f", "s", hold_bytes, lambda p: dict.fromkeys(p, 0), lambda text: None)
    tap = http_push.PushTap(options(f"push://127.0.0.1:{port}{path}", **settings), place)
    try:
        wait_until(lambda: tap.is_connected)
        yield tap
    finally:
        tap.close()


class Clients:
    """Posts from threads, so that a test can land what they sent."""

    def __init__(self, port: int) -> None:
        self.port, self._threads = port, ThreadPoolExecutor(32)

    def post(
        self, body: Any, path: str = "/in", headers: dict[str, str] | None = None, **kwargs: Any
    ) -> Future[requests.Response]:
        uri = f"http://127.0.0.1:{self.port}{path}"
        return self._threads.submit(requests.post, uri, data=body, headers={**JSON, **(headers or {})}, timeout=60, **kwargs)

    def status(self, body: Any, path: str = "/in", **headers: str) -> int:
        return self.post(body, path, {k.replace("_", "-"): v for k, v in headers.items()}).result(60).status_code


@pytest.fixture
def clients() -> Iterator[Clients]:
    clients = Clients(free_port())
    yield clients
    clients._threads.shutdown(cancel_futures=True)


def taken(tap: http_push.PushTap, count: int) -> list[Messages]:
    got: list[Messages] = []
    wait_until(lambda: got.extend(tap.take(1 << 30)) or sum(len(m.payloads) for m in got) == count)
    return got


def test_a_client_hears_202_when_its_message_has_landed_and_not_before(clients: Clients) -> None:
    with listening(clients.port) as tap:
        before_us = time.time_ns() // 1000
        answers = [clients.post(b'{"n": %d}' % n) for n in range(10)]
        messages = taken(tap, 10)
        time.sleep(0.3)
        assert not any(a.done() for a in answers)
        assert sorted(p for m in messages for p in m.payloads) == [b'{"n": %d}' % n for n in range(10)]
        assert {t for m in messages for t in m.topics or []} == {"/in"}
        assert all((m.received_us >= before_us).all() for m in messages)
        tap.acknowledge([messages[0].marks])
        assert answers[0].result(30).status_code == 202 or len(messages) > 1
        tap.acknowledge([m.marks for m in messages])
        assert [a.result(30).status_code for a in answers] == [202] * 10
        assert "server" not in answers[0].result().headers


def test_a_client_that_waits_too_long_is_told_to_send_again(clients: Clients) -> None:
    with listening(clients.port, answer_s=0.3) as tap:
        answer = clients.post(b"{}").result(60)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        (messages,) = taken(tap, 1)  # it lands all the same: at least once
        tap.acknowledge([messages.marks])


def test_who_waits_when_the_tap_closes_is_told_to_send_again(clients: Clients) -> None:
    with listening(clients.port) as tap:
        answers = [clients.post(b"{}") for _ in range(5)]
        messages = taken(tap, 5)
        tap.close()
        assert [a.result(30).status_code for a in answers] == [503] * 5
        tap.acknowledge([m.marks for m in messages])  # too late, and harmless
        assert not tap.is_connected


def test_the_token_is_asked_for(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITY_TOKEN", "s3cret")
    with listening(clients.port, credentials="CITY") as tap:
        for wrong in ({}, {"Authorization": "Bearer other"}, {"Authorization": "s3cret"}, {"Authorization": "Basic s3cret"}):
            answer = clients.post(b"{}", headers=wrong).result(30)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert clients.status(b"{}", Authorization="Bearer s3cr\u00e9t".encode("latin-1")) == 401  # type: ignore[arg-type]
        assert tap.take(1000) == []
        answer = clients.post(b"{}", headers={"Authorization": "Bearer s3cret"})
        tap.acknowledge([m.marks for m in taken(tap, 1)])
        assert answer.result(30).status_code == 202


def test_what_is_no_message_is_refused(clients: Clients) -> None:
    with listening(clients.port, max_bytes=1000) as tap:
        assert clients.status(b"{}", path="/other") == 404
        assert clients.status(b"{}", path="/in/") == 404
        for method in ("GET", "PUT", "DELETE", "OPTIONS"):
            answer = requests.request(method, f"http://127.0.0.1:{clients.port}/in", timeout=30)
            assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
        assert clients.status(b"{}", Content_Type="text/plain") == 415
        assert clients.status(b"{}", Content_Type="application/x-www-form-urlencoded") == 415
        assert clients.status(b"{}", Content_Encoding="br") == 415
        assert clients.status(b"x" * 1001) == 413
        assert clients.status(iter([b"x" * 600] * 2)) == 413  # chunked, without a length
        assert clients.status(gzip.compress(bytes(2_000_000))[:900], Content_Encoding="gzip") == 413
        assert clients.status(gzip.compress(b"[1, 2, 3]")[:-4], Content_Encoding="gzip") == 400
        assert clients.status(b"[1]", Content_Encoding="gzip") == 400
        assert clients.status(b"") == 400
        assert clients.status(b" \n") == 400
        assert tap.take(1000) == []
        assert tap._arriving_bytes == 0


def test_every_media_type_and_gzip_is_taken(clients: Clients) -> None:
    with listening(clients.port) as tap:
        answers = [clients.post(b"[1]", headers={"Content-Type": f"{kind}; charset=utf-8"}) for kind in http_door.MEDIA_TYPES]
        answers.append(clients.post(gzip.compress(b"[1]"), headers={"Content-Encoding": "gzip"}))
        answers.append(clients.post(iter([b"[", b"1", b"]"])))
        messages = taken(tap, 5)
        assert {p for m in messages for p in m.payloads} == {b"[1]"}
        tap.acknowledge([m.marks for m in messages])
        assert {a.result(30).status_code for a in answers} == {202}


def test_when_the_lake_is_behind_clients_are_told_to_come_back(clients: Clients) -> None:
    with listening(clients.port, hold_bytes=2000) as tap:
        first = [clients.post(b"x" * 900) for _ in range(2)]
        wait_until(lambda: tap._held.messages == 2)
        answer = clients.post(b"x" * 900).result(30)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
        assert clients.status(gzip.compress(b"x" * 900), Content_Encoding="gzip") == 429
        tap.acknowledge([m.marks for m in taken(tap, 2)])
        assert {a.result(30).status_code for a in first} == {202}
        again = clients.post(b"x" * 900)
        tap.acknowledge([m.marks for m in taken(tap, 1)])
        assert again.result(30).status_code == 202
        assert clients.status(b"x" * 2001) == 413  # it could never be held


def test_sources_share_a_port_and_the_last_one_closes_it(clients: Clients) -> None:
    with ExitStack() as stack:
        one = stack.enter_context(listening(clients.port, "/one"))
        with listening(clients.port, "/two") as two:
            answers = {path: clients.post(path, path=path) for path in ("/one", "/two")}
            for tap, path in ((one, b"/one"), (two, b"/two")):
                (messages,) = taken(tap, 1)
                assert messages.payloads == [path]
                tap.acknowledge([messages.marks])
            assert {a.result(30).status_code for a in answers.values()} == {202}
            with pytest.raises(SourceError, match="another source has this path"), listening(clients.port, "/one"):
                pass
        assert clients.status(b"{}", path="/two") == 404
        assert one.is_connected
    with pytest.raises(requests.ConnectionError):
        clients.post(b"{}", path="/one").result(30)
    with listening(clients.port, "/one") as tap:  # and the port is free again
        assert tap.is_connected


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken_by_other:
        port = taken_by_other.getsockname()[1]
        with pytest.raises(SourceError, match=f"cannot listen on 127.0.0.1:{port}.*free the port"), listening(port):
            pass


def test_clients_that_send_drop_by_drop_are_left(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_door, "PATIENCE_S", 0.6)
    head = b"POST /in HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"
    with listening(clients.port) as tap:
        for slowly in (b"POST /in HTTP/1.1\r\nX: " + b"y" * 900, head + b"z" * 900):
            began = time.monotonic()
            with socket.create_connection(("127.0.0.1", clients.port)) as drip:
                drip.settimeout(0.05)
                drip.sendall(slowly[: len(head)] if slowly.startswith(head) else slowly[:20])
                said = b""
                while time.monotonic() - began < 30:
                    try:
                        drip.sendall(b"z")
                        said += (more := drip.recv(4096))
                        if not more:
                            break
                    except TimeoutError:
                        continue
                    except OSError:
                        break
                assert time.monotonic() - began < 20
                assert not said or said.startswith(b"HTTP/1.1 408")
        assert tap.take(1000) == []
        assert tap._arriving_bytes == 0


def test_many_clients_at_once_are_each_answered_for_their_own(clients: Clients) -> None:
    with listening(clients.port) as tap:
        stop, landed = threading.Event(), set()

        def land() -> None:
            while not stop.is_set():
                for messages in tap.take(10_000):
                    landed.update(messages.payloads)
                    tap.acknowledge([messages.marks])
                time.sleep(0.01)

        landing = threading.Thread(target=land)
        landing.start()
        answers = [clients.post(json.dumps({"n": n})) for n in range(300)]
        assert {a.result(60).status_code for a in answers} == {202}
        stop.set()
        landing.join()
        assert landed == {json.dumps({"n": n}).encode() for n in range(300)}
        assert not tap._waiting


def test_nothing_is_printed_by_the_server(tmp_path: Path) -> None:
    program = f"""
import requests
from pathlib import Path
from tests.live import test_http_push as t
with t.listening({free_port()}) as tap:
    clients = t.Clients(tap._door.port)
    assert clients.status(b"") == 400
    answer = clients.post(b"1")
    tap.acknowledge([m.marks for m in t.taken(tap, 1)])
    assert answer.result(30).status_code == 202
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
