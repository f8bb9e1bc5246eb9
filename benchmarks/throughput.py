"""Who lands the same lines how fast: every contender in a warm process of its own, in turn, round after round.

How each lands is in landing.py and peer_*.py.
"""

import importlib.util
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contender import Contender
from benchmarks.result import Result, compared, skipped

SPARK = "CITYLAKE_SPARK_PYTHON"
WARM_ROWS = 20_000
FAULT_EVERY = 100
LOCAL_DAYS = ["2025-05-05", "2025-05-06"]
"""The local days that one UTC day of events falls into."""


@dataclass(frozen=True)
class Entrant:
    """Who lands which inbox.

    Attributes:
        lands: `module:function` of this package; the module's `rows` counts what came out.
        expected: rows that must come out; another count is an error, not a speed.
        lines: lines to read.
    """

    name: str
    lands: str
    inbox: str
    lines: int
    expected: int
    python: str = sys.executable
    more: tuple = ()


def spark_python() -> str | None:
    """The interpreter that has pyspark: the one of CITYLAKE_SPARK_PYTHON, or our own; None where there is none."""
    if os.environ.get(SPARK):
        return os.environ[SPARK]
    return sys.executable if importlib.util.find_spec("pyspark") else None


@contextmanager
def inboxes(folder: Path, rows: int, slice_rows: int) -> Iterator[Path]:
    """The files to land: clean, dirty, a slice for the slow, and a few lines to warm up with. Gone afterwards."""
    with Contender() as maker:
        for name, size, dirty in (
            ("clean", rows, False), ("dirty", rows, True), ("slice", slice_rows, False), ("warm", WARM_ROWS, False),
            ("warm_dirty", WARM_ROWS, True),
        ):  # fmt: skip
            maker.call("events:write", folder / name / "events.jsonl", size, dirty)
    yield folder
    shutil.rmtree(folder)


def entrants(rows: int, slice_rows: int) -> list[Entrant]:
    """Everybody who can run here, ours first."""
    out = [
        Entrant("ours", "landing:land", "clean", rows, rows),
        Entrant("ours, dirty", "landing:land", "dirty", rows, rows - 2 * (rows // FAULT_EVERY)),
        Entrant("polars", "peer_polars:land", "clean", rows, rows),
        Entrant("polars, columns", "peer_polars:land_columns", "clean", rows, rows),
        Entrant("duckdb", "peer_duckdb:land", "clean", rows, rows),
        Entrant("beam", "peer_beam:land", "slice", slice_rows, slice_rows, more=(LOCAL_DAYS,)),
    ]
    if python := spark_python():
        out.append(Entrant("spark", "peer_spark:land", "clean", rows, rows, python))
    return out


def race(folder: Path, field: list[Entrant], rounds: int, tell: Callable[[str], None]) -> dict[str, list[float]]:
    """Lines per second of each entrant in each round. Every second round runs in the opposite order."""
    speeds: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        process = {e.name: stack.enter_context(Contender(e.python)) for e in field}
        for e in field:
            tell(f"warming up {e.name}")
            warm = "warm_dirty" if e.inbox == "dirty" else "warm"
            process[e.name].call(e.lands, folder / warm, folder / "out", *e.more)
            shutil.rmtree(folder / "out")
        for turn in range(rounds):
            for e in field if turn % 2 == 0 else field[::-1]:
                tell(f"landing, round {turn + 1} of {rounds}: {e.name}")
                seconds = process[e.name].call(e.lands, folder / e.inbox, folder / "out", *e.more).seconds
                came = process[e.name].call(f"{e.lands.split(':')[0]}:rows", folder / "out").value
                if came != e.expected:
                    raise RuntimeError(f"{e.name} landed {came} rows of {e.expected}: no comparison")
                shutil.rmtree(folder / "out")
                speeds[e.name].append(e.lines / seconds)
    return speeds


def measure(folder: Path, rows: int, slice_rows: int, rounds: int, tell: Callable[[str], None]) -> list[Result]:
    """The lines of the table about throughput."""
    with inboxes(folder, rows, slice_rows) as filled:
        speeds = race(filled, entrants(rows, slice_rows), rounds, tell)
    thousands = {name: [s / 1000 for s in found] for name, found in speeds.items()}
    what, unit, ours = f"landing {rows:,} JSON events", "k events/s", thousands["ours"]

    def against(peer: str, peer_name: str, aim: str | None) -> Result:
        return compared(what, unit, ours, thousands[peer], peer_name, aim)

    spark_name = "Spark Structured Streaming, availableNow"
    return [
        against("polars", "bare Polars scan_ndjson to sink_parquet, no checks", ">= 0.8"),
        against("polars, columns", "the same, told which columns to read", None),
        against("duckdb", "DuckDB read_json to COPY by day, no checks", None),
        against("beam", f"Beam, one dict per element (a slice of {slice_rows:,}, per event)", ">= 15"),
        against("spark", spark_name, ">= 4")
        if "spark" in thousands
        else skipped(what, unit, spark_name, ">= 4", f"no pyspark here, and {SPARK} names no Python that has it"),
        compared(f"{what}, 1 % malformed, 1 % out of range", unit, thousands["ours, dirty"], ours, "ours, clean", ">= 0.667"),
    ]
