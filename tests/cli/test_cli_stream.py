"""`citylake stream` and `citylake live`: what they refuse, how they end, and (slow) a live city with nothing lost."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from schemas import ledger
from schemas.lake import Lake

PATIENCE_S = 120
HEAD = '[city]\nname = "Testville"\ntime_zone = "Europe/Berlin"\n'
LAST_LINE = re.compile(
    r"published (\d+), landed (\d+), lost (\d+), repeated (\d+), p50 (\d+\.\d\d) s, p99 (\d+\.\d\d) s, alerts (\d+)"
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "citylake.toml"
    path.write_text(HEAD + '[feeds.traffic_flow.sources.files]\nuri = "inbox/*.jsonl"\nformat = "json_lines"\n', "utf-8")
    return path


def test_without_a_live_source_it_says_what_to_add(cli: Any, config: Path) -> None:
    done = cli("stream", "-c", config)
    assert done.code == 1
    assert "no live source is named" in done.err
    done = cli("stream", "traffic_flow", "-c", config)
    assert done.code == 1
    assert "[feeds.traffic_flow]: no live source is named for this feed" in done.err
    assert cli("stream", "weather", "-c", config).code == 1


def test_a_folder_with_something_else_is_not_taken(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x", "utf-8")
    done = cli("live", "--seconds", 1, "--folder", "mine")
    assert done.code == 1
    assert "it holds files that no demo made" in done.err


@contextmanager
def running(folder: Path, *words: object) -> Iterator["subprocess.Popen[str]"]:
    """A command in a process of its own; ended with the test."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from dagster_project.cli import main; main()", *map(str, words)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"NO_COLOR": "1"},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def left_behind(folder: Path) -> list[str]:
    """Processes that were started with this folder in their command."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found


@pytest.mark.slow
def test_a_live_city_lands_whole(tmp_path: Path) -> None:
    with running(tmp_path, "live", "--seconds", 12, "--rate", 300, "--folder", tmp_path / "city", "--plain") as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    match = LAST_LINE.fullmatch(out.splitlines()[-1])
    assert match, out
    published, landed, lost, repeated = map(int, match.groups()[:4])
    assert published > 300 * 8
    assert (landed, lost, repeated) == (published, 0, 0)
    lake = Lake(tmp_path / "city" / "lake")
    assert ledger.balance(lake)["off_by"].sum() == 0
    assert left_behind(tmp_path) == []
    assert "traffic_flow.detectors: running" in err
    assert "The books are closed" in err


@pytest.mark.slow
def test_a_live_city_tells_machines_what_became_of_it(tmp_path: Path) -> None:
    with running(tmp_path, "live", "--seconds", 2, "--rate", 100, "--folder", tmp_path / "city", "--json") as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    last = json.loads(out.splitlines()[-1])
    assert last["kind"] == "reckoned"
    assert last["published"] == last["landed"] > 0
    assert (last["lost"], last["repeated"], last["off_by"]) == (0, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_live_city_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, "live", "--rate", 200, "--folder", tmp_path / "city", "--plain") as process:
        assert process.stderr
        for line in process.stderr:
            kept = re.search(r"traffic_flow.detectors .* kept ([\d,]+)", line)
            if kept and kept[1] != "0":
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    match = LAST_LINE.fullmatch(out.splitlines()[-1])
    assert match and int(match[1]) > 0
    assert (match[1], match[3]) == (match[2], "0")
    assert left_behind(tmp_path) == []


@pytest.mark.slow
def test_two_signals_end_it_at_once_and_leave_nobody(tmp_path: Path) -> None:
    with running(tmp_path, "live", "--rate", 200, "--folder", tmp_path / "city", "--plain") as process:
        assert process.stderr
        for line in process.stderr:
            if "running" in line:
                break
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
        assert process.returncode in (0, 128 + signal.SIGTERM)
    until = time.monotonic() + PATIENCE_S
    while left_behind(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert left_behind(tmp_path) == []


@pytest.mark.slow
def test_a_stream_drains_on_sigterm_and_tells_machines(tmp_path: Path) -> None:
    from pipelines.live.server import NatsServer
    from pipelines.simulator.live_publisher import Plan, Publisher
    from pipelines.simulator.live_settings import write_settings
    from schemas.city import City

    with NatsServer(tmp_path / "broker") as broker:
        broker.keep_mqtt()
        plan = Plan(broker.host, broker.mqtt_port, str(tmp_path / "truth"), 300.0)
        config = write_settings(tmp_path, City("Testville", "Europe/Berlin"), plan.city(), broker.url, broker.mqtt_url)
        publisher = Publisher(plan)
        try:
            with running(tmp_path, "stream", "traffic_flow", "-c", config, "--json", "--port", 0) as process:
                assert process.stdout
                said: list[dict[str, Any]] = []
                healthy = 0
                for line in process.stdout:
                    said.append(json.loads(line))
                    if said[-1]["kind"] == "source" and said[-1]["kept"] > 500:
                        with urllib.request.urlopen(f"{said[0]['url']}/healthz", timeout=PATIENCE_S) as answer:
                            healthy = answer.status
                        process.send_signal(signal.SIGTERM)
                        break
                out, err = process.communicate(timeout=PATIENCE_S)
        finally:
            publisher.stop()
    said += [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0, err
    assert healthy == 200
    assert said[0]["kind"] == "started"
    assert said[-1]["kind"] == "ended"
    assert {s["feed"] for s in said if s["kind"] == "source"} == {"traffic_flow"}
    lake = Lake(tmp_path / "lake")
    assert said[-1]["kept"] == sum(f.rows for f in lake.files("raw", "traffic_flow"))
    assert ledger.balance(lake)["off_by"].sum() == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel cannot be told to")
def test_a_killed_live_city_leaves_nobody_and_the_next_one_starts(tmp_path: Path) -> None:
    words = ("live", "--rate", 200, "--folder", tmp_path / "city", "--plain")
    with running(tmp_path, *words) as process:
        assert process.stderr
        for line in process.stderr:
            if "running" in line:
                break
        assert any("nats-server" in words for words in left_behind(tmp_path))
        process.kill()
        process.wait(PATIENCE_S)
    until = time.monotonic() + PATIENCE_S
    while left_behind(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert left_behind(tmp_path) == []
    with running(tmp_path, *words, "--seconds", 2) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert LAST_LINE.fullmatch(out.splitlines()[-1])
