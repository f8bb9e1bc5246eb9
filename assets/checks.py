"""The gate of a partition: what its contract expects, whether the partition keeps it, and which rows do not.

Expectations are projected from contracts; nothing here names a dataset. Measuring is in `assets.profile`,
Great Expectations in `assets.expectations`.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import duckdb

from assets import expectations
from assets.profile import Partition, facts, json_safe, partition
from assets.suite import Check, checks, profile_suite, sample_suite
from schemas.city import City
from schemas.contract import Contract, Severity
from schemas.errors import CitylakeError
from schemas.lake import Lake
from schemas.registry import table_contracts

SAMPLE_LIMIT = 10


@dataclass(frozen=True)
class GateResult:
    """What the gate of one partition found.

    Attributes:
        severity: the worst of what failed; None where all was kept.
        crashed: some check could not be evaluated, which says nothing about the data.
        failed: one dict per check that failed or crashed: check, code, column, severity, expected, found, error.
        sample: up to 10 rows at fault, each with the `check` it breaks; JSON-safe.
        profile: column to nulls, distinct (approximate), min, max and quantiles (5, 50, 95 %; of a sample).
        seconds: the gate's own time, without the library's import.
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

    `meta["batch"]` says over what: `profile`, one row of exact counts over every row of the partition, or
    `sample`, at most 1000 of its rows.
    """
    return [*profile_suite(contract, layer), *sample_suite(contract, layer)]


def gate(lake: Lake, city: City, layer: str, name: str, day: date) -> GateResult:
    """Check one day of a table against its contract.

    Raises CitylakeError for a table no contract describes, and LakeError where the table cannot be opened.
    """
    contract = table_contracts().get(f"{layer}.{name}")
    if contract is None or layer not in ("raw", "refined", "metrics"):
        known = ", ".join(t for t in table_contracts() if not t.startswith("reference."))
        raise CitylakeError(f"gate {layer}.{name}", "no contract describes such partitions", f"use one of {known}")
    expectations.warm_up()
    started = time.perf_counter()
    verdict: dict[str, Any]
    try:
        with partition(lake, city, contract, layer, day) as opened:
            verdict = _judge(opened, contract, layer)
    except duckdb.Error as error:
        unread = {"check": "readable", "code": "unreadable", "severity": "critical", "error": str(error)[:1000]}
        verdict = {"failed": [unread], "rows": 0, "sample": [], "profile": {}}
    failed = verdict["failed"]
    crashed = any(f.get("error") for f in failed)
    worst: Severity | None = "warning" if failed else None
    if crashed or any(f["severity"] == "critical" for f in failed):
        worst = "critical"
    seconds = time.perf_counter() - started
    return GateResult(layer, name, day, not failed, worst, crashed, seconds=seconds, **verdict)


def _judge(opened: Partition, contract: Contract, layer: str) -> dict[str, Any]:
    asked = checks(contract, layer)
    own = facts(contract)
    values, errors = opened.measure({**{c.name: c.measure for c in asked if c.measure}, **own})
    _settle(opened, asked, values, errors)
    outcomes = expectations.validate(
        _frame({c.name: values[c.name] for c in asked if c.name in values}), profile_suite(contract, layer)
    )
    rows = int(values.get("rows") or 0)
    seen = {o.check for o in outcomes if not o.success}
    if rows:
        on_sample = expectations.validate(opened.sample(), sample_suite(contract, layer))
        # a fault of the sample is one of the partition; it is told once, with the exact count
        outcomes += [o for o in on_sample if o.check not in seen]
    by_name = {c.name: c for c in asked}
    broken = [(by_name[o.check], o) for o in outcomes if not o.success]
    return {
        "failed": [_told(check, outcome, opened, errors) for check, outcome in broken],
        "rows": rows,
        "sample": _rows_at_fault(opened, [c for c, o in broken if not o.error]),
        "profile": _by_column({k: v for k, v in values.items() if k in own}),
    }


def _settle(opened: Partition, asked: list[Check], values: dict[str, Any], errors: dict[str, str]) -> None:
    """Measure what the one pass could not: types, exact repeats, columns gone silent, table rules."""
    rows = values.get("rows")
    silent = [c.column for c in asked if c.code == "silent" and c.column and rows and values.get(f"{c.column}.nulls") == rows]
    gone = opened.filled_before(silent) if silent else set()
    for check in asked:
        if check.code == "schema":
            values[check.name] = len(opened.misfits)
        elif check.code == "silent":
            values[check.name] = int(check.column in gone)
        elif check.recount and (not check.measure or values.get(check.name)):
            try:
                values[check.name] = opened.count(check.recount)
            except duckdb.Error as error:
                values.pop(check.name, None)
                errors[check.name] = str(error)


def _frame(values: Mapping[str, Any]) -> Any:
    import pandas as pd  # comes with Great Expectations, and is as late

    return pd.DataFrame([dict(values)])


def _told(check: Check, outcome: expectations.Outcome, opened: Partition, errors: Mapping[str, str]) -> dict[str, Any]:
    found = ", ".join(opened.misfits) if check.code == "schema" else json_safe(outcome.found)
    told = {k: v for k, v in asdict(check).items() if k in ("code", "column", "severity", "expected")}
    error = errors.get(check.name, outcome.error) if outcome.error else None
    return {"check": check.name, **told, "found": found, "error": error[:1000] if error else None}


def _rows_at_fault(opened: Partition, broken: list[Check]) -> list[dict[str, Any]]:
    """Up to SAMPLE_LIMIT rows, shared out among the checks that failed, the critical ones first."""
    asked = sorted((c for c in broken if c.broken or c.recount), key=lambda c: c.severity)[:SAMPLE_LIMIT]
    out: list[dict[str, Any]] = []
    for position, check in enumerate(asked):
        share = (SAMPLE_LIMIT - len(out)) // (len(asked) - position)
        if check.broken:
            found = opened.rows_where(check.broken, share)
        else:
            query = check.rows_query()
            found = opened.rows_of(query, share) if query else []
        out += [{"check": check.name, **row} for row in found]
    return out


def _by_column(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        column, fact = name.rsplit(".", 1)
        out.setdefault(column, {})[fact] = json_safe(value)
    return out
