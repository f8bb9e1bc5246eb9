"""`citylake build`: refine, gate and measure the days that are not what their input asks for.

How a day is built is in `dagster_project.way`.
"""

from typing import Annotated

import typer

from dagster_project.cli import options, told
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.OPERATE)(build)


def build(
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Build days again that need not be.")] = False,
    gates: Annotated[bool, typer.Option("--gates/--no-gates", help="Check every partition on its way.")] = True,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refine, gate and measure what landing touched. A day without news is left alone."""
    from dagster_project import way
    from dagster_project.cli.terminal import Bars, print_json

    days = options.day(first, "--from"), options.day(last, "--to")
    settings = options.opened(config, lake)
    watch = Bars()
    built = way.build(settings, *days, watch=watch, gates=gates, force=force)
    if as_json:
        print_json({**told.building(built), "seconds": watch.seconds})
    else:
        told.print_built(built, watch.seconds)
    told.leave(blocked=not built.passed)
