"""`citylake balance`, `quarantine`, `tables` and `describe`: what is in the lake, and whether the books add up.

Free questions are asked with `citylake query`.
"""

from typing import Annotated, Any

import typer

from dagster_project.cli import options
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption

FOUND_LONGEST = 40


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (balance, quarantine, tables, describe):
        app.command(rich_help_panel=options.LOOK)(command)


def balance(config: ConfigOption = None, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Show taken = kept + rejected + repeated + superseded by feed, stage and day; exit 1 when off by one."""
    from dagster_project.cli.terminal import print_json, print_table, say
    from schemas import ledger

    books = ledger.balance(options.opened(config, lake).lake).to_dicts()
    off = [line for line in books if line["off_by"]]
    if as_json:
        print_json(books)
    elif not books:
        say("The books are empty: nothing was landed yet. `citylake land` begins.")
    else:
        print_table(books, title="taken = kept + rejected + repeated + superseded", marks=lambda r: "red" if r["off_by"] else "")
        rows = sum(line["off_by"] for line in off)
        say(
            f"[red]{len(off)} of {len(books)} lines are off, by {rows:,} rows.[/]"
            if off
            else f"[green]All {len(books)} lines balance.[/]"
        )
    if off:
        raise typer.Exit(1)


def quarantine(
    feeds: Annotated[list[str] | None, typer.Argument(metavar="FEED", help="Feeds; all, if none is named.")] = None,
    code: Annotated[str | None, typer.Option("--code", metavar="CODE", help="Only rows refused for this reason.")] = None,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=0, help="Show N refused rows as they came.")] = 0,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show why rows were refused: counts by reason and column with an example, or the rows themselves."""
    from dagster_project.cli import refused
    from dagster_project.cli.terminal import clean, print_json, print_table, say
    from schemas.registry import feed

    for name in feeds or ():
        feed(name)
    held = refused.rows(options.opened(config, lake).lake, feeds or (), code)
    found = refused.payloads(held, rows) if rows else refused.by_code(held)
    if as_json:
        print_json(found)
    elif not found:
        say("Nothing was refused.")
    elif rows:
        for row in found:
            refused.print_payload(row)
    else:
        shown = [{**row, "found": clean(row["found"] or "-", FOUND_LONGEST)} for row in found]
        print_table(shown, title=f"{sum(r['rows'] for r in found):,} refused rows", wrap=("found", "expected"))
        say("Look at the rows themselves with --rows N.")


def tables(config: ConfigOption = None, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """List the lake's tables with rows, partitions and bytes."""
    from dagster_project.cli import lake_tables
    from dagster_project.cli.terminal import print_json, print_table, say, size

    store = options.opened(config, lake).lake
    found = lake_tables.state(store)
    if as_json:
        print_json(found)
    elif not found:
        say(f"The lake {store.root} is empty. `citylake land` fills it.")
    else:
        print_table([{**row, "bytes": size(row["bytes"])} for row in found], ("table", "rows", "partitions", "bytes"), store.root)


def describe(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Such as refined.<feed>; the layer may go where it is clear.")],
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=0, help="How many rows to show.")] = 3,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a table: what it means, its columns with types and units, its days, and a few rows."""
    from dagster_project.cli import lake_tables
    from dagster_project.cli.terminal import print_json

    found = lake_tables.named(table)
    store = options.opened(config, lake).lake
    files = store.files(found.layer, found.name)
    span = lake_tables.days(files)
    told: dict[str, Any] = {
        "table": found.title,
        "doc": found.doc,
        **lake_tables.held(files),
        "days": {"first": span[0], "last": span[1]} if span else None,
        "key": list(found.contract.key) if found.contract else [],
        "contract_version": found.contract.version if found.contract else None,
        "sources": list(found.contract.sources) if found.contract else [],
        **lake_tables.made_of(store, found),
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
        "sample": lake_tables.sample(store, found, rows) if rows else [],
    }
    if as_json:
        print_json(told)
    else:
        _print_described(told)


def _print_described(told: dict[str, Any]) -> None:
    from dagster_project.cli.terminal import cell, console, print_table, size

    screen = console()
    screen.print(f"[bold]{told['table']}[/]", told["doc"])
    span = f", {told['days']['first']} to {told['days']['last']}" if told["days"] else ""
    screen.print(f"{told['rows']:,} rows in {told['partitions']:,} partitions, {size(told['bytes'])}{span}")
    if told["key"]:
        screen.print(f"key: {', '.join(told['key'])}   contract version: {told['contract_version']}")
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
    print_table(columns, ("name", "type", "unit", "null", "doc"), wrap=("doc",))
    if told["reads"]:
        screen.print(f"reads: {', '.join(told['reads'])}", markup=False)
    for limit in told["thresholds"]:
        unit = "" if limit["unit"] == "1" else f" {limit['unit']}"
        where = f"{limit['source']}; {limit['edition']}"
        screen.print(f"threshold: {limit['name']} = {limit['value']:g}{unit} ({where})", markup=False)
    for source in told["sources"]:
        screen.print(f"source: {source}", markup=False)
    if told["sample"]:
        hidden = print_table(
            [{k: cell(v)[:40] if isinstance(v, str) else v for k, v in r.items()} for r in told["sample"]], title="Rows"
        )
        if hidden:
            screen.print(f"and {len(hidden)} more columns; --json shows all", style="dim")
