"""`citylake query`: SQL over the lake as it is now, or as it was, read only.

The views are made by `assets.views_of_lake`, the answer is shown by `answers`, mistakes are explained by `query_faults`.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli import completion, options
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption

AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", metavar="WHEN", help="The lake as it was: an instant (the city's, if without zone) or a version."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.LOOK)(query)


def query(
    sql: Annotated[
        str | None,
        typer.Argument(
            metavar="SQL", help='Such as "FROM metrics.<name>"; - reads it from stdin.', autocompletion=completion.of_sql
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", metavar="PATH", help="Read the SQL from a file.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=0, help="At most N rows; on a screen 50.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    parquet: Annotated[Path | None, typer.Option("--parquet", metavar="FILE", help="Write a Parquet file.")] = None,
    as_of: AsOfOption = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the lake in SQL. Schemas raw, quarantine, refined, metrics, published, reference and the table ledger; instants in UTC.

    The question reads the lake's files and no other, and writes nothing.
    """
    from dagster_project.cli import answers, asking
    from dagster_project.cli.terminal import say

    if sum((as_csv, as_json, parquet is not None)) > 1:
        raise typer.BadParameter("choose one of --csv, --json and --parquet")
    text = _text(sql, file)
    settings = options.opened(config, lake)
    with asking.asked(settings, text, as_of) as question:
        answer = question.answer if limit is None else question.answer.limit(limit)
        if as_csv:
            answers.print_csv(answer)
        elif as_json:
            answers.print_json_rows(answer)
        elif parquet is not None:
            rows = answers.write_parquet(answer, parquet)
            say(f"[dim]{rows:,} row{'' if rows == 1 else 's'} in {parquet}[/]")
        else:
            answers.print_rows(answer, question.columns, answers.SHOWN if limit is None else limit)
        if question.past:
            say(f"[dim]{question.past}[/]")


def _text(sql: str | None, file: Path | None) -> str:
    """The SQL: the argument, a file, or what is piped in."""
    if sql is not None and file is not None:
        raise typer.BadParameter("give the SQL, or a file with it, not both")
    if file is not None:
        from schemas.errors import SettingsError

        try:
            return file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            found = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            raise SettingsError(str(file), str(found), "name a file with SQL in it") from error
    if sql is None and sys.stdin.isatty():
        raise typer.BadParameter("write the SQL in quotes, name a file with -f, or pipe it in")
    return sys.stdin.read() if sql in (None, "-") else str(sql)
