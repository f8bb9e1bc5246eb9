"""`citylake export`: every export of the lake, or a workbook of a selection. How each is written is in `assets.exports`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project.cli import completion, options, told
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption

if TYPE_CHECKING:
    from dagster_project.settings import Settings

WORKBOOK = "A workbook (XLSX)"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.OPERATE)(export)


def _told(ctx: typer.Context, incomplete: str) -> list[str]:
    """Tables that a workbook may hold, for completion."""
    return [t for t in completion.table_names(ctx, incomplete) if t.startswith(("metrics.", "reference."))]


def export(
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where; default is exports/ in the lake.")
    ] = None,
    postgres: Annotated[
        str | None,
        typer.Option("--postgres", metavar="URI", help="Write to this PostgreSQL, too; default is what the settings say."),
    ] = None,
    schema: Annotated[
        str | None, typer.Option("--schema", metavar="NAME", help="Schema there; default is named after the city.")
    ] = None,
    superset: Annotated[
        Path | None,
        typer.Option("--superset", metavar="FILE", help="Write a dashboard of them for Apache Superset, too: a zip file."),
    ] = None,
    xlsx: Annotated[
        Path | None,
        typer.Option("--xlsx", metavar="FILE", help="Write this workbook and nothing else.", rich_help_panel=WORKBOOK),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            "--table",
            metavar="TABLE",
            help="A sheet of this table, metrics.<name> or reference.<name>; may be repeated.",
            autocompletion=_told,
            rich_help_panel=WORKBOOK,
        ),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First day in it.", rich_help_panel=WORKBOOK)
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day in it.", rich_help_panel=WORKBOOK)
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            metavar="SQL",
            help="Condition on rows, such as \"district = 'North'\"; instants in UTC.",
            rich_help_panel=WORKBOOK,
        ),
    ] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what changed since the last export: citylake.duckdb, parquet/, csv/, places/ and catalog.json. Or one workbook."""
    from dagster_project import way
    from dagster_project.cli.terminal import Bars, print_json

    settings = options.opened(config, lake)
    if xlsx is not None:
        if folder or postgres or schema or superset:
            raise typer.BadParameter("--xlsx writes a workbook alone: leave out --folder, --postgres, --schema and --superset")
        _workbook(settings, xlsx, tuple(table or ()), (first, last), where, as_json)
        return
    if table or first or last or where:
        raise typer.BadParameter("--table, --from, --to and --where choose what a workbook holds: add --xlsx FILE")
    catalog = way.export(settings, folder, Bars(), options.postgres(settings, postgres, schema))
    if superset is not None:
        from assets.exports.superset import write_superset

        catalog |= {"superset": write_superset(settings.lake, settings.city, superset, folder)}
    if as_json:
        print_json(catalog)
    else:
        told.print_exports(folder or settings.lake.exports(), catalog)


def _workbook(
    settings: "Settings",
    path: Path,
    tables: tuple[str, ...],
    days: tuple[str | None, str | None],
    where: str | None,
    as_json: bool,
) -> None:
    from assets.exports.selection import Selection
    from assets.exports.xlsx import write_xlsx
    from dagster_project.cli.terminal import Bars, console, near, print_json, size

    chosen = Selection(tables, options.day(days[0], "--from"), options.day(days[1], "--to"), where)
    made: dict[str, Any] = write_xlsx(settings.lake, settings.city, path, chosen, task=Bars().task)
    if as_json:
        print_json(made)
        return
    sheets = ", ".join(f"{s['table']} ({s['rows']:,} rows)" for s in made["sheets"])
    text = f"Wrote {near(str(path.absolute()))} ({size(made['bytes'])}): {sheets}"
    console().print(text, markup=False, soft_wrap=True)
