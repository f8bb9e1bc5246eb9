"""`citylake stream`: land all live sources until somebody ends it.

The sources are `pipelines.live`; how they are shown is `dagster_project.live`.
"""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project.cli import options
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption

if TYPE_CHECKING:
    from dagster_project.live.moment import Moment
    from dagster_project.settings import Settings

PlainOption = Annotated[bool, typer.Option("--plain", help="Lines for a log; the default without a terminal.")]
PortOption = Annotated[
    int | None,
    typer.Option(
        "--port", metavar="N", min=0, max=65535, help="Of /metrics and /healthz on 127.0.0.1; 0 takes any that is free."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.OPERATE)(stream)


def stream(
    feeds: Annotated[list[str] | None, typer.Argument(metavar="FEED", help="Feeds to stream; all, if none is named.")] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    port: PortOption = None,
) -> None:
    """Land all live sources until Ctrl-C or SIGTERM, which commits what is held; twice ends at once."""
    from dagster_project.cli.terminal import console
    from dagster_project.live.session import Session, asked_to_stop, follow

    settings = options.opened(config, lake)
    sources = live_sources(settings, feeds or ())
    view, screen = chosen(plain, as_json), console(stderr=True)
    with asked_to_stop() as asked:
        session = Session(settings, sources, settings.stream.port if port is None else port)
        if as_json:
            view.write("started", {"city": settings.city.name, "lake": settings.lake.root, "url": session.endpoint.url})
        elif plain or not sys.stderr.isatty():
            counts = f"{len(sources)} source{'s' if len(sources) > 1 else ''}"
            places = f"{settings.lake.root}; {session.endpoint.url}/metrics and /healthz"
            screen.print(f"Streaming {counts} into {places}.", markup=False, soft_wrap=True)
        last = follow(session, view, asked.is_set)
    told = totals(last)
    if as_json:
        view.write("ended", {"at": last.at, **told})
    else:
        counts = f"{told['kept']:,} rows kept and {told['rejected']:,} refused in {told['commits']:,} commits"
        screen.print(f"Drained: {counts}; nothing is held.", markup=False, soft_wrap=True)


def live_sources(settings: "Settings", names: Any) -> list[tuple[Any, Any]]:
    """(contract, source) of the live sources of these feeds, or of all.

    Raises:
        SettingsError: a feed that is asked for has none, or there is none at all.
    """
    from schemas import registry
    from schemas.errors import SettingsError

    found = {n: [s for s in sources if s.live is not None] for n, sources in settings.sources.items()}
    for name in names:
        registry.feed(name)
        if not found.get(name):
            where = f"{settings.path.name} [feeds.{name}]"
            raise SettingsError(
                where, "no live source is named for this feed", f'give [feeds.{name}.sources.<name>] a uri such as "mqtt://"'
            )
    pairs = [(registry.feed(n), s) for n, sources in found.items() for s in sources if not names or n in names]
    if not pairs:
        raise SettingsError(
            settings.path.name,
            "no live source is named",
            'give a [feeds.<feed>.sources.<name>] a uri such as "mqtt://" or "nats://"; `citylake live` shows one',
        )
    return pairs


def chosen(plain: bool, as_json: bool) -> Any:
    """The view that was asked for: a screen, where there is a terminal."""
    from dagster_project.live import lines

    if as_json:
        return lines.Json()
    if plain or not sys.stderr.isatty():
        return lines.Plain()
    from dagster_project.live.screen import Screen

    return Screen()


def totals(moment: "Moment") -> dict[str, int]:
    """Counts over all sources since the start."""
    keys = ("messages", "taken", "kept", "rejected", "late", "commits", "restarts")
    return {k: sum(getattr(s, k) for s in moment.sources) for k in keys} | {"alerts": moment.raised}
