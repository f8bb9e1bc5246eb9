"""What is known of one table of this lake: how much, since when, how fresh, what gates said, what it is made of.

What the contract says is the contract's; nothing is printed here.
"""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from dagster_project.cli import lake_tables
from schemas.lake import PARTITIONED, File, Lake
from schemas.tables import Named

if TYPE_CHECKING:
    from dagster_project.settings import Settings

RECEIVED = "_landed_at"


def days(settings: "Settings", table: Named, files: list[File]) -> list[dict[str, Any]]:
    """Rows, files, bytes, when written, and what the gate said of it, by day. `check` is None of what no gate judges."""
    said = checks(settings.lake, table, files)
    by_day: dict[date | None, list[File]] = {}
    for file in files:
        by_day.setdefault(file.event_date, []).append(file)
    return [
        {
            "day": day,
            "rows": sum(f.rows for f in of),
            "files": len(of),
            "bytes": sum(f.bytes for f in of),
            "written_at": _instant(max(f.written_ms for f in of)),
            "check": said.get(day, "unjudged") if said is not None and day is not None and any(f.rows for f in of) else None,
        }
        for day, of in sorted(by_day.items(), key=lambda d: (d[0] is None, d[0] or date.min))
    ]


def checks(lake: Lake, table: Named, files: list[File]) -> dict[date | None, str] | None:
    """Day to the gate's last word on it as it is now; None where no gate judges the table."""
    from assets import verdicts
    from schemas.registry import feeds, metrics

    is_judged = table.layer in ("raw", "refined", "metrics") and table.name in feeds() | metrics()
    if not is_judged:
        return None
    said = verdicts.known(lake, table.layer, table.name, verdicts.digests(table.layer, table.name, files))
    return {day: str(verdict) for day, verdict in said.items()}


def missing(held: list[dict[str, Any]]) -> list[date]:
    """Days between the first and the last that have no row."""
    there = {d["day"] for d in held if d["day"] and d["rows"]}
    span = (max(there) - min(there)).days if there else 0
    return [day for n in range(span) if (day := min(there) + timedelta(days=n)) not in there]


def freshness(lake: Lake, table: Named, files: list[File]) -> dict[str, datetime | None]:
    """The newest event (or start of the newest bin), the newest landing of its rows, and the newest file's commit; UTC."""
    event = _event_column(table)
    newest: dict[str, datetime | None] = {"newest_event_at": None, "newest_landing_at": None}
    span = lake_tables.days(files)
    scan = lake.scan(table.layer, table.name, [span[1]] if span else None)
    if scan is not None:
        have = scan.collect_schema().names()
        picked = {"newest_event_at": event, "newest_landing_at": RECEIVED}
        found = scan.select(pl.col(c).max().alias(n) for n, c in picked.items() if c in have).collect()
        newest |= found.row(0, named=True) if found.width else {}
    return {**newest, "written_at": _instant(max(f.written_ms for f in files)) if files else None}


def _event_column(table: Named) -> str | None:
    contract = table.contract
    if contract is None:
        return "recorded_at" if table.layer == "ledger" else None
    instants = [n for n in contract.key if contract[n].kind == "instant" and n != "valid_from"]
    return contract.event_time or (instants[0] if instants else None)


def versions(lake: Lake, table: Named) -> dict[str, Any] | None:
    """The table's version now, and from which on `--as-of` can ask; None where nothing was written."""
    from schemas import past_lake

    opened = lake.open(table.layer, table.name)
    known = past_lake.versions(opened) if opened is not None else []
    return {"now": opened.version(), "first": known[0].number, "first_at": known[0].at} if opened and known else None


def made_of(settings: "Settings", table: Named) -> dict[str, list[Any]]:
    """Where its rows come from, who reads it, and the limits that a metric judges by, as they are in this lake."""
    from assets import lineage
    from schemas import registry

    reads: list[str] = []
    limits: list[dict[str, Any]] = []
    title = table.title
    if table.layer in ("raw", "quarantine"):
        reads = [f"source {s.name}" for s in settings.sources.get(table.name, ())]
    elif table.layer == "refined":
        described = table.contract.described if table.contract else None
        reads = [f"raw.{table.name}", *([f"reference.{described.table}"] if described else [])]
    elif table.layer == "published":
        reads = [f"metrics.{table.name}"]
    elif table.layer == "metrics" and table.name in registry.metrics():
        from assets.dependencies import thresholds_read
        from assets.relations import limits as in_force

        names = thresholds_read(table.name)
        reads = lineage.sources(table.name)
        limits = [t for t in in_force(settings.lake).to_dicts() if t["name"] in names]
    read_by = [f"metrics.{name}" for name in lineage.readers("ledger" if table.layer == "ledger" else title)]
    read_by += [f"refined.{table.name}"] if table.layer == "raw" else []
    read_by += [f"published.{table.name}"] if table.layer == "metrics" and table.contract and table.contract.is_gated else []
    return {"reads": reads, "read_by": sorted(read_by), "thresholds": limits}


def is_partitioned(table: Named) -> bool:
    """Whether its files are kept by day."""
    return table.layer in PARTITIONED


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
