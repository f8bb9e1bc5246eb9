"""The line that would put a finding right in the reference table, for a person to review. Nothing is written anywhere."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from assets.forensic_verdicts import Finding
from schemas import registry
from schemas.city import City
from schemas.contract import Contract
from schemas.lake import Lake


def line(lake: Lake, city: City, contract: Contract, finding: Finding, every: Sequence[Finding]) -> dict[str, object] | None:
    """The device's row in force when the fault begins, from then on with what was found; None where it changes nothing.

    Args:
        every: all findings about the device: what began before is put right in the line, too.
    """
    described = contract.described
    if described is None or not finding.changes:
        return None
    table = registry.references()[described.table]
    begins = city.day_start(finding.since).astimezone(UTC)
    values: dict[str, Any] = {c.name: c.default for c in table.columns} | {described.on: finding.device}
    scan = lake.scan("reference", described.table)
    if scan is not None:
        rows = scan.filter(pl.col(described.on) == finding.device).collect().sort("valid_from")
        before = rows.filter(pl.col("valid_from") <= begins)
        known = before.tail(1) if before.height else rows.head(1)
        values |= known.to_dicts()[0] if known.height else {}
    values["valid_from"] = begins
    for column, how, by in (c for f in every if f.since <= finding.since for c in f.changes):
        now = values[column]
        values[column] = float(f"{now * by:.9g}") if how == "x" else round(now + by)
    return {c: _text(values.get(c)) for c in table.names}


def _text(value: Any) -> object:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value
