"""`citylake balance`, `quarantine` and `tables`: what is in the lake, and whether the books add up.

Free questions are asked with `citylake query`; one table is told of by `citylake describe`.
"""

from typing import Annotated

import typer

from dagster_project.cli import completion, options
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption

FOUND_LONGEST = 40


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (balance, quarantine, tables):
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
    feeds: Annotated[
        list[str] | None,
        typer.Argument(metavar="FEED", help="Feeds; all, if none is named.", autocompletion=completion.feed_names),
    ] = None,
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
