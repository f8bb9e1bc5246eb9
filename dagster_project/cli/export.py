"""`citylake export`: the DuckDB file, Parquet, CSV and the catalog. How each is written is in `assets.exports`."""

from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli import options, told
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.OPERATE)(export)


def export(
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where; default is exports/ in the lake.")
    ] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what changed since the last export: citylake.duckdb, parquet/, csv/ and catalog.json."""
    from dagster_project import way
    from dagster_project.cli.terminal import Bars, print_json

    settings = options.opened(config, lake)
    catalog = way.export(settings, folder, Bars())
    if as_json:
        print_json(catalog)
    else:
        told.print_exports(folder or settings.lake.exports(), catalog)
