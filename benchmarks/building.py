"""Refining and measuring one day: ours, and the same done by bare SQL on the same Parquet.

What ours does beyond the SQL (digests, contract types, commits, ledger) is its price. Histories are in history.py.
"""

import time
from datetime import UTC, date
from functools import cache
from pathlib import Path

from assets.measure import dependencies, measure, order, prepare
from assets.refined import refine
from benchmarks import events
from benchmarks.landing import CITY, FEED, land
from pipelines.reference import load
from pipelines.sources.declared import of_reference
from schemas.lake import Lake
from schemas.registry import feed, metrics, references

DAY = date(2025, 5, 6)
TO_PARQUET = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"


def set_up(root: str, rows: int) -> int:
    """Make a lake with one landed day; the detectors that report it."""
    base, sensors = Path(root), max(1, rows // events.MINUTES)
    start = CITY.day_start(DAY).astimezone(UTC).replace(tzinfo=None)
    events.write(base / "inbox" / "events.jsonl", sensors * events.MINUTES, start=start, sensors=sensors)
    events.write_sensors(base / "sensors.csv", sensors)
    table = references()["sensors"]
    load(_lake(root), CITY, table, of_reference(table, "sensors.csv", base))
    land(str(base / "inbox"), _lake(root).root)
    return sensors


def ours(root: str) -> dict:
    """Refine and measure the day; seconds of each, and the rows that came out."""
    began = time.perf_counter()
    refined = refine(_lake(root), CITY, FEED, [DAY], force=True)
    turn = time.perf_counter()
    for metric in _metrics():
        measure(_lake(root), CITY, metric, [DAY], force=True)
    return {"refine": turn - began, "measure": time.perf_counter() - turn, "rows": refined[0].kept}


def bare(root: str) -> dict:
    """The same by SQL alone, Parquet to Parquet; opening connections and declaring views is not counted."""
    lake, target, seconds = _lake(root), f"{root}/bare.parquet", {"refine": 0.0, "measure": 0.0}
    for metric in (None, *_metrics()):
        con, sql = prepare(lake, CITY, metric or _metrics()[0], [DAY])
        with con:
            asked = sql if metric else _refining(lake)
            began = time.perf_counter()
            con.execute(f"COPY ({asked}) TO '{target}' {TO_PARQUET}")
            seconds["measure" if metric else "refine"] += time.perf_counter() - began
            if metric is None:
                rows = con.sql(f"SELECT count(*) FROM read_parquet('{target}')").fetchall()[0][0]
    return {**seconds, "rows": rows}


def gates(root: str) -> float:
    """Seconds in the day's gates: landed, refined, and every metric; importing Great Expectations is not counted."""
    from assets.checks import gate

    tables = [("raw", FEED), ("refined", FEED), *(("metrics", m) for m in _metrics())]
    return sum(gate(_lake(root), CITY, layer, name, DAY).seconds for layer, name in tables)


def _lake(root: str) -> Lake:
    return Lake(Path(root) / "lake")


@cache
def _metrics() -> tuple[str, ...]:
    """The metrics that read the feed's refined rows, in order."""
    return tuple(m for m in order(list(metrics())) if f"refined.{FEED}" in dependencies(m))


def _refining(lake: Lake) -> str:
    """The latest of each key, corrected by its detector's factors, in the order of the key.

    Bare SQL has no H3 function and counts no versions; it leaves both out.
    """
    raw = [f.uri for f in lake.files("raw", FEED, [DAY])]
    sensors = [f.uri for f in lake.files("reference", "sensors")]
    key = ", ".join(f"r.{c}" for c in feed(FEED).key)
    return f"""
        SELECT
            r.* REPLACE (
                r.mean_speed_kmh * s.speed_factor AS mean_speed_kmh,
                r.occupancy_share * s.occupancy_factor AS occupancy_share
            ),
            timezone('{CITY.zone}', r.observed_at) AS local_time
        FROM read_parquet({raw}) AS r
        LEFT JOIN read_parquet({sensors}) AS s ON s.sensor_id = r.sensor_id
        QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY r._received_at DESC, r._source DESC, r._position DESC) = 1
        ORDER BY {key}
    """
