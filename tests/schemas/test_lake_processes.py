"""The lake under several processes and under kill -9: every step whole, none lost, none twice."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.lake import Lake
from tests.schemas.lake_writer import DAY, ROWS, SCHEMA, step

WRITER = Path(__file__).with_name("lake_writer.py")


def start(lake: Lake, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(WRITER), lake.root, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=WRITER.parents[2])


def values(lake: Lake, source: str) -> list[int]:
    scan = lake.scan("raw", "door_counts")
    if scan is None:
        return []
    frame = scan.collect()
    return sorted(frame.filter(frame["source"] == source)["x"])


def test_two_processes_that_append_at_once_lose_nothing(lake: Lake) -> None:
    writers = [start(lake, source, "0", "25") for source in ("left", "right")]
    assert [w.wait(120) for w in writers] == [0, 0]
    for source in ("left", "right"):
        assert values(lake, source) == list(range(25 * ROWS))
    assert lake.landed_up_to("raw", "door_counts", ["left", "right"]) == {"left": 25, "right": 25}


def test_two_processes_that_do_the_same_steps_make_them_visible_once(lake: Lake) -> None:
    writers = [start(lake, "same", "0", "8") for _ in range(2)]
    assert [w.wait(120) for w in writers] == [0, 0]
    assert values(lake, "same") == list(range(8 * ROWS))


def test_a_process_killed_before_its_commit_leaves_no_visible_half_step(lake: Lake) -> None:
    lake.append("raw", "door_counts", SCHEMA, [step(lake, "killed", 0)])
    writer = start(lake, "killed", "1", "2", "stop")
    assert writer.stdout is not None
    assert writer.stdout.readline() == "written\n"
    writer.send_signal(signal.SIGKILL)
    assert writer.wait(30) == -signal.SIGKILL
    assert len(list(Path(lake.uri("raw", "door_counts"), f"event_date={DAY}").glob("*.parquet"))) == 2
    assert values(lake, "killed") == list(range(ROWS))
    assert lake.landed_up_to("raw", "door_counts", ["killed"]) == {"killed": 1}
    again = start(lake, "killed", "1", "2")
    assert again.wait(60) == 0
    assert values(lake, "killed") == list(range(2 * ROWS))


@pytest.mark.slow
def test_processes_killed_anywhere_leave_whole_steps_and_can_go_on(lake: Lake) -> None:
    done = 0
    for seed in range(6):
        writer = start(lake, "killed", str(done), str(done + 1000))
        deadline = time.monotonic() + 60
        while len(values(lake, "killed")) <= done * ROWS and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(random.Random(seed).random() * 0.2)
        writer.kill()
        writer.wait(30)
        before, done = done, lake.landed_up_to("raw", "door_counts", ["killed"])["killed"]
        assert done > before
        assert values(lake, "killed") == list(range(done * ROWS))
