"""Peak memory of a landing, and whether it grows with the input: each landing in a fresh process.

Speed is measured elsewhere.
"""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.contender import Contender
from benchmarks.result import Result, keeps

FIRST = datetime(2025, 5, 5)
MIB = 1 << 20
LIMIT_MIB = 1024.0


def peak_mib(folder: Path, rows: int, files: int) -> float:
    """Land so many files of so many rows, a day each, and return the process's peak in MiB, imports included."""
    with Contender() as maker:
        for day in range(files):
            start = FIRST + timedelta(days=day)
            maker.call("events:write", folder / "inbox" / f"{start:%Y-%m-%d}.jsonl", rows, False, start.isoformat())
    try:
        with Contender() as ours:
            answer = ours.call("landing:land", folder / "inbox", folder / "lake")
    finally:
        shutil.rmtree(folder)
    if answer.value["kept"] != rows * files:
        raise RuntimeError(f"{answer.value} of {rows * files} rows landed: no measurement")
    return answer.peak_bytes / MIB


def measure(folder: Path, rows: int, times: int, tell: Callable[[str], None]) -> list[Result]:
    """Peak at `rows` against 1 GiB; and at `times` as many rows against that, where times > 1."""
    tell(f"memory of landing {rows:,} events")
    once = peak_mib(folder / "memory", rows, 1)
    out = [_under_limit(f"peak memory of landing {rows:,} events", once)]
    if times > 1:
        tell(f"memory of landing {rows * times:,} events")
        many = peak_mib(folder / "memory", rows, times)
        name, aim = f"peak memory of landing {rows * times:,} events", "<= 1.1"
        out.append(Result(name, "MiB", many, once, f"of {rows:,} events", many / once, aim, keeps(many / once, aim)))
        out.append(_under_limit(name, many))
    return out


def _under_limit(name: str, peak: float) -> Result:
    return Result(name, "MiB", peak, LIMIT_MIB, "1 GiB", peak / LIMIT_MIB, "<= 1", keeps(peak / LIMIT_MIB, "<= 1"))
