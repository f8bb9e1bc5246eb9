"""`make bench`: measures speed and memory, prints a table and writes benchmarks/results.json, part by part.

What is measured is in throughput, decoders, memory, days, signals, energy, dashboard and streams; accuracy.py measures accuracy.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import dashboard, days, decoders, energy, memory, signals, streams, throughput
from benchmarks.result import Result, show, write

RESULTS = Path(__file__).parent / "results.json"
NOTES = (
    "Speeds are medians of rounds, ratios medians of the rounds' own ratios. Contenders run in turn, each in a process of its",
    "own after a small warm-up run; imports, the JVM's start and the making of files are not counted. All write zstd Parquet.",
    "Memory is the peak of a fresh process, imports included. Days: ours and peer in turn in one process, after a warm-up.",
    "Decoders: bytes to wire columns of samples grown by repetition, ours and plain in turn in one process a format.",
    "Dashboard: questions over a year of made-up metrics in citylake.duckdb, in turn, after each was asked once; one reader.",
    "Streams: broker, publisher and reader share this machine; rates from the first commit to the last, without the first.",
)
QUICK_NOTE = "This was a first look: at these sizes fixed costs weigh more. `make bench` measures at full size."


@dataclass(frozen=True)
class Sizes:
    """How much is measured. `slice` is what the slow peer gets; `times` as many rows are landed for their memory."""

    rows: int
    slice: int
    rounds: int
    decoded_bytes: int
    times: int
    day_rows: int
    new_day_rows: int
    history_days: int
    day_rounds: int
    signal_events: int
    signal_rounds: int
    meter_readings: int
    energy_rounds: int
    streams: streams.StreamSizes
    detectors: int
    metric_days: int
    question_rounds: int


FULL = Sizes(
    2_000_000, 100_000, 5, 32_000_000, 10, 1_000_000, 1_000_000, 365, 4, 10_000_000, 3, 5_000_000, 3, streams.FULL, 500, 365, 20
)  # fmt: skip
QUICK = Sizes(200_000, 10_000, 1, 1_000_000, 1, 100_000, 20_000, 6, 1, 400_000, 1, 96_000, 1, streams.QUICK, 20, 60, 3)


PARTS: dict[str, Callable[[Path, Sizes, Callable[[str], None]], list[Result]]] = {
    "landing": lambda folder, sizes, tell: throughput.measure(folder, sizes.rows, sizes.slice, sizes.rounds, tell),
    "decoders": lambda _, sizes, tell: decoders.measure(sizes.decoded_bytes, sizes.rounds, tell),
    "memory": lambda folder, sizes, tell: memory.measure(folder, sizes.rows, sizes.times, tell),
    "days": lambda folder, sizes, tell: days.against_sql(folder, sizes.day_rows, sizes.day_rounds, tell),
    "history": lambda folder, sizes, tell: days.with_history(
        folder, sizes.new_day_rows, sizes.history_days, sizes.day_rounds, tell
    ),
    "signals": lambda folder, sizes, tell: signals.measure(folder, sizes.signal_events, sizes.signal_rounds, tell),
    "energy": lambda folder, sizes, tell: energy.measure(folder, sizes.meter_readings, sizes.energy_rounds, tell),
    "dashboard": lambda folder, sizes, tell: dashboard.measure(
        folder, sizes.detectors, sizes.metric_days, sizes.question_rounds, tell
    ),
    "streams": lambda folder, sizes, tell: streams.measure(folder, sizes.streams, tell),
}
"""What can be measured, in order; `--only` names some of it."""


def main() -> int:
    """Measure, show and write. An aim that is missed is shown, and is no failure."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, for a first look; nothing is written")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of a table")
    asked = parser.parse_args()

    from rich.console import Console

    sizes, measured = QUICK if asked.quick else FULL, {}
    with tempfile.TemporaryDirectory(prefix="citylake-bench-") as folder, Console(stderr=True).status("starting") as status:
        for part in (p for p in PARTS if p in asked.only):
            work = Path(folder) / part
            work.mkdir()
            measured[part] = PARTS[part](work, sizes, status.update)
    if not asked.quick:
        write(measured, RESULTS)
    results = [r for of_part in measured.values() for r in of_part]
    if asked.json:
        print(json.dumps([asdict(r) for r in results], indent=1))
    else:
        show(results, (*NOTES, QUICK_NOTE) if asked.quick else NOTES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
