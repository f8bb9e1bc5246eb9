"""`citylake live`: a simulated city sends, and is landed while it does. The play is `dagster_project.live.play`."""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project.cli import options
from dagster_project.cli.options import JsonOption
from dagster_project.cli.stream import PlainOption, chosen, live_sources

if TYPE_CHECKING:
    from dagster_project.settings import Settings
    from pipelines.simulator.live_reckoning import Reckoning

RATE = 5000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.OPERATE)(live)


def live(
    seconds: Annotated[
        int | None, typer.Option("--seconds", metavar="N", min=1, help="Publish so long; until Ctrl-C, if not given.")
    ] = None,
    rate: Annotated[int, typer.Option("--rate", metavar="N", min=10, help="Events a second.")] = RATE,
    folder: Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where; an earlier one there is removed.")] = Path(
        "demo-live"
    ),
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show it live: a broker, a simulated city that publishes, the stream that lands it, and its alerts.

    At the end every published event is looked up in the lake; exit 1 if one is lost, or the books are off by one.
    """
    from dagster_project import way
    from dagster_project.cli.demo import cleared
    from dagster_project.cli.terminal import say
    from dagster_project.live.play import LateSaid, Play, brought_up
    from dagster_project.live.session import Session, asked_to_stop, follow
    from pipelines.privacy.keys import throw_away
    from pipelines.simulator.live_reckoning import reckon
    from schemas import registry

    cleared(folder)
    say("[dim]A broker and a city are coming up ...[/]")
    children: list[Any] = []

    def kill() -> None:
        for child in children:
            child.kill()

    with asked_to_stop(at_once=kill) as asked, ExitStack() as last_things:
        broker, plan, path = brought_up(folder, rate, "Live city")
        children.append(broker)
        last_things.callback(broker.stop)
        settings = options.opened(path, None)
        throw_away(registry.feed(name) for name in settings.sources)
        way.load_references(settings)
        play = Play(plan, seconds, asked.is_set)
        children.append(play)
        last_things.callback(play.kill)
        session = Session(settings, live_sources(settings, ()), settings.stream.port, play.note)
        view = chosen(plain, as_json)
        last = follow(session, LateSaid(view, play), lambda: play.is_over(session))
    if play.failed:
        raise play.failed
    found = reckon(settings.lake, folder / "truth", play.committed_us)
    off_by = _off_by(settings)
    if as_json:
        view.write("reckoned", asdict(found) | {"off_by": off_by, "alerts": last.raised})
    else:
        _tell(settings, found, last.raised, off_by)
    if found.lost or off_by:
        raise typer.Exit(1)


def _off_by(settings: "Settings") -> int:
    from schemas import ledger

    return int(ledger.balance(settings.lake)["off_by"].sum())


def _tell(settings: "Settings", found: "Reckoning", alerts: int, off_by: int) -> None:
    from dagster_project.cli.terminal import console, near

    said, config = console(stderr=True), near(settings.path)
    if off_by:
        said.print(f"The books are off by {off_by:,} rows; see citylake balance -c {config}", style="red", markup=False)
    else:
        said.print("The books are closed: every row is accounted for.", style="dim", soft_wrap=True)
    for doc, command in (("what was raised", "alerts"), ("why rows were refused", "quarantine"), ("the tables", "tables")):
        said.print(f"citylake {command} -c {config}", style="cyan", markup=False, soft_wrap=True, end="")
        said.print(f"  # {doc}", style="dim", markup=False)
    took = ", ".join(f"{n} {'-' if s is None else f'{s:.2f}'} s" for n, s in (("p50", found.p50_s), ("p99", found.p99_s)))
    counts = f"published {found.published}, landed {found.landed}, lost {found.lost}, repeated {found.repeated}"
    typer.echo(f"{counts}, {took}, alerts {alerts}")
