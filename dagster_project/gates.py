"""Blocking asset checks, made for every feed and metric: the gate of the run's days, and the feeds' books.

What a gate expects is in assets; here its answer becomes Dagster's.
"""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from dagster_project import verdicts
from dagster_project.feed_assets import asset_key
from dagster_project.partitions import days_of
from dagster_project.settings import Settings
from schemas import ledger, registry

STAGE = {"raw": "land", "refined": "refine"}
SHOWN_ROWS = 20


def gate_check(settings: Settings, layer: str, name: str) -> dg.AssetChecksDefinition:
    """The check `gate` of one table: asks the gate about each of the run's days that it has not judged as it is now.

    A run without days asks about every day that has no verdict yet.
    """

    @dg.asset_check(
        asset=asset_key(f"{layer}.{name}"),
        name="gate",
        blocking=True,
        description="The contract's expectations of each day. Critical ones stop what comes after, others warn.",
    )
    def gate(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        asked, contract = days_of(context.run.tags), registry.table_contracts()[f"{layer}.{name}"]
        partitions = None if asked is None else sorted({contract.partition_of(d) for d in asked})
        results, before = verdicts.ask(settings, layer, name, partitions)
        days = sorted([*before, *(r.day for r in results)])
        return gate_result(results, days, [d for d, v in before.items() if v == "warning"])

    return gate


def gate_result(results: Sequence[Any], days: Sequence[date], warned: Sequence[date] = ()) -> dg.AssetCheckResult:
    """Gate answers of several days as one check result.

    Args:
        results: `assets.checks.GateResult` of each day that was asked about.
        days: every day the check is about.
        warned: days that were not asked about again, because the same files were judged before, with a warning.
    """
    crashed = any(r.crashed for r in results)
    blocking = [r for r in results if r.blocks]
    failing = [{"day": r.day.isoformat(), **f} for r in results for f in r.failed]
    rows_at_fault = [{"day": r.day.isoformat(), **row} for r in results for row in r.sample]
    state = "crashed" if crashed else "failed" if blocking else "warned" if failing or warned else "passed"
    return dg.AssetCheckResult(
        passed=state == "passed",
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        description=_said(state, blocking, failing, warned),
        metadata={
            "state": state,
            "crashed": crashed,
            "days": len(days),
            "days_asked": len(results),
            "rows": sum(r.rows for r in results),
            "seconds": round(sum(r.seconds for r in results), 3),
            "failing": dg.MetadataValue.md(table(failing)),
            "sample": dg.MetadataValue.md(table(rows_at_fault)),
            "blocked_days": [r.day.isoformat() for r in blocking],
            "warned_before": [d.isoformat() for d in warned],
        },
    )


def balance_check(settings: Settings, layer: str, name: str) -> dg.AssetChecksDefinition:
    """The check `balance` of one feed's stage: fails when one row is unaccounted for, on any day."""
    stage = STAGE[layer]

    @dg.asset_check(
        asset=asset_key(f"{layer}.{name}"),
        name="balance",
        blocking=True,
        description="taken = kept + rejected + repeated + superseded, and the tables hold what the books say.",
    )
    def balance() -> dg.AssetCheckResult:
        books = ledger.balance(settings.lake).filter((pl.col("feed") == name) & (pl.col("stage") == stage))
        off = books.filter(pl.col("off_by") != 0)
        sums = books.select(pl.col(*ledger.COUNTS, "off_by").sum()).row(0, named=True)
        return dg.AssetCheckResult(
            passed=off.is_empty(),
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{sums['off_by']} rows are unaccounted for on {off.height} days"
            if off.height
            else "every row is accounted for",
            metadata={**sums, "days": books.height, "unbalanced": dg.MetadataValue.md(table(off.to_dicts()))},
        )

    return balance


def checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """A gate for every table kept by day, and the books of every feed's two stages."""
    feeds = [(layer, name) for layer in STAGE for name in registry.feeds()]
    gated = [*feeds, *(("metrics", n) for n in registry.metrics())]
    return [*(gate_check(settings, *t) for t in gated), *(balance_check(settings, *t) for t in feeds)]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table, at most SHOWN_ROWS of them; columns in the order of their first appearance."""
    if not rows:
        return "none"
    columns = list(dict.fromkeys(k for row in rows for k in row))
    lines = [columns, ["---"] * len(columns), *([_cell(row.get(c)) for c in columns] for row in rows[:SHOWN_ROWS])]
    more = [f"\nand {len(rows) - SHOWN_ROWS} more"] if len(rows) > SHOWN_ROWS else []
    return "\n".join([*("| " + " | ".join(line) + " |" for line in lines), *more])


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    return text.replace("|", "\\|").replace("\n", " ")[:200]


def _said(state: str, blocking: Sequence[Any], failing: Sequence[dict[str, Any]], warned: Sequence[date]) -> str:
    if state == "crashed":
        return "a check could not be evaluated, which says nothing about the data: see `error`"
    if state == "failed":
        names = sorted({f["check"] for f in failing if f.get("severity") == "critical"})
        return f"{len(blocking)} day(s) break {', '.join(names)}"
    if state == "warned":
        days = {f["day"] for f in failing} | {d.isoformat() for d in warned}
        return f"{len(days)} day(s) with warnings" + (f": {', '.join(sorted({f['check'] for f in failing}))}" if failing else "")
    return "every day keeps its contract"
