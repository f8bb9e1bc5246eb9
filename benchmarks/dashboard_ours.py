"""What `benchmarks.dashboard` has a contender do: write the DuckDB file of a lake, and ask it a dashboard's questions.

Which questions those are is said in dashboard.
"""

import time
from pathlib import Path

import duckdb

from assets.exports.duckdb_file import write_duckdb
from assets.exports.snapshot import snapshot
from benchmarks.dashboard_year import CITY
from schemas.lake import Lake


def write(root: str, last_month_only: bool) -> float:
    """Write the file of the lake under a root, whole or but for its last month; seconds."""
    lake = Lake(Path(root) / "lake")
    tables = snapshot(lake)
    months = {t.name: sorted(t.months()) for t in tables if t.layer == "metrics"}
    kept = {name: set(held[:-1]) for name, held in months.items()} if last_month_only else None
    began = time.perf_counter()
    write_duckdb(lake, CITY, tables, file(root), kept)
    return time.perf_counter() - began


def size(root: str) -> int:
    """Bytes of the file."""
    return file(root).stat().st_size


def ask(root: str, questions: list[str], rounds: int) -> dict[str, list[list[float]]]:
    """Milliseconds of each question in each round, until its last row is there; in turn, after each was asked once.

    By the wall's clock, and of the processors, which others on the machine do not lengthen.
    """
    wall: list[list[float]] = [[] for _ in questions]
    processor: list[list[float]] = [[] for _ in questions]
    with duckdb.connect(str(file(root)), read_only=True) as con:
        for turn in range(rounds + 1):
            for n, question in enumerate(questions):
                began, used = time.perf_counter(), time.process_time()
                rows = con.execute(question).fetchall()
                if turn:
                    wall[n].append(1000 * (time.perf_counter() - began))
                    processor[n].append(1000 * (time.process_time() - used))
                if not rows:
                    raise RuntimeError(f"nothing answers {question}")
    return {"wall": wall, "processor": processor}


def file(root: str) -> Path:
    """Where the file is."""
    return Path(root) / "lake" / "exports" / "citylake.duckdb"
