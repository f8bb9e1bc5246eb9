"""`citylake query`: SQL over the lake as it is now, read only. The views are made by `assets.views_of_lake`."""

import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project.cli import options
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption

if TYPE_CHECKING:
    import duckdb

    from schemas.errors import CitylakeError

SHOWN = 50
CANDIDATES = "Candidate bindings: "


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.LOOK)(query)


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help='Such as "SELECT * FROM metrics.<name>"; - reads it from stdin.')],
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=0, help=f"At most N rows; on a screen {SHOWN}.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the lake in SQL. Schemas raw, refined, metrics, reference, quarantine and the table ledger; instants in UTC."""
    import duckdb

    from assets.views_of_lake import open_views
    from dagster_project.cli.terminal import print_json

    if as_csv and as_json:
        raise typer.BadParameter("choose one of --csv and --json")
    sql = sys.stdin.read() if sql == "-" else sql
    with open_views(options.opened(config, lake).lake, sql) as con:
        try:
            _only_reads(con, sql)
            answer = con.sql(sql)
            if answer is None:
                raise _fault("no question", "write a SELECT")
            answer = answer if limit is None else answer.limit(limit)
            if as_csv:
                _print_csv(answer)
            elif as_json:
                print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()])
            else:
                _print_rows(answer, SHOWN if limit is None else limit)
        except duckdb.Error as error:
            raise _fault(*_parts(str(error))) from error


def _only_reads(con: "duckdb.DuckDBPyConnection", sql: str) -> None:
    """Refuse statements that would write: a lake changes by landing and building alone."""
    import duckdb

    kinds = duckdb.StatementType
    # PIVOT is taken apart into a CREATE TYPE in memory and a SELECT
    allowed = {kinds.SELECT, kinds.EXPLAIN, *([kinds.CREATE] if "pivot" in sql.lower() else [])}
    for statement in con.extract_statements(sql):
        if statement.type not in allowed:
            raise _fault(
                f"a {statement.type.name} statement", "only SELECT, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN: query never writes"
            )


def _print_csv(answer: "duckdb.DuckDBPyRelation") -> None:
    """DuckDB writes the text, whole columns at a time; it goes by way of a file, for stdout may be a pipe."""
    import shutil
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="citylake-") as folder:
        path = Path(folder) / "answer.csv"
        answer.write_csv(str(path), header=True)
        with path.open(encoding="utf-8") as text:
            shutil.copyfileobj(text, sys.stdout)


def _print_rows(answer: "duckdb.DuckDBPyRelation", shown: int) -> None:
    from dagster_project.cli.terminal import console, print_table, say

    names = answer.columns
    found = answer.limit(shown + 1).fetchall()
    if names == ["explain_key", "explain_value"]:
        console().print("\n".join(row[1] for row in found), markup=False, soft_wrap=True)
        return
    rows: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in found[:shown]]
    hidden = print_table(rows, names)
    more = "; more rows with --limit N" if len(found) > shown else ""
    narrow = f"; {len(hidden)} columns do not fit, name those you want or take --csv: {', '.join(hidden)}" if hidden else ""
    say(f"[dim]{len(rows):,} row{'' if len(rows) == 1 else 's'}{more}{narrow}[/]")


def _parts(text: str) -> tuple[str, str]:
    """What DuckDB found, and what to do. It names near columns itself."""
    from dagster_project.cli.lake_tables import perhaps

    head, *rest = [line.strip() for line in text.split("\n") if line.strip()]
    found = head.split("Error: ", 1)[-1].rstrip("!.")
    missing = re.match(r"Table with name (\S+) does not exist", found)
    if missing:
        return found, perhaps(missing[1])
    for line in rest:
        if line.startswith(CANDIDATES):
            return found, "perhaps " + " or ".join(line.removeprefix(CANDIDATES).replace('"', "").split(", ")[:3]) + " is meant"
    near = next((line for line in rest if line.startswith("LINE ")), "")
    if near:
        return f"{found} ({near})", "correct the SQL"
    return found, "`citylake tables` lists the tables, `citylake describe TABLE` the columns"


def _fault(found: str, remedy: str) -> "CitylakeError":
    from schemas.errors import CitylakeError

    return CitylakeError("query", found, remedy)
