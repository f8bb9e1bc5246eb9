"""The watchman beside a stream: what lands is asked about, written and delivered; what goes wrong does not reach the stream."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from assets.alarm_book import Book
from dagster_project.live.alert_settings import AlertSettings
from dagster_project.live.watchman import Watchman
from dagster_project.settings import Settings, load
from pipelines.live.desk import Committed
from schemas.errors import LakeError, SettingsError
from tests.alerts.conftest import Place, call
from tests.alerts.receiver import receiving

TOML = '[city]\nname = "Testham"\ntime_zone = "Europe/Berlin"\n[lake]\nroot = "lake"\n'
KEY = "a key"
PATIENCE_S = 60


class Beside:
    """A watchman, and a stream that is played by the test."""

    def __init__(self, folder: Path, alerts: str = "") -> None:
        (folder / "citylake.toml").write_text(TOML + alerts, "utf-8")
        self.settings: Settings = load(folder / "citylake.toml")
        self.place = Place(folder / "lake", ["call_waiting"])
        self.said: list[str] = []
        self.watchman = self.another()

    def another(self) -> Watchman:
        return Watchman(self.settings, every_s=0.05, say=self.said.append)

    def commit(self, incident: str, waited_s: int, unit: bool = False) -> None:
        """A call that came in so long ago lands."""
        now = datetime.now(UTC)
        received = now - timedelta(seconds=waited_s)
        more = {"unit_id": "U1", "dispatched_at": now} if unit else {}
        uris = self.place.land("emergency_calls", [call(incident, received, **more)], now, seen=False)
        self.watchman.landed(done(uris))

    def rows(self) -> list[dict[str, Any]]:
        return Book(self.settings.lake, self.settings.city).every().to_dicts()


def done(uris: list[str]) -> Committed:
    return Committed("emergency_calls", "desk", tuple(uris), (), 1, 1, 1, 1, 0, 0, 0, 0, 0, 0.1)


def until(what: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    end = time.monotonic() + patience_s
    while not (found := what()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.fixture
def beside(tmp_path: Path) -> Beside:
    return Beside(tmp_path, '[alerts]\nrules = ["call_waiting"]\n')


def test_what_lands_is_raised_and_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CITY_ALERTS_KEY", KEY)
    with receiving() as server:
        hook = f'[alerts]\nwebhook = "{server.url}"\ncredentials = "CITY_ALERTS"\n'
        beside = Beside(tmp_path, hook)
        beside.watchman.start()
        beside.commit("I1", 200)
        (got,) = server.wait_for(1)
        assert json.loads(got[2])["data"]["place_id"] == "I1"
        beside.watchman.stop()
    (shown,) = beside.watchman.latest(5)
    assert (shown.rule, shown.place, shown.is_open, shown.severity) == ("call_waiting", "I1", True, "critical")
    assert beside.watchman.raised == beside.watchman.delivered == 1
    assert not beside.said


def test_what_landed_last_is_looked_at_before_the_end(beside: Beside) -> None:
    beside.watchman.start()
    beside.commit("I1", 200)
    beside.watchman.stop()
    assert [r["place_id"] for r in beside.rows()] == ["I1"]


def test_a_second_run_goes_on_where_the_first_ended(beside: Beside) -> None:
    beside.watchman.start()
    beside.commit("I1", 200)
    until(lambda: beside.watchman.raised)
    beside.watchman.stop()
    beside.watchman = beside.another()
    beside.watchman.start()
    beside.commit("I1", 200, unit=True)
    until(lambda: len(beside.rows()) == 2)
    beside.watchman.stop()
    assert [(r["number"], r["state"]) for r in beside.rows()] == [(1, "opened"), (2, "closed")]
    assert beside.watchman.raised == 0


def test_a_lake_that_is_away_is_waited_for(beside: Beside, monkeypatch) -> None:
    failures = [LakeError("the lake", "the disk is full", "make room")] * 3
    append = Book.append

    def fails(self: Book, rows: Any, before: int) -> int:
        if rows and failures:
            raise failures.pop()
        return append(self, rows, before)

    monkeypatch.setattr(Book, "append", fails)
    beside.watchman.start()
    beside.commit("I1", 200)
    until(lambda: beside.watchman.raised)
    beside.watchman.stop()
    assert len(beside.rows()) == 1
    assert beside.said[0] == "alerts: the lake: the disk is full; make room."
    assert not failures


def test_a_file_that_is_gone_costs_only_its_own_rows(beside: Beside) -> None:
    now = datetime.now(UTC)
    uris = beside.place.land("emergency_calls", [call("I1", now - timedelta(seconds=200))], now, seen=False)
    beside.watchman.start()
    beside.watchman.landed(done(["no/such/file.parquet", *uris]))
    until(lambda: beside.watchman.raised)
    beside.watchman.stop()
    assert "no/such/file.parquet" in beside.said[0]


def test_two_streams_on_one_lake_write_each_alert_once(beside: Beside) -> None:
    other = beside.another()
    beside.watchman.start()
    other.start()
    for i in range(4):
        now = datetime.now(UTC)
        uris = beside.place.land("emergency_calls", [call(f"I{i}", now - timedelta(seconds=200))], now, seen=False)
        for one in (beside.watchman, other):
            one.landed(done(uris))
    until(lambda: len(beside.rows()) >= 4)
    beside.watchman.stop()
    other.stop()
    rows = beside.rows()
    assert sorted(r["place_id"] for r in rows) == ["I0", "I1", "I2", "I3"]
    assert [r["number"] for r in rows] == [1, 2, 3, 4]


def test_no_rule_no_thread_and_no_secret_no_start(tmp_path: Path, monkeypatch) -> None:
    off = Beside(tmp_path, "[alerts]\nrules = []\n")
    off.watchman.start()
    off.commit("I1", 200)
    off.watchman.stop()
    assert off.rows() == []
    monkeypatch.delenv("CITY_ALERTS_KEY", raising=False)
    wants = Beside(tmp_path, '[alerts]\nwebhook = "http://127.0.0.1:9/"\ncredentials = "CITY_ALERTS"\n')
    assert isinstance(wants.settings.alerts, AlertSettings)
    with pytest.raises(SettingsError, match="CITY_ALERTS_KEY: it is not set"):
        wants.watchman.start()


@pytest.mark.slow
def test_an_mqtt_topic_is_told_too(tmp_path: Path) -> None:
    from tests.live.brokers import nats_server

    with nats_server(tmp_path / "nats") as server:
        url = f"mqtt://127.0.0.1:{server.mqtt_port}"
        got: list[tuple[str, dict[str, Any]]] = []
        listener = paho.Client(paho.CallbackAPIVersion.VERSION2)
        listener.on_message = lambda _c, _d, m: got.append((m.topic, json.loads(m.payload)))
        listener.connect("127.0.0.1", server.mqtt_port)
        listener.loop_start()
        listener.subscribe("testham/#", 1)
        time.sleep(1)
        beside = Beside(tmp_path, f'[alerts]\nmqtt = "{url}"\ntopic = "testham/alerts"\n')
        beside.watchman.start()
        beside.commit("I/1", 200)
        until(lambda: got)
        beside.watchman.stop()
        listener.disconnect()
        listener.loop_stop()
    topic, said = got[0]
    assert topic == "testham/alerts/call_waiting/I_1"
    assert (said["type"], said["data"]["place_id"]) == ("alert.opened", "I/1")
