"""A batch cut short anywhere: what the ledger decided is completed, what it did not comes again; the books close."""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from deltalake.exceptions import CommitFailedError

from pipelines import commit
from schemas import parts
from schemas.lake import Lake
from schemas.notes import Notes
from tests.landing.driver import event
from tests.live.belt import Belt, messages

FEED = "traffic_flow"


class PowerCut(BaseException):
    """The process ends here."""


def payloads(first: int, count: int) -> list[bytes]:
    return [b"broken" if i % 5 == 3 else json.dumps(event(f"d{i}", i % 60)).encode() for i in range(first, first + count)]


def cut_at(monkeypatch: pytest.MonkeyPatch, moment: int) -> Callable[[], bool]:
    """End the process before (even) or after (odd) the n-th thing that a commit does to the lake."""
    done, hit = [0], [False]

    def watched(work: Callable[..., Any]) -> Callable[..., Any]:
        def act(*args: Any, **kwargs: Any) -> Any:
            mine = done[0]
            done[0] += 1
            if mine * 2 == moment:
                hit[0] = True
                raise PowerCut
            out = work(*args, **kwargs)
            if mine * 2 + 1 == moment:
                hit[0] = True
                raise PowerCut
            return out

        return act

    for owner, name in ((Lake, "append"), (Lake, "write_part"), (Notes, "write"), (Notes, "remove")):
        monkeypatch.setattr(owner, name, watched(getattr(owner, name)))
    return lambda: hit[0]


@pytest.mark.parametrize("replays", [True, False], ids=["a broker that replays", "a broker that redelivers"])
@pytest.mark.parametrize("moment", range(18))
def test_cut_short_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int, replays: bool) -> None:
    belt = Belt(tmp_path, FEED, replays)
    belt.land(messages(payloads(0, 10), 0, replays=replays))
    with monkeypatch.context() as patched:
        was_cut = cut_at(patched, moment)
        with suppress(PowerCut):
            belt.land(messages(payloads(10, 10), 10, replays=replays))
        assert was_cut() or moment >= 14, "a commit has at least seven things to do"

    again = Belt(tmp_path, FEED, replays)
    commit.recover(again.landing)
    assert again.off_by() == 0, "what was decided is complete before anything is read"
    # batches are cut elsewhere this time; what redelivers gives the unacknowledged batch once more
    first = again.position() if replays else 10
    for start, end in pairwise((first, max(first, 17), 25)):
        if end > start:
            again.land(messages(payloads(start, end - start), start, replays=replays))
    kept = Counter(again.raw()["sensor_id"])
    assert set(kept) == {f"d{i}" for i in range(25) if i % 5 != 3}, "nothing is lost"
    if replays:
        assert set(kept.values()) == {1}, "nothing is twice"
        assert again.refused()["_position"].to_list() == [3, 8, 13, 18, 23]
    else:
        assert max(kept.values()) <= 2
    assert again.off_by() == 0


def test_of_two_that_land_the_same_messages_the_second_learns_it(tmp_path: Path) -> None:
    one, other = Belt(tmp_path, FEED), Belt(tmp_path, FEED)
    wanted = other.position()
    one.land(messages(payloads(0, 6)))
    other.position = lambda partition="": wanted  # type: ignore[method-assign]
    assert not one.was_overtaken()
    other.land(messages(payloads(0, 9)))
    assert other.was_overtaken()
    assert one.raw().height == 5
    assert one.off_by() == 0
    assert one.position() == 6


def test_one_partition_that_was_overtaken_holds_back_the_whole_batch(tmp_path: Path) -> None:
    one, other = Belt(tmp_path, FEED), Belt(tmp_path, FEED)
    one.land(messages(payloads(0, 2), 0, "a"))
    other.position = lambda partition="": 0  # type: ignore[method-assign]
    other.land(messages(payloads(0, 3), 0, "a"), messages(payloads(20, 3), 0, "b"))
    assert other.was_overtaken()
    assert one.raw().height == 2
    assert (one.position("a"), one.position("b"), one.off_by()) == (2, 0, 0)


def test_a_decision_of_which_the_answer_was_lost_is_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    belt = Belt(tmp_path, FEED)
    real, answers = parts.commit, iter([CommitFailedError("the answer was lost, and the commit found itself in its way")])

    def commit_and_lose(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        for error in answers:
            raise error

    belt.land(messages(payloads(0, 5)))
    with monkeypatch.context() as patched:
        patched.setattr(parts, "commit", commit_and_lose)
        belt.land(messages(payloads(5, 5), 5))
    assert not belt.was_overtaken()
    assert (belt.raw().height, belt.position(), belt.off_by()) == (8, 10, 0)


def test_what_a_process_decided_that_is_gone_is_completed_by_the_one_it_is_in_the_way_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Belt(tmp_path, FEED), Belt(tmp_path, FEED)
    real = Lake.append

    def until_decided(lake: Lake, layer: str, *args: Any, **kwargs: Any) -> Any:
        if layer == "raw":
            raise PowerCut
        return real(lake, layer, *args, **kwargs)

    with monkeypatch.context() as patched, suppress(PowerCut):
        patched.setattr(Lake, "append", until_decided)
        one.land(messages(payloads(0, 6)))
    assert one.position() == 0
    other.land(messages(payloads(0, 9)))
    assert other.was_overtaken()
    assert (other.raw().height, other.position(), other.off_by()) == (5, 6, 0)
    other.land(messages(payloads(6, 3), 6))
    assert (other.raw().height, other.position(), other.off_by()) == (7, 9, 0)


def test_recovery_leaves_alone_what_another_process_is_about_to_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    belt = Belt(tmp_path, FEED)
    real = Lake.append

    def meanwhile(lake: Lake, layer: str, *args: Any, **kwargs: Any) -> Any:
        if layer == "ledger":
            assert commit.recover(Belt(tmp_path, FEED).landing) == 0
        return real(lake, layer, *args, **kwargs)

    monkeypatch.setattr(Lake, "append", meanwhile)
    belt.land(messages(payloads(0, 6)))
    assert (belt.raw().height, belt.off_by()) == (5, 0)
