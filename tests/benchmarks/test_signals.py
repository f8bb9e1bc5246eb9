"""The events of the signals benchmark are the sample's, twelve times over; ours says twelve times of them what it says of it."""

from pathlib import Path

import polars as pl
import pytest

from benchmarks import signal_files, signals, signals_ours
from benchmarks.contender import Contender

pytestmark = pytest.mark.skipif(not signal_files.SAMPLE.is_dir(), reason=f"the sample is not at {signal_files.SAMPLE}")


@pytest.mark.slow
def test_a_day_of_one_signal_is_twelve_times_two_hours(tmp_path: Path) -> None:
    with Contender() as process:
        assert process.call("signal_files:make", tmp_path / "b", 1).value == 37148 * 12
        process.call("signals_ours:aggregate", tmp_path / "b")
        told = process.call("signals_ours:told", tmp_path / "b").value
    assert told.pop("split_failures") >= 60  # cycles across the seams come to those of the sample
    assert told == {"actuations": 12595 * 12, "arrivals": 2979 * 12, "terminations": 277 * 12, "walks": 36, "presses": 60}
    assert pl.read_parquet(tmp_path / "b" / "peer" / "events.parquet").height == 37148 * 12


def test_without_a_peer_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "peer_python", lambda folder: None)
    (line,) = signals.measure(tmp_path, 1000, 1, lambda said: None)
    assert "skipped" in line.name and line.met is None
    assert len(signals_ours.METRICS) == 5
