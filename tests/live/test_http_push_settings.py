"""What a push block may say: nobody posts unasked, and nobody from outside unless that is meant."""

from typing import Any

import pytest

from pipelines.sources import http_push
from schemas.errors import SettingsError
from tests.live.test_http_push import free_port, listening, options


@pytest.mark.parametrize(
    ("uri", "settings", "says"),
    [
        ("push://127.0.0.1:8085/in", {}, "anyone could post"),
        ("push://0.0.0.0:8085/in", {"credentials": "C"}, "public = true"),
        ("push://[::]:8085/in", {"credentials": "C"}, "public = true"),
        ("push://0.0.0.0:8085/in", {"open": True, "public": True}, "can be reached from outside"),
        ("push://127.0.0.1:8085/in", {"open": True, "credentials": "C"}, "credentials are named"),
        ("push://127.0.0.1/in", {"open": True}, "no host, port and path"),
        ("push://127.0.0.1:8085", {"open": True}, "no host, port and path"),
        ("push://127.0.0.1:8085/", {"open": True}, "no host, port and path"),
        ("push://u:p@127.0.0.1:8085/in", {"open": True}, "no host, port and path"),
        ("push://127.0.0.1:99999/in", {"open": True}, "no host, port and path"),
        ("push://127.0.0.1:8085/in?a=b", {"open": True}, "no host, port and path"),
        ("push://city.example:8085/in", {"public": True, "credentials": "C"}, "no address"),
        ("push://127.0.0.1:8085/in", {"open": True, "answer_s": 0}, "answer_s"),
        ("push://127.0.0.1:8085/in", {"open": True, "max_bytes": -1}, "max_bytes"),
        ("push://127.0.0.1:8085/in", {"credentials": "C", "ca_file": "x.pem"}, "no cert_file"),
    ],
)
def test_a_wrong_block_is_said(uri: str, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        options(uri, **settings)


def test_a_token_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CITY_TOKEN", raising=False)
    with pytest.raises(SettingsError, match="CITY_TOKEN is not set"), listening(free_port(), credentials="CITY"):
        pass


def test_the_public_address_can_be_asked_for() -> None:
    found = options("push://0.0.0.0:8085/in", public=True, credentials="CITY")
    assert http_push.origin(found) == "push://0.0.0.0:8085/in"
    assert http_push.origin(options("push://[::1]:8085/in", open=True)) == "push://[::1]:8085/in"
    assert options("push://localhost:8085/in", open=True).host == "127.0.0.1"
