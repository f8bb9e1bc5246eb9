"""The Python prompt of `citylake shell --python`: names to work with, history and completion. IPython where it is installed.

The views are made by `shell`.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

HISTORY = 10_000


def run(con: "duckdb.DuckDBPyConnection", lake: Any, city: Any, banner: str) -> None:
    """Talk, or run what is piped in."""
    import polars as pl

    names = {"__name__": "__citylake__", "con": con, "lake": lake, "city": city, "pl": pl, "sql": _sql(con)}
    if not sys.stdin.isatty():
        exec(compile(sys.stdin.read(), "<stdin>", "exec"), names)  # noqa: S102
        return
    sys.stderr.write(banner + "con, lake, city, pl and sql(question) are there.\n")
    try:
        from IPython import start_ipython  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        _plain(names)
    else:
        start_ipython(argv=["--no-banner", "--no-confirm-exit"], user_ns=names)


def _sql(con: "duckdb.DuckDBPyConnection") -> Callable[[str], None]:
    def sql(question: str) -> None:
        """Print the answer to a question as `citylake query` does. For a frame: con.sql(question).pl()."""
        import duckdb

        from assets.views_of_lake import asked
        from dagster_project.cli import answers, query_faults, straight
        from dagster_project.cli.terminal import complain

        try:
            answer = con.sql(question)
            if answer is not None:
                answers.print_rows(answer, straight.columns(con, question, answer.columns), answers.SHOWN)
        except duckdb.Error as error:
            complain(query_faults.explained(str(error), question, asked(question)))

    return sql


def _plain(names: dict[str, Any]) -> None:
    import code

    file = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "citylake" / "python_history"
    try:
        import readline
        import rlcompleter
    except ImportError:  # no readline in this Python: no history
        code.interact(banner="", local=names, exitmsg="")
        return
    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind("tab: complete")
    readline.set_history_length(HISTORY)
    with suppress(OSError):
        readline.read_history_file(file)
    try:
        code.interact(banner="", local=names, exitmsg="")
    finally:
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(file)
