"""The gate: what a table's contract expects of each day, whether the days keep it, and which rows do not.

Expectations are projected from contracts; nothing here names a dataset. Measuring is in `assets.profile`,
Great Expectations in `assets.expectations`.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import duckdb
import polars as pl

from assets import expectations
from assets.profile import ONE_DAY, Partitions, facts, json_safe, partitions
from assets.suite import Check, checks, profile_suite, sample_suite
from schemas.city import City
from schemas.contract import Contract, Severity
from schemas.errors import CitylakeError
from schemas.lake import Lake
from schemas.registry import table_contracts

SAMPLE_LIMIT = 10
SAMPLE_ROWS = 1000
DAYS_AT_ONCE = 200
ROWS_AT_ONCE = 5_000_000
"""How much is looked at together, which bounds the memory; a single day may have more."""


@dataclass(frozen=True)
class GateResult:
    """What the gate of one partition found.

    Attributes:
        severity: the worst of what failed; None where all was kept.
        crashed: some check could not be evaluated, which says nothing about the data.
        failed: one dict per check that failed or crashed: check, code, column, severity, expected, found, error.
        sample: up to 10 rows at fault, each with the `check` it breaks; JSON-safe.
        profile: column to nulls, distinct (approximate), min, max and quantiles (5, 50, 95 %; of a sample).
        seconds: the gate's own time, without the library's import; of days gated together, each one's share.
    """

    layer: str
    name: str
    day: date
    passed: bool
    severity: Severity | None
    crashed: bool
    failed: list[dict[str, Any]]
    rows: int
    sample: list[dict[str, Any]]
    seconds: float
    profile: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def blocks(self) -> bool:
        """Whether what comes after must wait: something critical failed, or a check crashed."""
        return not self.passed and self.severity == "critical"


def suite(contract: Contract, layer: str) -> list[dict[str, Any]]:
    """The expectations of a contract's table in a layer, as Great Expectations configurations.

    `meta["batch"]` says over what: `profile`, with one row of exact counts over all its rows for each day, or
    `sample`, at most 1000 rows of those days.
    """
    return [*profile_suite(contract, layer), *sample_suite(contract, layer)]


@dataclass
class _Found:
    """What one day's rows say, before it is judged."""

    misfits: tuple[str, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    sample: pl.DataFrame | None = None
    unread: str | None = None
    failed: dict[str, Any] = field(default_factory=dict)
    """Check to what was found, in the order of the checks."""

    @property
    def rows(self) -> int:
        return int(self.values.get("rows") or 0)


def gate(lake: Lake, city: City, layer: str, name: str, day: date) -> GateResult:
    """Check one day of a table against its contract; errors as `gates`."""
    return gates(lake, city, layer, name, [day])[0]


def gates(
    lake: Lake, city: City, layer: str, name: str, days: Sequence[date], advance: Callable[[int], Any] | None = None
) -> list[GateResult]:
    """Check days of a table against its contract: one result per day, in order, the same as of each day alone.

    Days are measured together and validated together, since it is the calls that cost; only those that fail are
    then looked at one by one.

    Raises CitylakeError for a table no contract describes, and LakeError where the table cannot be opened.

    Args:
        advance: told how many more days are done, batch by batch.
    """
    contract = table_contracts().get(f"{layer}.{name}")
    if contract is None or layer not in ("raw", "refined", "metrics"):
        known = ", ".join(t for t in table_contracts() if not t.startswith("reference."))
        raise CitylakeError(f"gate {layer}.{name}", "no contract describes such partitions", f"use one of {known}")
    if not days:
        return []
    expectations.warm_up()
    out: dict[date, GateResult] = {}
    started = time.perf_counter()
    with partitions(lake, city, contract, layer, days) as table:
        for batch in _batches(table, list(dict.fromkeys(days))):
            verdicts = _judge(table, contract, layer, batch)
            share = (time.perf_counter() - started) / len(batch)
            out |= {day: _result(layer, name, day, verdicts[day], share) for day in batch}
            started = time.perf_counter()
            if advance:
                advance(len(batch))
    return [out[day] for day in days]


def _batches(table: Partitions, days: Sequence[date]) -> Iterator[list[date]]:
    batch: list[date] = []
    rows = 0
    for day in days:
        if batch and (len(batch) == DAYS_AT_ONCE or rows + table.rows_told(day) > ROWS_AT_ONCE):
            yield batch
            batch, rows = [], 0
        batch.append(day)
        rows += table.rows_told(day)
    yield batch


def _result(layer: str, name: str, day: date, verdict: dict[str, Any], seconds: float) -> GateResult:
    failed = verdict["failed"]
    crashed = any(f.get("error") for f in failed)
    worst: Severity | None = "warning" if failed else None
    if crashed or any(f["severity"] == "critical" for f in failed):
        worst = "critical"
    return GateResult(layer, name, day, not failed, worst, crashed, seconds=seconds, **verdict)


def _judge(table: Partitions, contract: Contract, layer: str, days: Sequence[date]) -> dict[date, dict[str, Any]]:
    asked = checks(contract, layer)
    found = _measured(table, contract, asked, days)
    readable = {day: f for day, f in found.items() if f.unread is None}
    if readable:
        _hold_to_profile(readable, asked, profile_suite(contract, layer))
        _hold_to_sample(readable, sample_suite(contract, layer))
    return {day: _verdict(table, contract, asked, day, found[day]) for day in days}


def _measured(table: Partitions, contract: Contract, asked: list[Check], days: Sequence[date]) -> dict[date, _Found]:
    """Every day's numbers. Days that cannot be read together are read in halves, until only the bad ones are alone."""
    try:
        alike: dict[tuple[str, ...], list[date]] = {}
        for day, misfits in table.misfits(days).items():
            alike.setdefault(misfits, []).append(day)
        out: dict[date, _Found] = {}
        for misfits, group in alike.items():
            out |= _measured_alike(table, contract, asked, misfits, group, SAMPLE_ROWS * len(group) // len(days))
        return out
    except duckdb.Error as error:
        if len(days) == 1:
            return {days[0]: _Found(unread=str(error)[:1000])}
        half = len(days) // 2
        return _measured(table, contract, asked, days[:half]) | _measured(table, contract, asked, days[half:])


def _measured_alike(
    table: Partitions, contract: Contract, asked: list[Check], misfits: tuple[str, ...], days: list[date], sample_rows: int
) -> dict[date, _Found]:
    table.show(days)
    values, errors = table.measure({**{c.name: c.measure for c in asked if c.measure}, **facts(contract)}, days)
    out = {day: _Found(misfits, values[day], dict(errors)) for day in days}
    sample = table.sample(sample_rows)
    for (day, *_), rows in sample.group_by("event_date", maintain_order=True):
        out[day].sample = rows
    silent = {
        day: [c for c in asked if c.code == "silent" and f.rows and f.values.get(f"{c.column}.nulls") == f.rows]
        for day, f in out.items()
    }
    before = [day - ONE_DAY for day in days if silent[day]]
    filled = table.filled(before, sorted({c.column for cs in silent.values() for c in cs if c.column})) if before else {}
    for day, f in out.items():
        gone = {c.name for c in silent[day] if c.column in filled.get(day - ONE_DAY, ())}
        f.values |= {c.name: int(c.name in gone) for c in asked if c.code == "silent"}
        f.values |= {c.name: len(misfits) for c in asked if c.code == "schema"}
        _recount(table, asked, day, f)
    return out


def _recount(table: Partitions, asked: list[Check], day: date, found: _Found) -> None:
    """Ask, of one day, what the one pass could not tell exactly: repeats, and table rules that are more than a count."""
    due = [c for c in asked if c.recount and (not c.measure or found.values.get(c.name))]
    if due:
        table.show([day])
    for check in due:
        try:
            found.values[check.name] = table.count(check.recount)
        except duckdb.Error as error:
            found.values.pop(check.name, None)
            found.errors[check.name] = str(error)


def _hold_to_profile(found: Mapping[date, _Found], asked: list[Check], suite: list[dict[str, Any]]) -> None:
    import pandas as pd  # comes with Great Expectations, and is as late

    rows = [{c.name: f.values[c.name] for c in asked if c.name in f.values} for f in found.values()]
    outcomes = {o.check: o for o in expectations.validate(pd.DataFrame(rows), suite)}
    for check in asked:
        outcome = outcomes[check.name]
        if outcome.error:
            at_fault = set(found)
        elif outcome.success:
            at_fault = set()
        else:  # the days are those beyond the very bound of the expectation
            at_fault = {d for d, f in found.items() if check.name in f.values and not check.keeps(f.values[check.name])}
        for day, f in found.items():
            if outcome.error:
                f.errors.setdefault(check.name, outcome.error)
            if day in at_fault or check.name in f.errors:
                f.failed[check.name] = f.values.get(check.name)


def _hold_to_sample(found: Mapping[date, _Found], suite: list[dict[str, Any]]) -> None:
    """A fault of the sample is one of its day, which is told once, with the exact count."""
    sampled = [f.sample for f in found.values() if f.sample is not None]
    if not sampled:
        return
    frame = pl.concat(sampled)
    rows = frame.to_pandas()
    broken = {o.check for o in expectations.validate(rows, suite) if not o.success}
    days = frame["event_date"].to_list()
    for outcome in expectations.validate(rows, [c for c in suite if c["meta"]["check"] in broken], located=True):
        for day in set(days) if outcome.error else {days[i] for i in outcome.at}:
            if outcome.check in found[day].failed:
                continue
            if outcome.error:
                found[day].errors[outcome.check] = outcome.error
            found[day].failed[outcome.check] = None if outcome.error else sum(days[i] == day for i in outcome.at)


def _verdict(table: Partitions, contract: Contract, asked: list[Check], day: date, found: _Found) -> dict[str, Any]:
    broken = [c for c in asked if c.name in found.failed]
    sample: list[dict[str, Any]] = []
    if broken and found.rows:
        try:
            table.show([day])
            sample = _rows_at_fault(table, [c for c in broken if c.name not in found.errors])
        except duckdb.Error as error:
            found.unread = str(error)[:1000]
    if found.unread is not None:
        unread = {"check": "readable", "code": "unreadable", "severity": "critical", "error": found.unread}
        return {"failed": [unread], "rows": 0, "sample": [], "profile": {}}
    own = facts(contract)
    return {
        "failed": [_told(check, found) for check in broken],
        "rows": found.rows,
        "sample": sample,
        "profile": _by_column({k: v for k, v in found.values.items() if k in own}),
    }


def _told(check: Check, found: _Found) -> dict[str, Any]:
    value = ", ".join(found.misfits) if check.code == "schema" else json_safe(found.failed[check.name])
    told = {k: v for k, v in asdict(check).items() if k in ("code", "column", "severity", "expected")}
    error = found.errors.get(check.name)
    return {"check": check.name, **told, "found": value, "error": error[:1000] if error else None}


def _rows_at_fault(table: Partitions, broken: list[Check]) -> list[dict[str, Any]]:
    """Up to SAMPLE_LIMIT rows, shared out among the checks that failed, the critical ones first."""
    asked = sorted((c for c in broken if c.broken or c.recount), key=lambda c: c.severity)[:SAMPLE_LIMIT]
    out: list[dict[str, Any]] = []
    for position, check in enumerate(asked):
        share = (SAMPLE_LIMIT - len(out)) // (len(asked) - position)
        if check.broken:
            found = table.rows_where(check.broken, share)
        else:
            query = check.rows_query()
            found = table.rows_of(query, share) if query else []
        out += [{"check": check.name, **row} for row in found]
    return out


def _by_column(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        column, fact = name.rsplit(".", 1)
        out.setdefault(column, {})[fact] = json_safe(value)
    return out
