"""`citylake alerts`: lists, filters, and follows."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dagster_project.cli.alerts import moment
from schemas.errors import SettingsError
from tests.alerts.conftest import Place, call, flow
from tests.cli.conftest import citylake

TOML = '[city]\nname = "Testham"\ntime_zone = "Europe/Berlin"\n[lake]\nroot = "lake"\n'
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("COLUMNS", "140")
    (tmp_path / "citylake.toml").write_text(TOML, "utf-8")
    return tmp_path / "citylake.toml"


@pytest.fixture
def place(config: Path) -> Place:
    """One alert that was closed and two that are open, all of this hour."""
    place = Place(config.parent / "lake")
    now = datetime.now(UTC).replace(microsecond=0)
    for minute in range(12):
        when = now - timedelta(minutes=14 - minute)
        place.now = when + timedelta(seconds=60)
        place.land("traffic_flow", [flow(s, when) for s in ("A", "B", "C") if s != "B" or minute < 3])
    for incident in ("I1", "I2"):
        place.land("emergency_calls", [call(incident, now - timedelta(seconds=300))])
    place.ask(now - timedelta(seconds=60))
    place.land("emergency_calls", [call("I2", now - timedelta(seconds=300), unit_id="U1", dispatched_at=now)])
    place.ask(now)
    return place


def listed(config: Path, *words: str) -> list[dict[str, Any]]:
    done = citylake("alerts", "-c", config, "--json", *words)
    assert done.code == 0, done.err
    return done.json


def test_open_ones_come_first(config: Path, place: Place) -> None:
    found = listed(config)
    assert [(r["place_id"], r["state"]) for r in found][-1] == ("I2", "closed")
    assert {r["place_id"] for r in found[:2]} == {"B", "I1"}
    assert all(isinstance(r["causes"], list) for r in found)
    shown = citylake("alerts", "-c", config)
    assert shown.code == 0
    assert shown.out.startswith("2 open, 1 closed (times of Europe/Berlin)")
    assert "has waited" in shown.out
    assert "Sensor B has been silent" in shown.out.replace("\n", " ")


def test_filters(config: Path, place: Place) -> None:
    assert {r["place_id"] for r in listed(config, "--open")} == {"B", "I1"}
    assert {r["place_id"] for r in listed(config, "--rule", "call_waiting")} == {"I1", "I2"}
    assert {r["place_id"] for r in listed(config, "--since", "2000-01-01")} == {"B", "I1", "I2"}
    assert {r["place_id"] for r in listed(config, "--since", "0s")} == {"B", "I1"}
    wrong = citylake("alerts", "-c", config, "--rule", "nosuch")
    assert (wrong.code, wrong.err.startswith("error: alert rule nosuch: there is no such rule; use one of")) == (1, True)


def test_an_empty_lake_has_none(config: Path) -> None:
    assert listed(config) == []
    assert "No alert is open" in citylake("alerts", "-c", config).err


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [True, False])
def test_following_tells_each_change_as_it_comes(config: Path, place: Place, as_json: bool) -> None:
    run = "import sys; from dagster_project.cli import main; main(sys.argv[1:])"
    words = [sys.executable, "-c", run, "alerts", "-c", str(config), "--follow", *(["--json"] if as_json else [])]
    lines: queue.Queue[str] = queue.Queue()
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        reader = threading.Thread(target=lambda out: [lines.put(line) for line in out], args=(process.stdout,), daemon=True)
        reader.start()
        try:
            line = _first_change(place, lines, as_json)
        finally:
            process.terminate()
            process.wait(30)
        reader.join(10)
    if as_json:
        said = json.loads(line)
        assert said["type"] == "alert.opened"
        assert said["data"]["place_id"].startswith("N")
    else:
        assert " opened critical call_waiting Call N" in line


def _first_change(place: Place, lines: "queue.Queue[str]", as_json: bool) -> str:
    """Raise one alert after the other until one is told of: nobody knows when the process has begun to follow."""
    for number in range(90):
        now = datetime.now(UTC)
        place.land("emergency_calls", [call(f"N{number}", now - timedelta(seconds=400))])
        place.ask(now + timedelta(seconds=2 * number + 2))
        end = time.monotonic() + 1
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                line = lines.get(timeout=left)
                if as_json or " opened critical" in line:
                    return line
    raise AssertionError("nothing was told")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-05-31", datetime(2026, 5, 30, 22, tzinfo=UTC)),
        ("2026-05-31T08:00", datetime(2026, 5, 31, 6, tzinfo=UTC)),
        ("2026-05-31T08:00Z", datetime(2026, 5, 31, 8, tzinfo=UTC)),
    ],
)
def test_since(text: str, at: datetime) -> None:
    assert moment(text, NOW, "Europe/Berlin") == at


def test_since_when() -> None:
    with pytest.raises(SettingsError, match="'soon' is no time"):
        moment("soon", NOW, "Europe/Berlin")
