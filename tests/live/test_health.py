"""/metrics and /healthz of a stream, asked over HTTP; and the section [stream] of citylake.toml."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dagster_project.live.endpoint import Endpoint
from dagster_project.live.health import health
from dagster_project.live.prometheus import Numbers
from dagster_project.live.stream_settings import StreamSettings, stream_settings
from pipelines.live.desk import Committed, Desk
from pipelines.live.pace import Pace
from schemas.errors import SettingsError


class Rig:
    """Two desks, and an endpoint that tells of them."""

    def __init__(self) -> None:
        self.desks = [Desk("door_counts", "north", "nats://x"), Desk("door_counts", "south", "nats://x")]
        self.alerts = {"door_open": 2}
        self.numbers = Numbers(lambda: [d.seen() for d in self.desks], lambda: self.alerts)
        self.endpoint = Endpoint(0, self.numbers.registry, lambda: health([d.seen() for d in self.desks], 60.0))

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"{self.endpoint.url}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        families = text_string_to_metric_families(self.ask("/metrics")[1])
        return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.endpoint.stop()


def labels(**given: str) -> frozenset[tuple[str, str]]:
    return frozenset(({"feed": "door_counts", "source": "north"} | given).items())


def test_metrics_are_what_the_desks_say(rig: Rig) -> None:
    done = Committed("door_counts", "north", (), (), 7, 700, 100, 90, 10, 3, 1_000_000, 2_000_000, 3_500_000, 0.2)
    for _ in range(2):
        rig.desks[0].book(done)
        rig.numbers.committed(done)
    rig.desks[0].tell(state="running", is_connected=True, restarts=1)
    found = rig.metrics()
    assert found["citylake_messages_total", labels()] == 14
    assert found["citylake_commits_total", labels()] == 2
    assert found["citylake_restarts_total", labels()] == 1
    for outcome, rows in (("kept", 180), ("rejected", 20), ("late", 6)):
        assert found["citylake_rows_total", labels(outcome=outcome)] == rows
    assert found["citylake_connected", labels()] == 1
    assert found["citylake_connected", labels(source="south")] == 0
    assert found["citylake_commit_seconds_count", labels()] == 2
    assert found["citylake_commit_seconds_sum", labels()] == pytest.approx(0.4)
    assert found["citylake_landing_seconds_sum", labels()] == pytest.approx(5.0)
    assert found["citylake_alerts_total", frozenset({("rule", "door_open")})] == 2
    assert found["citylake_event_lag_seconds", labels()] > 0
    assert found["process_resident_memory_bytes", frozenset()] > 1_000_000


def test_what_is_not_known_has_no_value(rig: Rig) -> None:
    found = rig.metrics()
    assert ("citylake_event_lag_seconds", labels()) not in found
    assert ("citylake_behind_messages", labels()) not in found
    rig.desks[0].tell(behind=5)
    assert rig.metrics()["citylake_behind_messages", labels()] == 5


def test_health_says_which_source_is_not_well_and_why(rig: Rig) -> None:
    code, body = rig.ask("/healthz")
    assert code == 503
    assert json.loads(body)["sources"]["door_counts.north"]["wrong"] == "starting"
    for desk in rig.desks:
        desk.tell(state="running", is_connected=True)
    code, body = rig.ask("/healthz")
    assert (code, json.loads(body)["status"]) == (200, "ok")
    rig.desks[1].tell(state="waiting", is_connected=False, says="connection refused")
    code, body = rig.ask("/healthz")
    sources = json.loads(body)["sources"]
    assert code == 503
    assert sources["door_counts.south"]["wrong"] == "waiting: connection refused"
    assert "wrong" not in sources["door_counts.north"]


@pytest.mark.parametrize(
    ("state", "wrong"), [("starting", True), ("running", False), ("waiting", True), ("draining", True), ("stopped", True)]
)
def test_only_a_running_source_is_well(state: str, wrong: bool) -> None:
    desk = Desk("door_counts", "north", "x")
    desk.tell(state=state, is_connected=True)
    assert health([desk.seen()], 60.0)[0] is not wrong


def test_a_source_that_lags_is_not_well() -> None:
    desk = Desk("door_counts", "north", "x")
    desk.tell(state="running", is_connected=True)
    desk.oldest_us = 1_000_000
    is_well, said = health([desk.seen()], 60.0)
    assert not is_well
    assert "more than 60 s" in said["sources"]["door_counts.north"]["wrong"]


def test_no_source_at_all_is_not_well() -> None:
    assert not health([], 60.0)[0]


def test_other_paths_are_not_there(rig: Rig) -> None:
    code, body = rig.ask("/else")
    assert code == 404
    assert "/healthz" in body


def test_a_taken_port_is_an_error_that_says_what_to_do(rig: Rig) -> None:
    port = int(rig.endpoint.url.rpartition(":")[2])
    with pytest.raises(SettingsError, match=rf"port {port}.*another"):
        Endpoint(port, rig.numbers.registry, lambda: (True, {}))


def test_the_settings_are_checked() -> None:
    assert stream_settings({}) == StreamSettings(Pace(), 9464, 60.0)
    assert stream_settings({"commit_s": 2, "hold_bytes": 4096, "port": 0, "behind_s": 5}) == StreamSettings(
        Pace(commit_s=2, hold_bytes=4096), 0, 5.0
    )


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"comit_s": 1}, "there is no such setting"),
        ({"commit_s": "1"}, "'1' is not possible"),
        ({"commit_s": 0}, "0 is not possible"),
        ({"commit_s": float("nan")}, "nan is not possible"),
        ({"commit_bytes": 1.5}, "1.5 is not possible"),
        ({"port": True}, "True is not possible"),
        ({"port": 70000}, "70000 is not possible"),
    ],
)
def test_impossible_settings_are_refused(values: dict[str, Any], found: str) -> None:
    with pytest.raises(SettingsError, match=found):
        stream_settings(values)
