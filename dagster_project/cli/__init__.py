"""The command `citylake`: one small file per group of commands, put together here.

Nothing heavy is imported before a command runs, so that help answers at once. The work is in `dagster_project.way`.
"""

import logging
import sys
from collections.abc import Sequence

import typer

from dagster_project.cli import (
    alerts,
    board,
    build,
    contracts,
    demo,
    describe,
    doctor,
    export,
    land,
    live,
    query,
    report,
    shell,
    simulate,
    stream,
    ui,
)
from dagster_project.cli.plain_help import PlainHelp

__all__ = ["app", "main"]

DEBUG = "--debug"
INTERRUPTED = 130

app = typer.Typer(
    name="citylake",
    cls=PlainHelp,
    rich_markup_mode=None,
    help="A data lake for a city's sensor streams: landed complete, refined, gated, measured.",
    epilog="Start with: citylake demo. Then write your own citylake.toml and: citylake doctor; citylake run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


@app.callback()
def _citylake(
    debug: bool = typer.Option(False, DEBUG, help="Show where in the code an error came from."),
) -> None:
    """A data lake for a city's sensor streams: landed complete, refined, gated, measured."""


for _group in (
    demo,
    land,
    stream,
    live,
    build,
    export,
    board,
    report,
    describe,
    alerts,
    query,
    shell,
    ui,
    simulate,
    doctor,
    contracts,
):
    _group.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 a fault in the data or the settings, 2 a command that does not exist."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = DEBUG in given
    if not debug:
        # what libraries log to themselves; what goes wrong is raised, and told below in one line
        logging.basicConfig(handlers=[logging.NullHandler()])
    try:
        app(args=[a for a in given if a != DEBUG], prog_name="citylake")
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            _interrupted()
        raise
    except Exception as error:
        if debug:
            raise
        # Beam wraps what its workers raise
        if KeyboardInterrupt.__name__ in str(error):
            _interrupted()
        from dagster_project.cli.terminal import complain

        complain(error)
        sys.exit(1)


def _interrupted() -> None:
    sys.stderr.write("Interrupted. What was committed stays; the same command goes on from there.\n")
    sys.exit(INTERRUPTED)
