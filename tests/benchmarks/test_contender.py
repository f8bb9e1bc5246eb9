"""A contender answers from a process of its own; results say whether they keep their aim."""

import json
from pathlib import Path

import pytest

from benchmarks import memory, result
from benchmarks.contender import Contender


def test_a_contender_times_calls_and_survives_a_failing_one(tmp_path: Path) -> None:
    with Contender() as process:
        process.call("events:write", tmp_path / "a.jsonl", 100)
        with pytest.raises(RuntimeError, match="not-a-time"):
            process.call("events:write", tmp_path / "b.jsonl", 100, False, "not-a-time")
        answer = process.call("peer_polars:land", tmp_path, tmp_path / "out")
        assert answer.seconds > 0 and answer.peak_bytes > 1 << 24
        assert process.call("peer_polars:rows", tmp_path / "out").value == 100


def test_ratios_are_medians_of_pairs(tmp_path: Path) -> None:
    made = result.compared("x", "s", [1.0, 10.0, 6.0], [1.0, 5.0, 2.0], "peer", "<= 1.5")
    assert (made.ours, made.peer, made.ratio, made.met) == (6.0, 2.0, 2.0, False)
    skipped = result.skipped("y", "s", "peer", ">= 4", "no peer here")
    result.write({"a": [made], "b": [made]}, tmp_path / "results.json")
    result.write({"b": [skipped]}, tmp_path / "results.json")
    read = json.loads((tmp_path / "results.json").read_text())
    assert {part: [r["met"] for r in of_part] for part, of_part in read.items()} == {"a": [False], "b": [None]}
    assert set(read["a"][0]) == {"name", "unit", "ours", "peer", "peer_name", "ratio", "aim", "met"}


@pytest.mark.slow
def test_memory_is_taken_from_a_landing_of_several_files(tmp_path: Path) -> None:
    assert 100 < memory.peak_mib(tmp_path / "memory", 2_000, 2) < 1024
