"""The benchmark of streams on a few events: it measures what it says, and refuses to measure what lost an event."""

from pathlib import Path

import pytest

from benchmarks import streams

FEW = streams.StreamSizes(jetstream=0, batched=0, kafka=0, mqtt=0, seconds=3.0, commits=70, rounds=1)


def silent(_: str) -> None:
    """Nobody listens."""


@pytest.mark.slow
def test_time_to_read_is_measured_of_every_event(tmp_path: Path) -> None:
    p50, p99 = streams._latency(tmp_path, FEW, 2_000, 10, silent)
    assert p50.ours and p99.ours
    assert 0 < p50.ours <= p99.ours < 60
    assert (p50.aim, p50.met) == ("<= 1", p50.ours <= 0.5)
    assert not list(tmp_path.iterdir()), "the folder is given back empty"


@pytest.mark.slow
def test_growth_counts_the_files_that_joining_leaves(tmp_path: Path) -> None:
    files, entries, cost = streams._growth(tmp_path, FEW, silent)
    assert files.ours and entries.ours and cost.ours
    # 70 commits left 140 files; looked at every 50 commits, joined every 20 where there are 32 of a size
    assert 2 <= files.ours < 140
    assert entries.ours >= 50
    assert cost.peer_name == "at the beginning"
