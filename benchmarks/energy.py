"""The energy metrics of a day of meter readings beside the same SQL run bare, in turn in one process; and peak memory.

Measured are energy_load_30min, energy_daily and the month's energy_load_duration, with gaps in two of a hundred meters that are
estimated from the readings around them and a week before. sensor_health_daily, which they join, judges all feeds: it is
measured once, before, and its memory counts. How readings are made is in energy_files.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.contender import Contender
from benchmarks.result import Result, compared, keeps, show

MIB = 1 << 20
LIMIT_MIB = 2048.0
PEER = "the same SQL, bare"


def measure(folder: Path, readings: int, rounds: int, tell: Callable[[str], None]) -> list[Result]:
    """The lines of the table about energy."""
    tell(f"making {readings:,} meter readings")
    with Contender() as maker:
        made = maker.call("energy_files:make", folder / "full", readings).value
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    with Contender() as process:
        tell("verdicts of the meters")
        process.call("energy_ours:health", folder / "full")
        for turn in range(rounds + 1):
            tell(f"energy, round {turn} of {rounds}")
            for name in ("ours", "bare") if turn % 2 == 0 else ("bare", "ours"):
                seconds = process.call(f"energy_ours:{name}", folder / "full").value
                if turn:  # the first is the warm-up
                    times[name].append(sum(seconds.values()))
        for ours_kwh, bare_kwh in process.call("energy_ours:told", folder / "full").value:
            if ours_kwh != bare_kwh:
                raise RuntimeError(f"{ours_kwh} kWh is not {bare_kwh} kWh: no comparison")
    tell("peak memory of the energy metrics")
    with Contender() as process:
        process.call("energy_ours:health", folder / "full", True)
        peak = process.call("energy_ours:ours", folder / "full").peak_bytes / MIB
    what = f"energy metrics of a day of {made:,} meter readings"
    share = peak / LIMIT_MIB
    return [
        compared(what, "s", times["ours"], times["bare"], PEER, "<= 1.5"),
        Result(f"peak memory of {what} and meter health", "MiB", peak, LIMIT_MIB, "2 GiB", share, "<= 1", keeps(share, "<= 1")),
    ]


def main() -> int:
    """Measure and show this alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.energy", description=__doc__)
    parser.add_argument("--readings", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="citylake-bench-") as folder:
        show(measure(Path(folder), asked.readings, asked.rounds, lambda said: print(said, file=sys.stderr)), ())
    return 0


if __name__ == "__main__":
    sys.exit(main())
