"""Metrics from refined rows: runs one SELECT per metric and replaces whole days by its rows.

What a metric means is in its contract and its SQL; how the SQL sees the lake is in `assets.relations`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from assets import relations
from assets.dependencies import LEDGER, closure, dependencies, order, said, thresholds_read
from assets.relations import connect
from schemas import registry
from schemas.city import City
from schemas.contract import Contract
from schemas.errors import CitylakeError
from schemas.lake import PARTITIONED, Lake, Part

__all__ = ["connect", "dependencies", "measure", "order"]

BATCH_DAYS = 31
BATCH_ROWS = 20_000_000


@dataclass(frozen=True)
class _Day:
    """One day to measure: the name its file must have, and how much there is to read."""

    day: date
    stem: str
    rows: int
    has_inputs: bool


def measure(lake: Lake, city: City, metric: str, days: Sequence[date], force: bool = False) -> list[date]:
    """Measure days of one metric and return those whose partition changed.

    A day's file is named by a digest of all it is made of (input files, SQL, contract version, thresholds, zone), so a
    day whose inputs are the same is not measured again unless `force`. A day without inputs gets no file; one that has
    lost them, or whose rows carry nothing, gets an empty one. The days asked for become visible in one commit.
    Raises CitylakeError where the SQL and the contract disagree.
    """
    if metric not in registry.metrics():
        raise CitylakeError(f"metric {metric}", "there is no such metric", f"use one of {', '.join(registry.metrics())}")
    contract = registry.metrics()[metric]
    limits = relations.thresholds(lake)
    unknown = sorted(thresholds_read(metric) - set(limits))
    if unknown:
        raise CitylakeError(
            f"metric {metric}, threshold {unknown[0]}", "it has no value", "add it to schemas/reference/thresholds.csv"
        )
    current: dict[date | None, set[str]] = {}
    for file in lake.files("metrics", metric, sorted(set(days))):
        current.setdefault(file.event_date, set()).add(file.path)
    stale = [
        d
        for d in _digests(lake, city, contract, sorted(set(days)), limits)
        if (d.has_inputs or d.day in current)
        and (force or current.get(d.day) != {f"event_date={d.day.isoformat()}/{d.stem}.parquet"})
    ]
    parts: list[Part] = []
    for batch in _batches(stale):
        con = connect(
            lake, city, [d.day for d in batch], dependencies(metric), limits=limits, lookback_days=contract.lookback_days
        )
        try:
            rows = _run(con, contract)
        finally:
            con.close()
        for wanted in batch:
            frame = rows.filter(pl.col("event_date") == wanted.day)
            parts.append(lake.write_part("metrics", metric, wanted.day, wanted.stem, frame))
    return lake.replace("metrics", metric, contract.arrow_schema("metrics"), parts) if parts else []


def _digests(lake: Lake, city: City, contract: Contract, days: list[date], limits: dict[str, float]) -> list[_Day]:
    """Name each day by all it is made of."""
    made_of = [*said(contract.name), str(contract.version), city.zone]
    made_of += [f"{c.name} {c.kind}" for c in contract.columns]
    made_of += [f"{n} {limits[n]!r}" for n in sorted(thresholds_read(contract.name))]
    tables = sorted(dependencies(contract.name) - {LEDGER})
    wanted = relations.with_lookback(days, contract.lookback_days)
    found = {t: relations.files_of(lake, t, wanted) for t in tables}
    books = relations.ledger_lines(lake) if LEDGER in dependencies(contract.name) else None
    out = []
    for day in days:
        reach = set(relations.with_lookback([day], contract.lookback_days))
        inputs = {t: [f for f in fs if f.event_date is None or f.event_date in reach] for t, fs in found.items()}
        kept_by_day = [f for t, fs in inputs.items() if t.split(".")[0] in PARTITIONED for f in fs]
        text = [f"{t} {f.path} {f.rows} {f.bytes}" for t, fs in inputs.items() for f in fs]
        lines = books.filter(pl.col("day") == day) if books is not None else None
        if lines is not None:
            text.append(lines.write_csv())
        digest = hashlib.sha256("\0".join([*made_of, day.isoformat(), *text]).encode()).hexdigest()[:16]
        rows = sum(f.rows for f in kept_by_day)
        out.append(_Day(day, digest, rows, bool(kept_by_day) or bool(lines is not None and lines.height)))
    return out


def _batches(days: Sequence[_Day]) -> Iterator[list[_Day]]:
    """Days together, so many that memory stays bounded: at most a month, and at most `BATCH_ROWS` input rows."""
    batch: list[_Day] = []
    for day in days:
        if batch and (len(batch) == BATCH_DAYS or sum(d.rows for d in batch) + day.rows > BATCH_ROWS):
            yield batch
            batch = []
        batch.append(day)
    if batch:
        yield batch


def _run(con: duckdb.DuckDBPyConnection, contract: Contract) -> pl.DataFrame:
    """The rows of a metric, with the contract's columns and types, ordered by key."""
    top, views = closure(contract.name)
    where = f"assets/metrics/{contract.name}.sql"
    try:
        for name, view in views.items():
            con.execute(f"CREATE VIEW views.{name} AS {view.text}")
        frame = con.sql(top.text).pl()
    except duckdb.Error as error:
        raise CitylakeError(where, " ".join(str(error).split())[:400], "correct the SQL, or the table it reads") from error
    schema = contract.polars_schema("metrics")
    if set(frame.columns) != set(schema):
        odd = sorted(set(frame.columns) ^ set(schema))
        raise CitylakeError(
            where,
            f"column {odd[0]} is in the contract or in the SQL but not in both",
            "return exactly the contract's columns and event_date",
        )
    frame = frame.select(pl.col(n).cast(t) for n, t in schema.items()).sort("event_date", *contract.key)
    if frame.select("event_date", *contract.key).is_duplicated().any():
        raise CitylakeError(where, f"two rows have the same key {contract.key}", "group by the key")
    return frame
