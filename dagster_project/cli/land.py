"""`citylake land` and `citylake run`: bring in what is new, and take it the whole way.

The steps themselves are in `dagster_project.way`; what they print is in `told`.
"""

from typing import Annotated, Any

import typer

from dagster_project.cli import options, told
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption, RunnerOption


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=options.OPERATE, context_settings=options.PASS_THROUGH)(run)
    app.command(rich_help_panel=options.OPERATE, context_settings=options.PASS_THROUGH)(land)


def land(
    context: typer.Context,
    feeds: Annotated[list[str] | None, typer.Argument(metavar="FEED", help="Feeds to land; all, if none is named.")] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
    runner: RunnerOption = None,
) -> None:
    """Land what the sources have and the lake has not. Any Beam option is passed on."""
    from dagster_project import way
    from dagster_project.cli.beam import divide
    from dagster_project.cli.terminal import Bars, print_json

    names, beam = divide([*(feeds or ()), *context.args], runner)
    settings = options.opened(config, lake)
    told.check_feeds(settings, names)
    watch = Bars()
    landed = way.land(settings, names, beam, watch)
    if as_json:
        print_json([told.landing(one) for one in landed])
    else:
        told.print_landed(landed, watch.seconds.get("landing", 0.0))
    told.leave(refused=any(one.refused for one in landed))


def run(
    context: typer.Context,
    feeds: Annotated[list[str] | None, typer.Argument(metavar="FEED", help="Feeds to land; all, if none is named.")] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
    runner: RunnerOption = None,
) -> None:
    """Load references, land, build what was touched, and export. Any Beam option is passed on."""
    from dagster_project import way
    from dagster_project.cli.beam import divide
    from dagster_project.cli.terminal import Bars, print_json

    names, beam = divide([*(feeds or ()), *context.args], runner)
    settings = options.opened(config, lake)
    told.check_feeds(settings, names)
    watch = Bars()
    references = way.load_references(settings)
    landed = way.land(settings, names, beam, watch)
    built = way.build(settings, watch=watch)
    catalog = way.export(settings, watch=watch)
    if as_json:
        out: dict[str, Any] = {"references": references, "landed": [told.landing(one) for one in landed]}
        print_json(
            {**out, **told.building(built), "exports": told.exporting(settings.lake.exports(), catalog), "seconds": watch.seconds}
        )
    else:
        told.print_landed(landed, watch.seconds.get("landing", 0.0))
        told.print_built(built, watch.seconds)
        told.print_exports(settings.lake.exports(), catalog)
    told.leave(refused=any(one.refused for one in landed), blocked=not built.passed)
