"""What a demo shows: the books, a few lines of each metric, the quarantine, where the files are, what to do next.

No dataset is named here: tables and columns are chosen from the contracts.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.markup import escape

from dagster_project.cli import lake_tables, refused, told
from schemas import ledger, registry
from schemas.column import Column
from schemas.contract import Contract

if TYPE_CHECKING:
    from dagster_project.settings import Settings
    from dagster_project.way import Built

LINES = 5
STAGES = ("simulating", "loading", "landing", "refining", "measuring", "gating", "exporting", "total")


def gathered(
    settings: "Settings", made: Any, built: "Built", catalog: dict[str, Any], seconds: dict[str, float]
) -> dict[str, Any]:
    """All that the screen shows, as JSON has it. The balance is by feed and stage, over all days."""
    place = ["feed", "stage"]
    counts = pl.col("taken", "kept", "rejected", "repeated", "superseded", "off_by").sum()
    books = ledger.balance(settings.lake).group_by(place).agg(counts).sort(place)
    return {
        "folder": str(made.folder),
        "settings": str(made.settings),
        "lake": settings.lake.root,
        "truth": str(made.truth),
        "simulated": asdict(made),
        "balance": books.to_dicts(),
        "metrics": {name: _lines(settings, contract) for name, contract in registry.metrics().items()},
        "quarantine": refused.by_code(refused.rows(settings.lake)),
        "gates": told.building(built)["gates"],
        "blocked": told.building(built)["blocked"],
        "tables": lake_tables.state(settings.lake),
        "exports": told.exporting(settings.lake.exports(), catalog),
        "seconds": {stage: round(seconds[stage], 2) for stage in STAGES if stage in seconds},
    }


def _lines(settings: "Settings", contract: Contract) -> list[dict[str, Any]]:
    """A few rows spread evenly over the table, of those that have values."""
    scan = settings.lake.scan("metrics", contract.name)
    if scan is None:
        return []
    frame = scan.sort("event_date", *contract.key).collect()
    if "null_reason" in contract:
        told_rows = frame.filter(pl.col("null_reason").is_null())
        frame = told_rows if told_rows.height else frame
    step = max(frame.height // LINES, 1)
    return frame.gather_every(step, step // 2).head(LINES).to_dicts()


def chosen(contract: Contract) -> list[str]:
    """The columns that tell most, best first: when and what, how much of it, the first amount, then ratios in order.

    A ratio is told by its unit or its percentile; sums that only serve to add up come last.
    """
    clock = ["local_time"] if "local_time" in contract else []
    keys = [k for k in contract.key if not (clock and contract[k].kind == "instant")]
    first = [*(clock or ["event_date"]), *keys, *(n for n in ("n", "coverage_share") if n in contract)]
    rest = [c for c in contract.columns if c.name not in first and c.name not in contract.key]
    verdicts = [c.name for c in rest if c.kind == "string" and c.allowed and not c.nullable]
    # one minus another column says nothing new
    told_by_formula = [c for c in rest if c.formula and "_sum_" not in c.name and not c.formula.startswith("1 - ")]
    ratios = [c.name for c in told_by_formula if _is_ratio(c)]
    amounts = [c.name for c in told_by_formula if c.name not in ratios][:1]
    best = [*first, *verdicts, *amounts, *ratios]
    return [*best, *(c.name for c in rest if c.name not in best and c.kind in ("int", "float"))]


def _is_ratio(column: Column) -> bool:
    unit = column.unit or ""
    return unit in ("share", "1") or "/" in unit or "percentile" in (column.formula or "")


def show(shown: dict[str, Any], built: "Built") -> None:
    """Print it."""
    from dagster_project.cli.terminal import console, print_table

    screen = console()
    _rule("The books: every row is accounted for")
    print_table(shown["balance"], marks=lambda r: "red" if r["off_by"] else "")
    _rule("The metrics, a few lines of each")
    for name, rows in shown["metrics"].items():
        contract = registry.metrics()[name]
        screen.print(f"[bold cyan]metrics.{name}[/]  [dim]{contract.doc.split('. ')[0].split(';')[0].rstrip('.')}[/]")
        print_table(rows, chosen(contract)) if rows else screen.print("no rows\n", style="dim")
    _rule("The quarantine: what was refused, and why")
    print_table(shown["quarantine"], ("feed", "stage", "code", "column", "rows", "found"), clip="found")
    _gates(built)
    _rule("Where it is, and what to do next")
    _next(shown)


def _gates(built: "Built") -> None:
    failed = [g for g in built.gates if not g.passed]
    _rule(f"The gates: {len(built.gates)} partitions checked, {len(failed)} with findings, {len(built.blocked)} blocked")
    told.print_failures(failed)
    told.print_blocked(built)


def _rule(text: str) -> None:
    from dagster_project.cli.terminal import console

    console().rule(f"[bold]{text}[/]", align="left", style="cyan")


def _next(shown: dict[str, Any]) -> None:
    from rich.table import Table

    from dagster_project.cli.terminal import console, near, size

    made, config, screen = shown["simulated"], near(shown["settings"]), console()
    places = (
        ("inbox", near(f"{shown['folder']}/inbox"), f"{made['files']:,} files, {size(made['bytes'])}, as devices send them"),
        ("truth", near(shown["truth"]), "what really happened in the city"),
        ("lake", near(shown["lake"]), "Delta tables from raw to metrics, and the books"),
        ("exports", near(shown["exports"]["folder"]), "citylake.duckdb, parquet/, csv/, places/, catalog.json"),
    )
    grid = Table.grid(padding=(0, 2))
    for title, path, doc in places:
        grid.add_row(title, f"[bold]{path}[/]", f"[dim]{doc}[/]")
    screen.print(grid)
    told.print_released(shown["exports"]["released"])
    metric = max((t for t in shown["tables"] if t["layer"] == "metrics"), key=lambda t: t["rows"])["table"]
    steps = (
        ("the city as pages of maps and charts", f"board -c {config} --serve"),
        ("ask the lake in SQL", f'query -c {config} "FROM {metric} LIMIT 5"'),
        ("what a table means", f"describe -c {config} {metric}"),
        ("refused rows as they came", f"quarantine -c {config} --rows 3"),
        ("the asset graph in the browser", f"ui -c {config}"),
    )
    screen.print()
    for doc, command in steps:
        screen.print(f"[dim]# {doc}[/]\n[bold]citylake[/] [cyan]{escape(command)}[/]", soft_wrap=True)
    took = "  ".join(f"{stage} [bold]{s:.1f}[/]" for stage, s in shown["seconds"].items())
    screen.print(f"\nSeconds: {took}", soft_wrap=True)
