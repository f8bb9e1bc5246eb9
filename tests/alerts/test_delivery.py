"""Delivery to a real HTTP server: in order, at least once, signed; a target that is down holds nobody up."""

import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from dagster_project.live import deliver
from dagster_project.live.alert_settings import AlertSettings, alert_settings
from dagster_project.live.deliver import Courier
from dagster_project.live.mqtt_topic import level
from dagster_project.live.webhook import Webhook
from schemas.errors import SettingsError
from tests.alerts.conftest import START, Place, call
from tests.alerts.receiver import Receiver, receiving

KEY = "a long random text"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def raise_alerts(place: Place, first: int, count: int) -> None:
    """So many calls that wait, each written as an alert."""
    for i in range(first, first + count):
        at = START + timedelta(seconds=200 * i)
        place.land("emergency_calls", [call(f"I{i}", at)], at)
        assert place.ask(at + timedelta(seconds=150))


@pytest.fixture
def city(make_place) -> Place:
    return make_place("city", ["call_waiting"])


def courier(place: Place, server: Receiver, said: list[str] | None = None) -> Courier:
    heard: list[str] = [] if said is None else said
    return Courier(place.lake, place.city, Webhook(server.url, KEY), heard.append, first_wait_s=0.01)


def test_every_change_comes_in_order_and_signed(city: Place, receiver: Receiver) -> None:
    told = courier(city, receiver)
    told.begin()
    raise_alerts(city, 0, 3)
    told.start()
    got = receiver.wait_for(3)
    told.stop()
    assert told.cursor == city.alarms.book.last() == 3
    rows = city.written().to_dicts()
    for (_, headers, body), row in zip(got, rows, strict=True):
        said = json.loads(body)
        assert said["type"] == "alert.opened"
        assert said["data"]["place_id"] == row["place_id"]
        assert said["data"]["causes"] == json.loads(row["causes"])
        assert said["timestamp"] == row["raised_at"].isoformat().replace("+00:00", "Z")
        identity = f"{row['alert_id']}-opened"
        assert headers["idempotency-key"] == headers["webhook-id"] == identity
        signed = f"{identity}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.new(KEY.encode(), signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
        assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("answers", [[500, 503, 429], [404, 401, 302], [500] * 6], ids=str)
def test_what_was_not_taken_is_sent_again_with_the_same_key(city: Place, receiver: Receiver, answers: list[int]) -> None:
    said: list[str] = []
    told = courier(city, receiver, said)
    told.begin()
    raise_alerts(city, 0, 2)
    receiver.answers = list(answers)
    told.start()
    receiver.wait_for(2)
    told.stop()
    keys = [h["idempotency-key"] for _, h, _ in receiver.got]
    assert len(keys) == len(answers) + 2
    assert len(set(keys[: len(answers) + 1])) == 1, "the second waits for the first"
    assert said[0].startswith(f"http://127.0.0.1:{receiver.server_port}/alerts: it answered {answers[0]}")
    assert "secret" not in " ".join(said)
    assert told.delivered == 2


def test_one_that_is_refused_for_good_is_passed_over_and_said(city: Place, receiver: Receiver) -> None:
    said: list[str] = []
    told = courier(city, receiver, said)
    told.begin()
    raise_alerts(city, 0, 2)
    receiver.answers = [422]
    told.start()
    receiver.wait_for(1)
    told.stop()
    assert (told.delivered, told.refused) == (1, 1)
    assert "for good" in said[0]


def test_a_crash_between_delivery_and_cursor_sends_the_same_again(city: Place, receiver: Receiver, monkeypatch) -> None:
    told = courier(city, receiver)
    told.begin()
    raise_alerts(city, 0, 1)

    def dies(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(type(city.lake.notes), "write", dies)
        told._deliver_due()
    again = courier(city, receiver)
    again.start()
    got = receiver.wait_for(2)
    again.stop()
    assert len({h["idempotency-key"] for _, h, _ in got}) == 1
    assert json.loads(got[0][2]) == json.loads(got[1][2])
    last = courier(city, receiver)
    last._deliver_due()
    assert len(receiver.got) == 2


def test_a_target_that_comes_later_is_told_everything_and_holds_nobody_up(city: Place, receiver: Receiver) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said: list[str] = []
    dead = Courier(city.lake, city.city, Webhook(f"http://127.0.0.1:{port}/", KEY), said.append, 0.01)
    alive = courier(city, receiver)
    for one in (dead, alive):
        one.begin()
        one.start()
    raise_alerts(city, 0, 4)
    alive.kick()
    dead.kick()
    receiver.wait_for(4)
    assert dead.delivered == 0
    alive.stop()
    dead.stop()
    assert said and "cannot be reached" in said[0]
    assert dead.cursor == 0, "it goes on from there"


def test_a_new_target_is_told_of_what_comes_not_of_what_was(city: Place, receiver: Receiver) -> None:
    raise_alerts(city, 0, 2)
    told = courier(city, receiver)
    told.begin()
    raise_alerts(city, 2, 1)
    told._deliver_due()
    assert [json.loads(b)["data"]["place_id"] for _, _, b in receiver.got] == ["I2"]


def test_more_than_is_read_at_once(city: Place, receiver: Receiver, monkeypatch) -> None:
    monkeypatch.setattr(deliver, "AT_ONCE", 2)
    told = courier(city, receiver)
    told.begin()
    raise_alerts(city, 0, 5)
    told._deliver_due()
    assert [json.loads(b)["data"]["number"] for _, _, b in receiver.got] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"webhook": "http://example.org/x", "credentials": "C"}, "http://example.org is not spoken to; use https, or http://"),
        ({"webhook": "https://u:p@example.org/x", "credentials": "C"}, "it holds a user or password"),
        ({"webhook": "https://example.org/x"}, "nothing says what it is signed with"),
        ({"mqtt": "http://127.0.0.1"}, "is not spoken to; use mqtt or mqtts"),
        ({"topic": "a/+/b"}, "cannot be published to"),
        ({"rules": ["nosuch"]}, "there is no rule 'nosuch'; use some of call_waiting"),
        ({"rules": "call_waiting"}, "is no list"),
        ({"hook": "x"}, "there is no such setting; use one of rules"),
        ({"ca_file": "nowhere.pem"}, "there is no file"),
        ({"topic": 5}, "5 is no text"),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path, values: dict, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        alert_settings(values, tmp_path)
    assert text in str(caught.value)
    assert str(caught.value).startswith("[alerts] ")


def test_settings(tmp_path, monkeypatch) -> None:
    assert alert_settings({}, tmp_path) == AlertSettings()
    assert AlertSettings().is_on
    assert not alert_settings({"rules": []}, tmp_path).is_on
    found = alert_settings({"webhook": "http://127.0.0.1:8080/x", "credentials": "CITY_ALERTS"}, tmp_path)
    monkeypatch.setenv("CITY_ALERTS_KEY", "k")
    assert found.secret("KEY") == "k"
    assert found.secret("USER") is None


@pytest.mark.parametrize(("text", "safe"), [("D00012", "D00012"), ("a/b+c#d\x00", "a_b_c_d_"), ("", "_")])
def test_a_place_is_one_level_of_a_topic(text: str, safe: str) -> None:
    assert level(text) == safe


def test_threads_end(city: Place, receiver: Receiver) -> None:
    before = threading.active_count()
    told = courier(city, receiver)
    told.start()
    told.stop()
    assert threading.active_count() <= before + 1  # the receiver's own may still be closing
