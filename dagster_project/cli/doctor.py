"""`citylake doctor`: is everything there that a run needs? `citylake doctor feeds`: do devices report in other units or times?

The looking is in `findings` and in `assets.forensics`; nothing is mended here.
"""

from collections import Counter
from typing import Annotated

import typer

from dagster_project.cli import options
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption

STYLES = {"ok": "green", "warning": "yellow", "fault": "red"}
FEEDS = "feeds"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.HOUSE)(doctor)


def doctor(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[feeds [FEED]...]", help="Look into what devices report: units and clocks, in all feeds or some."
        ),
    ] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check settings, lake and sources; with `feeds`, look for wrong units and clocks. Exit 1 where something is wrong.

    `doctor` looks at Python, packages, memory, disk, settings, lake, sources and books. `doctor feeds` prints what devices seem
    to report in another unit or by another clock, the evidence, and the line that would put it right; it applies nothing.
    """
    if what:
        if what[0] != FEEDS:
            raise typer.BadParameter(f"{what[0]!r} is nothing to look into; use feeds, or nothing", param_hint="doctor")
        _feeds(what[1:], config, lake, as_json)
        return
    from dagster_project.cli.findings import examine
    from dagster_project.cli.terminal import print_json, print_table, say

    found = examine(config, lake)
    if as_json:
        print_json(found)
    else:
        print_table(found, ("status", "check", "found", "remedy"), marks=lambda r: STYLES[r["status"]], wrap=("found", "remedy"))
        counts = Counter(f["status"] for f in found)
        say(", ".join(f"[{STYLES[s]}]{counts[s]} {s}[/]" for s in STYLES if counts[s]))
    if any(f["status"] == "fault" for f in found):
        raise typer.Exit(1)


def _feeds(feeds: list[str], config: ConfigOption, lake: LakeOption, as_json: bool) -> None:
    from assets.forensics import examine
    from dagster_project.cli import suspicions
    from dagster_project.cli.terminal import print_json

    settings = options.opened(config, lake)
    judged = examine(settings.lake, settings.city, feeds)
    if as_json:
        print_json([suspicions.told(j) for j in judged])
    else:
        suspicions.show(judged)
    if any(j.findings for j in judged):
        raise typer.Exit(1)
