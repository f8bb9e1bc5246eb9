"""Exactly once: landing killed at any moment, or done twice at once, leaves each row once and closed books."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines import commit, steps
from pipelines.sources.declared import parse
from pipelines.sources.files import Limits
from pipelines.sources.plan import plan
from schemas.registry import feed
from tests.landing.driver import AT, Inbox, event

ROOT = Path(__file__).parents[2]
LANDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pipelines.run import land
from pipelines.sources.declared import parse
from pipelines.sources.files import Limits
from schemas.city import City
from schemas.lake import Lake
from schemas.registry import feed
folder, contract = Path(sys.argv[1]), feed("traffic_flow")
source = parse(contract, "test", {"uri": "*.jsonl", "format": "json_lines"}, folder / "inbox")
print("ready", flush=True)
land(Lake(folder / "lake"), City("Test", "Europe/Berlin"), contract, source, datetime.now(UTC), Limits(chunk_bytes=20_000))
print("landed", flush=True)
"""


def fill(inbox: Inbox, files: int, rows: int) -> int:
    for number in range(files):
        good = [
            json.dumps(event(f"f{number}-{i}", i % 60, observed_at=f"2026-05-{1 + i % 3:02d}T08:00:00Z")) for i in range(rows)
        ]
        inbox.put(f"{number}.jsonl", "\n".join([*good, "{broken"]) + "\n")
    return files * rows


def lander(inbox: Inbox) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LANDER, str(inbox.folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=inbox.folder)


def assert_each_row_once(inbox: Inbox, rows: int, files: int) -> None:
    raw = inbox.raw("traffic_flow")
    assert raw.height == rows
    assert raw["sensor_id"].n_unique() == rows
    assert inbox.codes("traffic_flow") == [("malformed", None)] * files
    assert inbox.off_by() == 0


@pytest.mark.parametrize("cut", ["nothing", "quarantine", "ledger", "raw"])
def test_a_landing_cut_short_between_its_commits_is_completed(inbox: Inbox, cut: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = fill(inbox, 2, 50)
    contract = feed("traffic_flow")
    source = parse(contract, "test", {"uri": "*.jsonl", "format": "json_lines"}, inbox.folder / "inbox")
    done: list[str] = []
    append = type(inbox.lake).append

    class Killed(BaseException):
        pass

    def until_cut(lake, layer, *rest):  # the process ends right after this table's commit
        if cut == "nothing":
            raise Killed
        out = append(lake, layer, *rest)
        done.append(layer)
        if layer == cut:
            raise Killed
        return out

    planned = plan(inbox.lake, contract, source, Limits())
    landing = steps.Landing(inbox.lake, inbox.city, contract, source, Limits(), planned.todo, AT)
    chunks = [c for t in planned.todo for s in t.splits for c in steps.read(s, landing)]
    written = [steps.write(steps.conform(steps.decode(c, landing), landing), landing) for c in chunks]
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(type(inbox.lake), "append", until_cut)
        commit.commit(written, landing)
    inbox.land("traffic_flow", uri="*.jsonl", format="json_lines")
    inbox.land("traffic_flow", uri="*.jsonl", format="json_lines")
    assert_each_row_once(inbox, rows, 2)


def test_a_growing_file_cut_short_books_both_its_parts(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    block = {"uri": "a.jsonl", "format": "json_lines", "append_only": True}
    path = inbox.put("a.jsonl", json.dumps(event("a")) + "\n{broken\n")
    append = type(inbox.lake).append

    def no_raw(lake, layer, *rest):
        if layer == "raw":
            raise KeyboardInterrupt
        return append(lake, layer, *rest)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(type(inbox.lake), "append", no_raw)
        inbox.land("traffic_flow", **block)
    path.write_text(path.read_text() + json.dumps(event("b")) + "\n{broken too\n")
    for _ in range(3):
        inbox.land("traffic_flow", **block)
    assert inbox.raw("traffic_flow")["sensor_id"].to_list() == ["a", "b"]
    assert inbox.codes("traffic_flow") == [("malformed", None)] * 2
    assert inbox.off_by() == 0


def test_a_full_disk_is_one_clear_error_and_loses_nothing(inbox: Inbox) -> None:
    """The disk's end is a real one for the process: the kernel refuses to write a file beyond a limit."""
    rows = fill(inbox, 2, 3000)
    full = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    out = subprocess.run(
        [sys.executable, "-c", full + LANDER.replace("20_000", "10_000_000"), str(inbox.folder)],
        capture_output=True, text=True, env=environment, cwd=inbox.folder,
    )  # fmt: skip
    assert out.returncode != 0
    last = out.stderr.strip().splitlines()[-1]
    assert last.startswith("schemas.errors.LakeError") and "the disk is not full" in last
    assert inbox.raw("traffic_flow").height == 0
    assert not list((inbox.folder / "lake").rglob("*.half"))
    inbox.land("traffic_flow", uri="*.jsonl", format="json_lines")
    assert_each_row_once(inbox, rows, 2)


@pytest.mark.slow
def test_kill_9_at_random_moments(inbox: Inbox) -> None:
    (inbox.folder / "trial").mkdir()
    trial = Inbox(inbox.folder / "trial")
    fill(trial, 4, 2000)
    process = lander(trial)
    assert process.stdout.readline() == "ready\n"
    began = time.monotonic()
    process.communicate(timeout=120)
    takes_s = time.monotonic() - began  # most of it is Beam's import, and landing comes at the end
    rows, dice, kills = fill(inbox, 4, 2000), random.Random(7), 0
    for _ in range(8):
        process = lander(inbox)
        assert process.stdout.readline() == "ready\n"
        time.sleep(dice.uniform(0.6, 1.05) * takes_s)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
        assert inbox.raw("traffic_flow").height in range(0, rows + 1, 2000)
    last = lander(inbox)
    assert "landed" in last.communicate(timeout=120)[0]
    assert kills > 0
    assert_each_row_once(inbox, rows, 4)


@pytest.mark.slow
def test_two_processes_at_once_lose_and_double_nothing(inbox: Inbox) -> None:
    rows = fill(inbox, 12, 300)
    both = [lander(inbox), lander(inbox)]
    for process in both:
        out, err = process.communicate(timeout=180)
        assert "landed" in out, err[-2000:]
    assert_each_row_once(inbox, rows, 12)
