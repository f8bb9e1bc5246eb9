"""`citylake demo`: a simulated city goes the whole way, in a folder of its own. What it shows is in `demo_screen`."""

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli import options, told
from dagster_project.cli.options import JsonOption
from dagster_project.cli.simulate import DAYS, EVENTS, SEED, START, DaysOption, EventsOption, SeedOption

MARK = ".citylake-demo"
MARK_TEXT = "citylake demo made this folder and removes it when it is run again.\n"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.OPERATE)(demo)


def demo(
    folder: Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where; an earlier demo there is removed.")] = Path(
        "demo"
    ),
    days: DaysOption = DAYS,
    events: EventsOption = EVENTS,
    seed: SeedOption = SEED,
    as_json: JsonOption = False,
) -> None:
    """Simulate three days of a city, land, refine, measure, gate and export them, and show what came out."""
    from dagster_project import way
    from dagster_project.cli import demo_screen
    from dagster_project.cli.simulate import played
    from dagster_project.cli.terminal import Bars, print_json, say
    from pipelines.privacy.keys import throw_away
    from schemas import registry
    from schemas.city import City

    began = time.perf_counter()
    cleared(folder)
    watch = Bars()
    made = played(folder, City("Demo city", "Europe/Berlin"), options.day(START, "--start"), days, events, seed, watch)
    settings = options.opened(made.settings, None)
    borrowed = throw_away(registry.feed(name) for name in settings.sources)
    if borrowed and not as_json:
        say(f"[dim]{', '.join(borrowed)}: not set; this demo makes its pseudonyms with keys that nobody keeps.[/]")
    with watch.task("loading references", 1):
        way.load_references(settings)
    way.land(settings, watch=watch)
    built = way.build(settings, watch=watch)
    catalog = way.export(settings, watch=watch)
    shown = demo_screen.gathered(settings, made, built, catalog, {**watch.seconds, "total": time.perf_counter() - began})
    if as_json:
        print_json(shown)
    else:
        demo_screen.show(shown, built)
    told.leave(blocked=not built.passed or any(line["off_by"] for line in shown["balance"]))


def cleared(folder: Path) -> None:
    """Make an empty folder with the demo's mark; of what is there, only an earlier demo is removed.

    Raises SettingsError where the folder holds anything that no demo made.
    """
    from schemas.errors import SettingsError

    mark = folder / MARK
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise SettingsError(str(folder), "it is no folder", "name another with --folder")
    if folder.exists() and any(folder.iterdir()):
        if not mark.is_file():
            raise SettingsError(str(folder), "it holds files that no demo made", "name another folder with --folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(MARK_TEXT, encoding="utf-8")
