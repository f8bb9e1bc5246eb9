"""Refining: landed rows of a day become one settled, corrected, placed row per key.

The verbs are in refine/; metrics and gates do not belong here.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from assets.refine import snapshots, versions
from assets.refine.corrections import correct, moves_clocks
from assets.refine.places import Areas, areas, locate
from assets.refine.repeats import settle
from schemas import conform, ledger
from schemas.city import City
from schemas.contract import QUARANTINE, Contract, arrow
from schemas.errors import LakeError
from schemas.lake import File, Lake, Part
from schemas.ledger import Tally
from schemas.parts import weigh
from schemas.registry import feed as feed_contract
from schemas.registry import references

VERSION = 1
"""Part of every refined partition's identity: raise it when the same input would give another result."""


@dataclass(frozen=True)
class Refined:
    """What refining one day did; `changed` is false where the day already was what its input asks for."""

    feed: str
    day: date
    taken: int
    kept: int
    rejected: int
    repeated: int
    superseded: int
    changed: bool


@dataclass(frozen=True)
class _Day:
    """A day to refine: the raw files that can hold its rows, the name its part will have, and of feeds of snapshots what was
    published."""

    day: date
    files: tuple[File, ...]
    stem: str
    register: snapshots.Register | None = None


def reference_rows(lake: Lake, contract: Contract) -> pl.DataFrame:
    """The reference table that describes the feed's devices; empty where there is none."""
    if contract.described is None:
        return pl.DataFrame()
    scan = lake.scan("reference", contract.described.table)
    table = references()[contract.described.table]
    return pl.DataFrame(schema=table.polars_schema()) if scan is None else scan.collect()


def stale_days(lake: Lake, city: City, feed: str, first: date | None = None, last: date | None = None) -> list[date]:
    """Days whose refined partition is not what raw and reference now ask for."""
    contract = feed_contract(feed)
    return [d.day for d in _days(lake, city, contract, reference_rows(lake, contract), None, first, last)[1]]


def _days(
    lake: Lake,
    city: City,
    contract: Contract,
    reference: pl.DataFrame,
    days: Sequence[date] | None,
    first: date | None = None,
    last: date | None = None,
) -> tuple[list[_Day], list[_Day]]:
    """All wanted days, and those of them that are stale."""
    by_day: dict[date, list[File]] = {}
    for file in lake.files("raw", contract.name):
        if file.event_date:
            by_day.setdefault(file.event_date, []).append(file)
    around = (-1, 0, 1) if moves_clocks(contract, reference) else (0,)
    possible = sorted({d + timedelta(days=o) for d in by_day for o in around})
    if days is not None:
        wanted = set(days)
        possible = [d for d in possible if d in wanted]
    possible = [d for d in possible if (first is None or d >= first) and (last is None or d <= last)]
    described = lake.files("reference", contract.described.table) if contract.described else []
    described += [f for table in areas(contract) for f in lake.files("reference", table)]
    settings = f"{VERSION}|{contract.version}|{city.zone}|{city.h3_resolution}|{[f.path for f in described]}"
    current = {f.event_date: f.path.rpartition("/")[2] for f in lake.files("refined", contract.name)}
    register = None
    if contract.kind == "snapshots":
        register = snapshots.register(lake, contract, [f for files in by_day.values() for f in files])
    every, stale = [], []
    for day in possible:
        files = tuple(f for o in around for f in by_day.get(day + timedelta(days=o), ()))
        published = f"|{register.told.get(day, '')}" if register else ""
        digest = hashlib.sha256(f"{settings}|{weigh(f.path for f in files):x}{published}".encode()).hexdigest()[:20]
        every.append(_Day(day, files, digest, register))
        if current.get(day) != f"{digest}.parquet":
            stale.append(every[-1])
    return every, stale


def refine(lake: Lake, city: City, feed: str, days: Sequence[date] | None = None, force: bool = False) -> list[Refined]:
    """Refine the given days (or all), leaving alone those that already are what their input asks for.

    Args:
        force: refine them anyway; the result is the same to the byte.

    Raises:
        LakeError: a scan gave other rows than the table's log counts.
    """
    contract = feed_contract(feed)
    reference = reference_rows(lake, contract)
    every, stale = _days(lake, city, contract, reference, days)
    outlines = [Areas.read(lake, table) for table in areas(contract)]
    at = datetime.now(UTC)
    had = {f.event_date for f in lake.files("refined", feed)}
    parts: list[Part] = []
    refused: list[Part] = []
    results: list[Refined] = []
    tallies: list[Tally] = []
    for todo in every if force else stale:
        part, bad, result = _refine_day(lake, city, contract, reference, outlines, todo)
        parts.append(part)
        refused += bad
        results.append(result)
        tallies.append(
            Tally(
                "refine",
                feed,
                todo.day,
                result.taken,
                result.kept,
                result.rejected,
                result.repeated,
                result.superseded,
                contract_version=contract.version,
                cause="restated" if todo.day in had else "landed",
            )
        )
    if parts:
        done = [r.day for r in results]
        if refused or lake.open("quarantine", feed):
            lake.swap("quarantine", feed, arrow(QUARANTINE), done, "refine-", refused)
        ledger.record(lake, f"refine-{feed}-{at:%Y%m%dT%H%M%S%f}", tallies, at)
        lake.replace("refined", feed, contract.arrow_schema("refined"), parts)
    return results


def _refine_day(
    lake: Lake, city: City, contract: Contract, reference: pl.DataFrame, outlines: Sequence[Areas], todo: _Day
) -> tuple[Part, list[Part], Refined]:
    rows = _raw_rows(lake, contract, todo.files)
    rows = correct(rows, contract, reference)
    moved = rows.with_columns(city.day(contract.starts_at()).alias("event_date"))
    rows = moved.filter(pl.col("event_date") == todo.day)
    taken = rows.height
    rows, bad = _judge_corrected(rows, contract)
    refused = _refuse(lake, contract, todo, bad)
    settled = versions.settle(rows, contract, todo.register) if todo.register else settle(rows, contract)
    out = locate(settled.rows, contract, reference, city.h3_resolution)
    for area in outlines:
        out = area.fill(out, contract)
    out = out.with_columns(city.local(contract.starts_at()).alias("local_time"))
    order = [c for c in contract.polars_schema("refined") if c != "event_date"]
    part = lake.write_part("refined", contract.name, todo.day, todo.stem, out.select(order).sort(contract.key_in("refined")))
    result = Refined(contract.name, todo.day, taken, part.rows, bad.height, settled.repeated, settled.superseded, True)
    return part, refused, result


def _raw_rows(lake: Lake, contract: Contract, files: Sequence[File]) -> pl.DataFrame:
    schema = {n: t for n, t in contract.polars_schema("raw").items() if n != "event_date"}
    if not files:
        return pl.DataFrame(schema=schema)
    rows = lake.read(files, schema).collect()
    promised = sum(f.rows for f in files)
    if rows.height != promised:
        raise LakeError(
            lake.uri("raw", contract.name), f"{rows.height} rows where the log counts {promised}", "restore the table's files"
        )
    return rows


def _judge_corrected(rows: pl.DataFrame, contract: Contract) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Judge again only what a correction changed; `_position` numbers the rows meanwhile."""
    changed = rows.filter(pl.col("_corrections").is_not_null())
    if changed.height == 0:
        return rows, rows.clear()
    judged = conform.rules(contract, changed["_received_at"].max())  # type: ignore[arg-type]
    broken = changed.select(pl.any_horizontal(r.broken for r in judged)).to_series()
    if not broken.any():
        return rows, rows.clear()
    bad = changed.filter(broken)
    faults = conform.first_fault(bad.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("_position")), judged)
    said = faults.select("code", "column", "found", "expected")
    untouched = rows.filter(pl.col("_corrections").is_null())
    return pl.concat([untouched, changed.filter(~broken)]), pl.concat([bad, said], how="horizontal")


def _refuse(lake: Lake, contract: Contract, todo: _Day, bad: pl.DataFrame) -> list[Part]:
    if bad.height == 0:
        return []
    payload = pl.struct(contract.names).struct.json_encode().alias("payload")
    columns = [c.name for c in QUARANTINE]
    rows = bad.with_columns(pl.lit("refine").alias("stage"), payload).select(columns)
    return [lake.write_part("quarantine", contract.name, todo.day, f"refine-{todo.stem}", rows)]
