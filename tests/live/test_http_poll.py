"""HTTP polls: what is asked for, when, with what, and what of it becomes a message."""

import base64
import gzip
import json
import time
from typing import Any

import pytest

from pipelines.live.tap import Place
from pipelines.sources import http_poll
from schemas.errors import SettingsError
from tests.live.polling import Polling, ok, options, polling
from tests.live.web_server import in_turn


def test_each_new_body_is_one_message_and_the_same_body_none() -> None:
    with polling(in_turn(ok(b"[1]"), ok(b"[1]"), ok(b"[2]"), ok(b"[1]")), every_s=7) as (poll, _):
        before_us = time.time_ns() // 1000 - 60_000_000
        poll.polled(4)
        (messages,) = poll.take()
        assert messages.payloads == [b"[1]", b"[2]", b"[1]"]
        assert (messages.received_us > before_us).all()
        assert messages.positions is None
        assert poll.tap.is_connected
        assert poll.said == []
        assert all(6 < s <= 7 for s in poll.slept)


def test_not_modified_is_asked_for_only_after_the_body_has_landed() -> None:
    with polling(in_turn(ok(b"[1]", ETag='"a"', Last_Modified="Sun, 01 Nov 2026 10:00:00 GMT"))) as (poll, server):
        poll.polled(2)
        (messages,) = poll.take()
        poll.polled(3)
        assert not any("if-none-match" in r or "if-modified-since" in r for r in server.requests)
        poll.tap.acknowledge([messages.marks])
        server.answer = in_turn((304, b"", {}))
        poll.polled(4)
        assert server.requests[3]["if-none-match"] == '"a"'
        assert server.requests[3]["if-modified-since"] == "Sun, 01 Nov 2026 10:00:00 GMT"
        assert poll.tap.is_connected
        assert poll.take() == []
        server.answer = in_turn(ok(b"[2]", ETag='"b"'))
        poll.polled(5)
        poll.polled(6)
        assert "if-none-match" not in server.requests[5]  # [2] has not landed


def test_a_body_that_did_not_land_is_fetched_again_after_a_restart() -> None:
    with polling(in_turn(ok(b"[1]", ETag='"a"'))) as (poll, server):
        poll.polled(1)
        assert poll.bodies() == [b"[1]"]
        poll.tap.close()
        again = Polling(options(server.uri))
        again.polled(1)
        assert again.bodies() == [b"[1]"]
        again.tap.close()


def test_the_server_s_word_on_freshness_is_a_lower_bound() -> None:
    body = json.dumps({"ttl": 90, "data": {"ttl": 200}}).encode()
    answers = in_turn(
        ok(body),
        ok(body + b" ", Cache_Control="public, max-age=300", Age=100),
        (304, b"", {"Cache-Control": "max-age=500"}),
        ok(body + b"  ", Cache_Control="max-age=99999999"),
    )
    with polling(answers, ttl_path="ttl", every_s=30) as (poll, _):
        poll.polled(4)
        assert [round(s, -1) for s in poll.slept] == [90, 200, 500, 86400]
    with polling(in_turn(ok(body)), ttl_path="data.ttl") as (poll, _):
        poll.polled(1)
        assert round(poll.slept[0], -1) == 200
    for nonsense in (b'{"ttl": "soon"}', b'{"ttl": -1}', b"[]", b"{", b"[" * 100_000, b'{"ttl": true}', b'{"ttl": 1e999}'):
        with polling(in_turn(ok(nonsense)), ttl_path="ttl", every_s=30) as (poll, _):
            poll.polled(1)
            assert round(poll.slept[0], -1) == 30


def test_errors_are_said_and_tried_again_ever_more_slowly_with_jitter() -> None:
    with polling(in_turn((503, b"", {}))) as (poll, server):
        poll.polled(9)
        for number, slept in enumerate(poll.slept):
            longest = min(2.0**number, 120)
            assert longest / 2 <= slept <= longest
        assert len({s / 2**n for n, s in enumerate(poll.slept[:5])}) > 1
        assert "answers 503; trying again in" in poll.said[0]
        assert not poll.tap.is_connected
        server.answer = in_turn(ok(b"[1]"))
        poll.polled(10)
        assert poll.said[-1] == ""
        assert poll.tap.is_connected
        server.answer = in_turn((503, b"", {}))
        poll.polled(11)
        assert poll.slept[-1] <= 1


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_a_person_must_mend_is_asked_for_every_ten_minutes_at_last(status: int) -> None:
    with polling(in_turn((status, b"", {}))) as (poll, _):
        poll.polled(8)
        assert 15 <= poll.slept[0] <= 30
        assert all(300 <= s <= 600 for s in poll.slept[-2:])
        assert f"answers {status}" in poll.said[-1]


def test_retry_after_is_waited_for() -> None:
    answers = in_turn(
        (429, b"", {"Retry-After": "240"}), (429, b"", {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}), (429, b"", {})
    )
    with polling(answers) as (poll, _):
        poll.polled(3)
        assert poll.slept[:2] == [240, 86400]
        assert poll.slept[2] <= 4


def test_a_full_tap_asks_no_more_until_something_is_taken() -> None:
    bodies = (ok(b"%d" % n * 600) for n in range(10))
    with polling(in_turn(*bodies), hold_bytes=1000) as (poll, server):
        poll.polled(6)
        assert len(server.requests) == 2
        assert poll.tap.is_full
        assert len(poll.bodies()) == 2
        poll.polled(7)
        assert len(server.requests) == 3


def test_gzip_is_unpacked() -> None:
    packed = gzip.compress(b"[1]") + gzip.compress(b" ")
    with polling(in_turn(ok(packed, Content_Encoding="gzip"))) as (poll, server):
        poll.polled(1)
        assert poll.bodies() == [b"[1] "]
        assert server.requests[0]["accept-encoding"] == "gzip"


def test_credentials_and_headers_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITY_TOKEN", "s3cret")
    with polling(in_turn(ok(b"1")), credentials="CITY", headers={"Fiware-Service": "city"}) as (poll, server):
        poll.polled(1)
        assert server.requests[0]["authorization"] == "Bearer s3cret"
        assert server.requests[0]["fiware-service"] == "city"
    with polling(in_turn(ok(b"1")), credentials="CITY", token_header="X-Api-Key") as (poll, server):
        poll.polled(1)
        assert server.requests[0]["x-api-key"] == "s3cret"
        assert "authorization" not in server.requests[0]
    monkeypatch.delenv("CITY_TOKEN")
    monkeypatch.setenv("CITY_USER", "me")
    monkeypatch.setenv("CITY_PASSWORD", "pw")
    with polling(in_turn(ok(b"1")), credentials="CITY") as (poll, server):
        poll.polled(1)
        assert base64.b64decode(server.requests[0]["authorization"].removeprefix("Basic ")) == b"me:pw"


@pytest.mark.parametrize(
    ("uri", "settings", "says"),
    [
        ("http://u:p@h/", {}, "no plain address"),
        ("http:///x", {}, "no plain address"),
        ("http://h/\r\nX: 1", {}, "no plain address"),
        ("http://far.example/", {"credentials": "CITY"}, "in clear"),
        ("https://h/", {"headers": {"Authorization": "Bearer x"}}, "secrets do not belong"),
        ("https://h/", {"headers": {"X-Api-Key": "x"}}, "token_header"),
        ("https://h/", {"headers": {"X": "a\r\nEvil: 1"}}, "no header field"),
        ("https://h/", {"headers": {"X: 1\r\nY": "a"}}, "no header field"),
        ("https://h/", {"headers": {"X": 1}}, "no header field"),
        ("https://h/", {"every_s": 0}, "not above 0"),
        ("https://h/", {"timeout_s": -1}, "not above 0"),
        ("https://h/", {"max_bytes": True}, "max_bytes"),
        ("https://h/", {"allow_redirects_to": ["a/b"]}, "not hosts"),
        ("https://h/", {"etag": True}, "no such setting"),
    ],
)
def test_a_wrong_block_is_said(uri: str, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        options(uri, **settings)


def test_a_token_with_a_line_break_or_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("f", "s", 1000, lambda p: {}, lambda text: None)
    monkeypatch.delenv("CITY_TOKEN", raising=False)
    with pytest.raises(SettingsError, match="CITY_TOKEN is not set"):
        http_poll.open_tap(options("https://h/", credentials="CITY"), place)
    monkeypatch.setenv("CITY_TOKEN", "a\r\nEvil: 1")
    with pytest.raises(SettingsError, match="not one line"):
        http_poll.open_tap(options("https://h/", credentials="CITY"), place)
