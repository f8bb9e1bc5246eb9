"""`citylake shell`: DuckDB's own command line, or a Python prompt, with the lake's tables ready.

The Python prompt itself is in `python_prompt`. What is made at either is gone when it is left; the lake is not written.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project.cli import options
from dagster_project.cli.options import ConfigOption, LakeOption
from dagster_project.cli.query import AsOfOption

if TYPE_CHECKING:
    import duckdb

    from dagster_project.settings import Settings

CLI = "duckdb"
NAME = "citylake"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.LOOK, context_settings={"allow_extra_args": True})(shell)


def shell(
    ctx: typer.Context,
    python: Annotated[bool, typer.Option("--python", help="A Python prompt with con, lake, city, pl and sql(...).")] = False,
    as_of: AsOfOption = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
) -> None:
    """Open DuckDB's command line on the lake, or a Python prompt. Also reads SQL or Python from a pipe.

    What follows -- goes to DuckDB: citylake shell -- -csv -c "FROM ledger".
    """
    from dagster_project.cli import asking

    settings = options.opened(config, lake)
    past = asking.at(settings, as_of, ()) if as_of else settings.lake
    if python:
        from dagster_project.cli import python_prompt

        with _views(settings, past, None) as con:
            python_prompt.run(con, past, settings.city, _banner(settings, con, past, PYTHON_EXAMPLE))
        return
    raise typer.Exit(_duckdb(settings, past, ctx.args))


SQL_EXAMPLE = "Try: FROM {table} LIMIT 5;   .tables lists tables, .help the rest, Ctrl-D leaves."
PYTHON_EXAMPLE = 'Try: sql("FROM {table} LIMIT 5")   con.sql(...).pl() gives a Polars frame, Ctrl-D leaves.'


def _duckdb(settings: "Settings", lake: object, arguments: Iterable[str]) -> int:
    """Run DuckDB's command line on a throw-away file of views; returns its exit code."""
    import signal
    import subprocess
    import tempfile

    from schemas.errors import CitylakeError

    program = _program()
    if settings.lake.options is not None:
        found = "DuckDB's command line reads s3:// only through an extension that it downloads"
        raise CitylakeError("shell", found, "use `citylake shell --python`, or `citylake export` and open the file")
    given = list(arguments)
    is_talk = sys.stdin.isatty() and not {"-c", "-f", "-s", "-no-stdin"} & set(given)
    with tempfile.TemporaryDirectory(prefix="citylake-shell-") as folder:
        file = Path(folder) / f"{NAME}.duckdb"
        with _views(settings, lake, file) as con:
            banner = _banner(settings, con, lake, SQL_EXAMPLE)
        before = ["-cmd", "SET TimeZone = 'UTC'", *([] if is_talk else ["-bail"])]
        if is_talk:
            sys.stderr.write(banner)
            before += ["-cmd", f".prompt '{NAME}> '"]
        # Ctrl-C is for what runs in there; this process only waits
        held = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            return subprocess.run([program, str(file), *before, *given], check=False).returncode  # noqa: S603
        finally:
            signal.signal(signal.SIGINT, held)


def _program() -> str:
    """DuckDB's command line: the one installed with citylake, else the one on PATH."""
    import shutil

    from schemas.errors import CitylakeError

    beside = Path(sys.executable).with_name(CLI)
    found = str(beside) if beside.is_file() else shutil.which(CLI)
    if not found:
        raise CitylakeError("shell", f"there is no program {CLI}", "`pip install duckdb-cli`, or use `citylake shell --python`")
    return found


@contextmanager
def _views(settings: "Settings", lake: object, into: Path | None) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Views of every table, in memory or in a new file; tables that cannot be had as they were are named."""
    from typing import cast

    from assets.quality_views import add_quality
    from assets.views_of_lake import open_views
    from dagster_project.cli.terminal import say
    from schemas.errors import LakeError
    from schemas.lake import Lake

    without: list[str] = []
    con, _ = open_views(cast(Lake, lake), into=into, without=without)
    with con:
        try:
            add_quality(con, cast(Lake, lake), settings.city)
        except LakeError:
            without.append("quality")
        if without:
            say(f"[yellow]Not to be had as they were any more: {', '.join(without)}[/]")
        yield con


def _banner(settings: "Settings", con: "duckdb.DuckDBPyConnection", lake: object, example: str) -> str:
    """What is there, and what to type first."""
    held = con.execute(
        "SELECT schema_name, count(*) FROM (SELECT schema_name FROM duckdb_views() WHERE NOT internal "
        "UNION ALL SELECT schema_name FROM duckdb_tables()) WHERE schema_name <> 'main' GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    first = next((t for layer in ("metrics", "refined", "raw") for t in _held(lake, layer)), "ledger")
    past = f", as of {lake.at}" if hasattr(lake, "at") else ""
    tables = ", ".join(f"{schema} ({count})" for schema, count in held)
    return f"{settings.city.name}{past}; instants in UTC. Schemas: {tables}.\n{example.format(table=first)}\n"


def _held(lake: object, layer: str) -> list[str]:
    from typing import cast

    from schemas.lake import Lake

    return [f"{of}.{name}" for of, name in cast(Lake, lake).tables() if of == layer]
