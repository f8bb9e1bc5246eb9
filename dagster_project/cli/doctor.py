"""`citylake doctor`: is everything there that a run needs? The looking is in `findings`; nothing is mended here."""

from collections import Counter

import typer

from dagster_project.cli import options
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption

STYLES = {"ok": "green", "warning": "yellow", "fault": "red"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.HOUSE)(doctor)


def doctor(config: ConfigOption = None, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Check Python, packages, memory, disk, settings, lake, sources and books; exit 1 on a fault."""
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
