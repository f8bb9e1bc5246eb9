"""`citylake describe`: one table with all that is known of it, or the list of those there are.

What is known is found in `table_facts`.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from dagster_project.cli import completion, options
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption

DAYS_SHOWN = 7
READERS_SHOWN = 12
COLOURS = {"passed": "green", "warning": "yellow", "critical": "red"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.LOOK)(describe)


def describe(
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="TABLE",
            help="Such as refined.<feed>; the layer may go where it is clear. Without it, all are listed.",
            autocompletion=completion.table_names,
        ),
    ] = None,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=0, help="How many rows to show.")] = 3,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a table: meaning, columns with units, days, size, freshness, gates' verdicts, where it comes from, a few rows."""
    from dagster_project.cli import lake_tables
    from dagster_project.cli.terminal import print_json

    if table is None:
        _list(options.opened(config, lake), as_json)
        return
    found = lake_tables.named(table)
    told = _told(options.opened(config, lake), found, rows)
    if as_json:
        print_json(told)
    else:
        _print(told)


def _list(settings: Any, as_json: bool) -> None:
    from dagster_project.cli import lake_tables
    from dagster_project.cli.terminal import print_json, print_table, say
    from schemas.tables import every

    held = {line["table"]: line for line in lake_tables.state(settings.lake)}
    told = [
        {"table": title, "doc": t.doc, "rows": held[title]["rows"] if title in held else None} for title, t in every().items()
    ]
    if as_json:
        print_json(told)
        return
    shown = [{**line, "doc": str(line["doc"]).split(". ", 1)[0]} for line in told if line["rows"] is not None]
    print_table(shown, ("table", "rows", "doc"), wrap=("doc",))
    empty = len(told) - len(shown)
    more = f"; {empty} more that nothing was written to yet: --json lists them" if empty else ""
    say(f"[dim]{len(shown)} tables{more}[/]")


def _told(settings: Any, found: Any, rows: int) -> dict[str, Any]:
    from dagster_project.cli import lake_tables, table_facts

    lake = settings.lake
    files = lake.files(found.layer, found.name)
    span = lake_tables.days(files)
    by_day = table_facts.days(settings, found, files)
    contract = found.contract
    return {
        "table": found.title,
        "doc": found.doc,
        **lake_tables.held(files),
        "files": len(files),
        "partitioned_by": ["event_date"] if table_facts.is_partitioned(found) else [],
        "days": {"first": span[0], "last": span[1]} if span else None,
        "days_missing": table_facts.missing(by_day) if contract is None or contract.period == "day" else [],
        "versions": table_facts.versions(lake, found),
        "freshness": table_facts.freshness(lake, found, files),
        "by_day": by_day if table_facts.is_partitioned(found) else [],
        "key": list(contract.key_in(found.layer)) if contract else [],
        "domain": contract.domain if contract else None,
        "contract_version": contract.version if contract else None,
        "sources": list(contract.sources) if contract else [],
        **table_facts.made_of(settings, found),
        "columns": [
            {
                "name": c.name,
                "type": c.kind,
                "unit": c.unit,
                "nullable": c.nullable,
                "doc": c.doc,
                "formula": c.formula,
                "privacy": c.treatment,
            }
            for c in found.columns
        ],
        "sample": lake_tables.sample(lake, found, rows) if rows else [],
    }


def _print(told: dict[str, Any]) -> None:
    from dagster_project.cli.terminal import console, print_table

    screen = console()
    screen.print(f"[bold]{told['table']}[/]", told["doc"])
    for line in (_size(told), _fresh(told), _checked(told)):
        if line:
            screen.print(line)
    if told["key"]:
        screen.print(f"key: {', '.join(told['key'])}   contract version: {told['contract_version']}", markup=False)
    columns = [
        {
            **c,
            "null": "yes" if c["nullable"] else "",
            "unit": c["unit"] or "",
            "doc": c["doc"]
            + (f" = {c['formula']}" if c["formula"] else "")
            + (f" (privacy: {c['privacy']})" if c["privacy"] != "open" else ""),
        }
        for c in told["columns"]
    ]
    screen.print()
    print_table(columns, ("name", "type", "unit", "null", "doc"), wrap=("doc",))
    _print_lineage(told)
    _print_days(told)
    _print_sample(told)


def _size(told: dict[str, Any]) -> str:
    from dagster_project.cli.terminal import cell, size

    if told["versions"] is None:
        return "Nothing was written to it yet."
    many = f"{told['partitions']:,} days, " if told["partitioned_by"] else ""
    files = f"{told['rows']:,} rows in {many}{told['files']:,} files, {size(told['bytes'])}"
    span = f"; {told['days']['first']} to {told['days']['last']}" if told["days"] else ""
    gaps = f", {len(told['days_missing']):,} days between without rows" if told["days_missing"] else ""
    past = f"; version {told['versions']['now']}, --as-of from {cell(told['versions']['first_at'])} on"
    return files + span + gaps + past


def _fresh(told: dict[str, Any]) -> str:
    """How long ago the newest event happened, was landed and was written."""
    now, parts = datetime.now(UTC), []
    for key, words in (("newest_event_at", "newest event"), ("newest_landing_at", "landed"), ("written_at", "written")):
        at = told["freshness"][key]
        if at is not None:
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
            parts.append(f"{words} {at:%Y-%m-%d %H:%MZ} ({_ago((now - at).total_seconds())})")
    return "; ".join(parts)


def _ago(seconds: float) -> str:
    when = "ago" if seconds >= 0 else "ahead"
    left = abs(seconds)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if left >= 2 * length:
            return f"{left / length:.0f} {unit} {when}"
    return f"{left:.0f} s {when}"


def _checked(told: dict[str, Any]) -> str:
    said = [d["check"] for d in told["by_day"] if d["check"]]
    counts = [f"{said.count(v)} {v}" for v in ("passed", "warning", "critical", "unjudged") if v in said]
    return f"gate: {', '.join(counts)}, of {len(said)} days" if said else ""


def _print_lineage(told: dict[str, Any]) -> None:
    from dagster_project.cli.terminal import console

    screen = console()
    for word, names in (("reads", told["reads"]), ("read by", told["read_by"])):
        if names:
            more = f" and {len(names) - READERS_SHOWN} more" if len(names) > READERS_SHOWN else ""
            screen.print(f"{word}: {', '.join(names[:READERS_SHOWN])}{more}", markup=False)
    for limit in told["thresholds"]:
        unit = "" if limit["unit"] == "1" else f" {limit['unit']}"
        where = f"{limit['source']}; {limit['edition']}"
        screen.print(f"threshold: {limit['name']} = {limit['value']:g}{unit} ({where})", markup=False)
    for source in told["sources"]:
        screen.print(f"source: {source}", markup=False)
    screen.print()


def _print_days(told: dict[str, Any]) -> None:
    from dagster_project.cli.terminal import print_table, size

    held = told["by_day"]
    if not held:
        return
    shown = [{**d, "bytes": size(d["bytes"]), "day": d["day"] or "no day"} for d in held[-DAYS_SHOWN:]]
    names = ["day", "rows", "files", "bytes", "written_at", *(["check"] if any(d["check"] for d in held) else [])]
    title = f"The last {len(shown)} of {len(held)} days" if len(held) > len(shown) else "Days"
    print_table(shown, names, title=title, marks=lambda d: COLOURS.get(d["check"], ""), right=("bytes",))


def _print_sample(told: dict[str, Any]) -> None:
    from dagster_project.cli import answers
    from dagster_project.cli.terminal import print_table, say

    if not told["sample"]:
        return
    names = list(told["sample"][0])
    units = {c["name"]: c["unit"] for c in told["columns"] if c["unit"] and c["name"] in names}
    cells = zip(*answers.texts(names, [list(row.values()) for row in told["sample"]]), strict=True)
    right = {c["name"] for c in told["columns"] if c["type"] in ("int", "float")}
    is_released = "release" in names and not told["table"].startswith("published.")
    title = "Rows, as they may be told outside" if is_released else "Rows"
    hidden = print_table([dict(zip(names, row, strict=True)) for row in cells], names, title=title, units=units, right=right)
    if hidden:
        say(f"[dim]and {len(hidden)} more columns; --json shows all[/]")
