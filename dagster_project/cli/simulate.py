"""`citylake simulate`: a city with known truth and injected faults, as files. The simulator is `pipelines.simulator`."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project.cli import options
from dagster_project.cli.options import JsonOption

if TYPE_CHECKING:
    from dagster_project.cli.terminal import Bars
    from schemas.city import City

START = "2026-06-01"
DAYS, EVENTS, SEED = 3, 2_000_000, 1

DaysOption = Annotated[int, typer.Option("--days", metavar="N", min=1, help="Local days.")]
EventsOption = Annotated[int, typer.Option("--events", metavar="N", min=1000, help="About how many rows over all feeds.")]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Same seed, same bytes.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.HOUSE)(simulate)


def simulate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    start: Annotated[str, typer.Option("--start", metavar="YYYY-MM-DD", help="First day.")] = START,
    days: DaysOption = DAYS,
    events: EventsOption = EVENTS,
    seed: SeedOption = SEED,
    zone: Annotated[str, typer.Option("--time-zone", metavar="ZONE", help="IANA zone of the city.")] = "Europe/Berlin",
    faults: Annotated[bool, typer.Option("--faults/--no-faults", help="Whether devices and lines fail now and then.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Write the files of a simulated city: inbox/, reference/, citylake.toml, and the truth beside them."""
    from dagster_project.cli.terminal import Bars, console, print_json, size
    from schemas.city import City
    from schemas.errors import SettingsError

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(str(folder), "it is there and not empty", "name a new folder")
    city = City("Simulated city", zone)
    made = played(folder, city, options.day(start, "--start"), days, events, seed, Bars(), faults)
    if as_json:
        print_json(asdict(made))
        return
    screen = console()
    lines = ", ".join(f"{n:,} of {feed}" for feed, n in made.lines.items())
    screen.print(f"Wrote {made.files:,} files ({size(made.bytes)}) in {made.seconds:.1f} s: {lines}", soft_wrap=True)
    screen.print(f"Next: citylake run -c {made.settings}", markup=False, soft_wrap=True)


def played(folder: Path, city: "City", start: date, days: int, events: int, seed: int, watch: "Bars", faults: bool = True) -> Any:
    """Simulate under a bar; returns `pipelines.simulator.simulation.Simulated`."""
    from pipelines.simulator.simulation import DEFAULT_RATES
    from pipelines.simulator.simulation import simulate as write

    with watch.task("simulating a city", days) as advance:
        return write(folder, city, start, days, events, seed, DEFAULT_RATES if faults else None, lambda *_: advance(1))
