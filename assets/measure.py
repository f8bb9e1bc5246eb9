"""Metrics from refined rows: runs one SELECT per metric and replaces whole partitions (days, or months) by its rows.

What a metric means is in its contract and its SQL; how the SQL sees the lake is in `assets.relations`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import polars as pl

from assets import functions
from assets.dependencies import closure, dependencies, functions_called, makes_rows, order, said, thresholds_read
from assets.relations import Inputs, connect, inputs
from schemas import registry
from schemas.city import City
from schemas.contract import Contract
from schemas.errors import CitylakeError
from schemas.lake import PARTITIONED, Lake, Part

__all__ = ["connect", "dependencies", "inputs", "measure", "order", "prepare"]

BATCH_DAYS = 366
BATCH_ROWS = 5_000_000
BATCH_WORK = 40
"""How often the days of a batch may work on `BATCH_ROWS` rows."""


@dataclass(frozen=True)
class _Day:
    """One partition to measure: the name its file must have, and the days that it reads."""

    day: date
    stem: str
    first: date
    last: date
    has_inputs: bool


def measure(lake: Lake, city: City, metric: str, days: Sequence[date], force: bool = False) -> list[date]:
    """Measure the partitions that hold some days of one metric, and return those that changed.

    A metric of months measures the whole month of each day. A partition's file is named by a digest of all it is made of
    (input files, SQL, contract version, thresholds, zone), so that one whose inputs are the same is not measured again
    unless `force`. One without inputs gets no file; one that has lost them, or whose rows carry nothing, gets an empty
    one. All asked for become visible in one commit.
    Raises CitylakeError where the SQL and the contract disagree.
    """
    if metric not in registry.metrics():
        raise CitylakeError(f"metric {metric}", "there is no such metric", f"use one of {', '.join(registry.metrics())}")
    contract = registry.metrics()[metric]
    wanted = sorted({contract.partition_of(d) for d in days})
    seen = inputs(lake, dependencies(metric), contract.reads(wanted))
    unknown = sorted(thresholds_read(metric) - set(seen.limits))
    if unknown:
        where = f"metric {metric}, threshold {unknown[0]}"
        raise CitylakeError(where, "it has no value", "add it to schemas/reference/thresholds.csv")
    current: dict[date | None, set[str]] = {}
    for file in lake.files("metrics", metric, wanted):
        current.setdefault(file.event_date, set()).add(file.path)
    stale = [
        d
        for d in _digests(city, contract, wanted, seen)
        if (d.has_inputs or d.day in current)
        and (force or current.get(d.day) != {f"event_date={d.day.isoformat()}/{d.stem}.parquet"})
    ]
    parts: list[Part] = []
    for batch in _batches(stale, seen):
        con, sql = prepare(lake, city, metric, [d.day for d in batch], seen)
        try:
            rows = _run(con, sql, contract)
        finally:
            con.close()
        for one in batch:
            frame = rows.filter(pl.col("event_date") == one.day)
            parts.append(lake.write_part("metrics", metric, one.day, one.stem, frame))
    return lake.replace("metrics", metric, contract.arrow_schema("metrics"), parts) if parts else []


def prepare(
    lake: Lake, city: City, metric: str, days: Sequence[date], seen: Inputs | None = None
) -> tuple[duckdb.DuckDBPyConnection, str]:
    """A connection on which the metric's SELECT can be run for the partitions that hold some days, and that SELECT.

    The caller closes the connection.
    """
    contract = registry.metrics()[metric]
    partitions = {contract.partition_of(d) for d in days}
    reach = contract.reads(partitions)
    seen = seen or inputs(lake, dependencies(metric), reach)
    con = connect(lake, city, [d for p in partitions for d in contract.days_of(p)], seen, reach)
    top, views = closure(metric)
    functions.register(con, functions_called(metric))
    try:
        for name, view in views.items():
            con.execute(f"CREATE VIEW views.{name} AS {view.text}")
    except duckdb.Error as error:
        con.close()
        raise _refused(metric, error) from error
    return con, top.text


def _digests(city: City, contract: Contract, days: list[date], seen: Inputs) -> list[_Day]:
    """Name each partition by all it is made of."""
    made_of = [*said(contract.name), str(contract.version), city.zone]
    made_of += [f"{c.name} {c.kind}" for c in contract.columns]
    made_of += [f"{n} {seen.limits[n]!r}" for n in sorted(thresholds_read(contract.name))]
    out, making = [], {t for t in makes_rows(contract.name) & set(seen.files) if _is_dated(t)}
    for day in days:
        first, last = contract.span_of(day)
        spans = seen.spans(first, last)
        text = [f"{t} {seen.held[t].said_of(*spans[t])}" for t in sorted(spans)]
        lines = [line for d in contract.days_of(day) for line in seen.books_by_day.get(d, [])]
        makes = bool(lines) or any(seen.held[t].rows_of(*spans[t]) for t in making)
        digest = hashlib.sha256("\0".join([*made_of, day.isoformat(), *text, *lines]).encode()).hexdigest()[:16]
        out.append(_Day(day, digest, first, last, makes))
    return out


def _is_dated(table: str) -> bool:
    return table.split(".", maxsplit=1)[0] in PARTITIONED


def _batches(days: Sequence[_Day], seen: Inputs) -> Iterator[list[_Day]]:
    """Partitions together, so many that memory stays bounded: at most a year's days, and at most `BATCH_ROWS` input rows.

    Where the first one alone reads more, others that read hardly anything else go with it: a tenth of that at most. Rows
    that each of many days looks back on are read once, but every day works on them: there is a bound on that too.
    """
    batch: list[_Day] = []
    rows = worked = needed = 0
    for day in days:
        reads = _rows(seen, day.first, day.last)
        more = _rows(seen, max(day.first, batch[-1].last + timedelta(days=1)), day.last) if batch else reads
        fits = rows + more <= max(BATCH_ROWS, needed + needed // 10)
        if batch and not (len(batch) < BATCH_DAYS and fits and worked + reads <= BATCH_WORK * BATCH_ROWS):
            yield batch
            batch, rows, worked, more = [], 0, 0, reads
        needed = needed if batch else reads
        batch.append(day)
        rows, worked = rows + more, worked + reads
    if batch:
        yield batch


def _rows(seen: Inputs, first: date, last: date) -> int:
    """Rows and lines of the books that a span of days reaches."""
    lines = sum(len(of) for d, of in seen.books_by_day.items() if first <= d <= last)
    return lines + sum(seen.held[t].rows_of(*span) for t, span in seen.spans(first, last).items() if _is_dated(t))


def _refused(metric: str, error: duckdb.Error) -> CitylakeError:
    text = " ".join(str(error).split())[:400]
    return CitylakeError(f"assets/metrics/{metric}.sql", text, "correct the SQL, or the table it reads")


def _run(con: duckdb.DuckDBPyConnection, sql: str, contract: Contract) -> pl.DataFrame:
    """The rows of a metric, with the contract's columns and types, ordered by key."""
    where = f"assets/metrics/{contract.name}.sql"
    try:
        frame = con.sql(sql).pl()
    except duckdb.Error as error:
        raise _refused(contract.name, error) from error
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
