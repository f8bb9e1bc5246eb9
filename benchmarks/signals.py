"""The five signal metrics of a day beside Oregon DOT's `atspm` from PyPI, on the same events: time and peak memory.

Ours begins at refined rows in Delta, as `citylake run` does when it measures, and ends with five committed Delta partitions;
that repeats were dropped and clocks corrected before is not in it. The peer begins at one Parquet file with the same rows, loads
it into memory without repeats, aggregates and saves Parquet; it is also shown without its load. It does not measure waits of
pedestrians, nor bins without events. How events are made is in signal_files.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

from benchmarks.contender import Contender
from benchmarks.result import Result, compared, show, skipped
from benchmarks.signal_files import SAMPLE

PYTHON = "CITYLAKE_ATSPM_PYTHON"
PEER = "atspm==2.6.1", "duckdb>=1.5,<2"
"""atspm 2.6.1 does not run on DuckDB 2."""
PEER_NAME = "atspm 2.6.1: load, aggregate, save"
MIB = 1 << 20
WARM_EVENTS = 1


def peer_python(folder: Path) -> str | None:
    """The interpreter that has atspm: that of CITYLAKE_ATSPM_PYTHON, or of an environment made here; None where it cannot be."""
    if os.environ.get(PYTHON):
        return os.environ[PYTHON]
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    made = subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER], capture_output=True, check=False)
    return python if made.returncode == 0 else None


def measure(folder: Path, events: int, rounds: int, tell: Callable[[str], None]) -> list[Result]:
    """The lines of the table about signals."""
    what = f"five signal metrics of {events:,} events"
    if not SAMPLE.is_dir():
        return [skipped(what, "s", PEER_NAME, "<= 1", "no sample of events here")]
    tell("making the peer's environment")
    python = peer_python(folder / "peer")
    if python is None:
        return [
            skipped(what, "s", PEER_NAME, "<= 1", f"{PEER[0]} could not be installed, and {PYTHON} names no Python that has it")
        ]
    tell(f"making {events:,} events of signals")
    with Contender() as maker:
        made = maker.call("signal_files:make", folder / "full", events).value
        maker.call("signal_files:make", folder / "warm", WARM_EVENTS)
    what = f"five signal metrics of {made:,} events"
    ours, peer, without_load = _times(folder, python, rounds, tell)
    tell("peak memory of the signal metrics")
    with Contender() as process:
        our_peak = process.call("signals_ours:aggregate", folder / "full").peak_bytes / MIB
    with Contender(python) as process:
        peer_peak = process.call("peer_atspm:aggregate", folder / "full").peak_bytes / MIB
    return [
        compared(what, "s", ours, peer, PEER_NAME, "<= 1"),
        compared(what, "s", ours, without_load, "atspm 2.6.1 without its load", None),
        compared(f"peak memory of {what}", "MiB", [our_peak], [peer_peak], PEER_NAME, "<= 1"),
    ]


def _times(folder: Path, python: str, rounds: int, tell: Callable[[str], None]) -> tuple[list[float], list[float], list[float]]:
    """Seconds of ours, of the peer, and of the peer without its load, round by round; every second round the peer begins."""
    ours, peer, without_load = [], [], []
    with Contender() as our, Contender(python) as their:
        our.call("signals_ours:aggregate", folder / "warm")
        their.call("peer_atspm:aggregate", folder / "warm")
        for turn in range(rounds):
            tell(f"signals, round {turn + 1} of {rounds}")
            for is_ours in (True, False) if turn % 2 == 0 else (False, True):
                if is_ours:
                    ours.append(our.call("signals_ours:aggregate", folder / "full").seconds)
                else:
                    answer = their.call("peer_atspm:aggregate", folder / "full")
                    peer.append(answer.seconds)
                    without_load.append(answer.seconds - answer.value["load"])
        said, theirs = (
            process.call(f"{m}:told", folder / "full").value for process, m in ((our, "signals_ours"), (their, "peer_atspm"))
        )
    if said != theirs:
        raise RuntimeError(f"{said} is not {theirs}: no comparison")
    return ours, peer, without_load


def main() -> int:
    """Measure and show this alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.signals", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="citylake-bench-") as folder:
        show(measure(Path(folder), asked.events, asked.rounds, lambda said: print(said, file=sys.stderr)), ())
    return 0


if __name__ == "__main__":
    sys.exit(main())
