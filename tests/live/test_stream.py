"""The stream itself, in Beam: every message lands, is acknowledged after its commit only, and trouble costs nothing but time."""

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.live.pace import Pace
from pipelines.live.stream import Stream
from pipelines.sources.declared import parse
from schemas.errors import LakeError, SourceError
from schemas.lake import Lake
from tests.live import rehearsal
from tests.live.rehearsed import QUICK, City1, drained, payloads, until


def test_what_is_published_while_it_runs_lands_once_and_draining_leaves_nothing_behind(tmp_path: Path) -> None:
    here = City1(tmp_path, partitions=3)
    stream = here.stream()
    stream.start()
    for i in range(12):
        here.broker.publish(payloads(i * 10, 10), str(i % 3))
        until(lambda i=i: len(here.commits) >= i // 4)
    until(lambda: here.broker.given == 120)
    drained(stream)
    assert here.kept() == Counter({f"d{i}": 1 for i in range(120)})
    assert here.broker.acknowledged == {"0": 40, "1": 40, "2": 40}
    (seen,) = (d.seen() for d in stream.desks)
    assert (seen.state, seen.taken, seen.kept, seen.restarts, seen.source_lag_s) == ("stopped", 120, 120, 0, 0.0)
    assert sum(c.kept for c in here.commits) == 120
    assert len(here.commits) == seen.commits > 1
    assert here.off_by() == 0


def test_another_process_goes_on_where_the_lake_says(tmp_path: Path) -> None:
    here = City1(tmp_path)
    for first in (0, 50):
        here.broker.publish(payloads(first, 50))
        stream = here.stream()
        stream.start()
        until(lambda total=first + 50: sum(here.kept().values()) == total)
        drained(stream)
    assert here.kept() == Counter({f"d{i}": 1 for i in range(100)})


@pytest.mark.parametrize("layer", ["ledger", "raw"])
def test_a_store_that_refuses_is_waited_for_and_nothing_is_acknowledged_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str
) -> None:
    here = City1(tmp_path, replays=False)
    real, is_full = Lake.append, threading.Event()
    is_full.set()

    def append(lake: Lake, where: str, *args: Any, **kwargs: Any) -> Any:
        if where == layer and is_full.is_set():
            raise LakeError(where, "No space left on device", "make room")
        return real(lake, where, *args, **kwargs)

    monkeypatch.setattr(Lake, "append", append)
    here.broker.publish(payloads(0, 30))
    stream = here.stream()
    stream.start()
    (desk,) = stream.desks
    until(lambda: desk.seen().restarts >= 2)
    assert "No space left on device" in desk.seen().says
    assert desk.seen().state == "waiting"
    assert here.broker.acknowledged == {}
    assert here.kept() == Counter()
    is_full.clear()
    until(lambda: here.broker.acknowledged.get("") == 30)
    drained(stream)
    # decided by the ledger and then refused: completed, and the broker, which cannot know, gives it once more
    assert set(here.kept()) == {f"d{i}" for i in range(30)}
    assert set(here.kept().values()) == ({1} if layer == "ledger" else {2})
    assert here.off_by() == 0
    assert desk.seen().says == ""


def test_a_source_that_cannot_be_read_is_tried_again_while_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = City1(tmp_path)
    other = rehearsal.BROKERS["replay://locked"] = rehearsal.Broker()
    locked = parse(here.contract, "locked", {"uri": "replay://locked", "format": "json_lines"}, tmp_path)
    real, is_locked = rehearsal.RehearsalTap.take, threading.Event()
    is_locked.set()

    def take(tap: rehearsal.RehearsalTap, most: int) -> Any:
        if tap.broker is other and is_locked.is_set():
            raise SourceError("broker", "the password is refused", "correct it")
        return real(tap, most)

    monkeypatch.setattr(rehearsal.RehearsalTap, "take", take)
    here.broker.publish(payloads(0, 20))
    other.publish(payloads(100, 20))
    both = [(here.contract, here.source), (here.contract, locked)]
    stream = Stream(here.lake, here.city, both, None, QUICK)
    stream.start()
    until(lambda: sum(here.kept().values()) == 20)
    until(lambda: stream.desks[1].seen().restarts)
    assert stream.desks[1].seen().says == "broker: the password is refused; correct it."
    is_locked.clear()
    until(lambda: sum(here.kept().values()) == 40)
    drained(stream)
    assert here.off_by() == 0


@pytest.mark.slow
def test_two_streams_of_one_broker_at_once_land_everything_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.live import reader

    # as in two processes, where both have one name
    monkeypatch.setattr(reader, "app_id", lambda of_feed, _, partition: f"{of_feed}:{partition}")
    here = City1(tmp_path, partitions=2)
    streams = [here.stream(name=n) for n in ("belt", "twin")]
    for stream in streams:
        stream.start()
    for i in range(40):
        here.broker.publish(payloads(i * 10, 10), str(i % 2))
        time.sleep(0.02)
    until(lambda: sum(here.kept().values()) >= 400, 120)
    for stream in streams:
        drained(stream)
    assert here.kept() == Counter({f"d{i}": 1 for i in range(400)})
    assert here.off_by() == 0


def test_a_batch_has_no_more_than_the_pace_allows(tmp_path: Path) -> None:
    here = City1(tmp_path)
    lines = payloads(0, 2000)
    here.broker.publish(lines)
    stream = here.stream(Pace(commit_s=5, commit_bytes=50_000))
    stream.start()
    until(lambda: sum(c.messages for c in here.commits) >= 1900)
    drained(stream)
    assert max(c.bytes for c in here.commits) < 50_000 + max(map(len, lines))
    assert sum(here.kept().values()) == 2000


def test_a_pipeline_that_is_renewed_hands_its_reader_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.live import reader

    monkeypatch.setattr(reader, "BUNDLES", 3)
    opened: list[object] = []
    real = rehearsal.RehearsalTap.__init__

    def counted(tap: rehearsal.RehearsalTap, *args: Any) -> None:
        opened.append(tap)
        real(tap, *args)

    monkeypatch.setattr(rehearsal.RehearsalTap, "__init__", counted)
    here = City1(tmp_path, replays=False)
    stream = here.stream(Pace(commit_s=0.02))
    stream.start()
    for i in range(20):
        here.broker.publish(payloads(i * 10, 10))
        until(lambda i=i: len(here.commits) >= i // 2)
    until(lambda: sum(here.kept().values()) == 200)
    drained(stream)
    assert here.kept() == Counter({f"d{i}": 1 for i in range(200)})
    assert len(here.commits) > 6, "more than one pipeline was at work"
    assert len(opened) == 1, "the broker saw one reader"
    assert here.broker.acknowledged == {"": 200}
