"""`citylake contracts`: what the lake holds, as a list or as Open Data Contract Standard files.

How a contract becomes ODCS is in `schemas.odcs`, what its SQL adds in `assets.exports.contracts`.
"""

from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli import options
from dagster_project.cli.options import JsonOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.HOUSE)(contracts)


def contracts(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="With --odcs: write files here instead of stdout.")
    ] = None,
    odcs: Annotated[bool, typer.Option("--odcs", help="As Open Data Contract Standard v3 YAML.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the contracts of feeds, metrics and reference tables, or write them as ODCS YAML."""
    from dagster_project.cli.terminal import print_json, print_table, say
    from schemas import registry

    if folder and not odcs:
        raise typer.BadParameter("DIR goes with --odcs")
    if odcs:
        from assets.exports.contracts import documents, write
        from schemas.odcs import project, to_yaml

        if folder:
            say(f"Wrote {len(write(folder, documents()))} contracts to {folder}.")
        elif as_json:
            print_json([project(*one) for one in documents()])
        else:
            typer.echo("---\n".join(to_yaml(*one) for one in documents()), nl=False)
    else:
        metrics = registry.metrics() | registry.kernel()
        every = [*registry.feeds().values(), *metrics.values(), *registry.references().values()]
        keys = ("layer", "name", "version", "domain")
        rows = [
            {k: getattr(c, k) for k in keys} | {"columns": len(c.columns), "key": ", ".join(c.key), "doc": c.doc} for c in every
        ]
        print_json(rows) if as_json else print_table(rows, wrap=("key", "doc"))
