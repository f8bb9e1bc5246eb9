"""The way of an event through the lake, as the command line and Dagster both walk it.

land -> gate -> refine -> gate -> measure -> gate -> export. The work itself is in pipelines and assets.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

from assets.exports.postgres_target import Target
from dagster_project import verdicts
from dagster_project.settings import Settings
from schemas import registry
from schemas.errors import SettingsError, SourceError


class Watch(Protocol):
    """Whoever shows progress: `task` opens a bar of `total` units and yields the function that advances it."""

    def task(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Open a bar."""


class Silent:
    """Nobody watches."""

    def task(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:  # noqa: ARG002
        """A bar nobody sees."""
        return nullcontext(lambda _: None)


@dataclass
class Built:
    """What a build did.

    Attributes:
        refined: what refining each stale day did.
        measured: metric -> days whose partition changed.
        gates: every gate that was asked.
        blocked: (table, day) that a critical failure kept from going on.
    """

    refined: list[Any] = field(default_factory=list)
    measured: dict[str, list[date]] = field(default_factory=dict)
    gates: list[Any] = field(default_factory=list)
    blocked: set[tuple[str, date]] = field(default_factory=set)

    @property
    def passed(self) -> bool:
        """Whether nothing critical failed."""
        return not self.blocked


def load_references(settings: Settings) -> dict[str, int]:
    """Load every reference table that citylake.toml names; rows by table."""
    from pipelines.reference import load

    known = registry.references()
    return {n: load(settings.lake, settings.city, known[n], source) for n, source in settings.references.items()}


def land(
    settings: Settings, feeds: Sequence[str] = (), beam_options: Sequence[str] = (), watch: Watch | None = None
) -> list[Any]:
    """Land every file source of the given feeds (all, if none are given) that has something new.

    Returns one `pipelines.run.Landed` per source.

    Raises:
        CitylakeError: of the first source that could not be read, after all the others were landed.
    """
    from pipelines.privacy.keys import demand
    from pipelines.run import land as land_source
    from pipelines.sources.plan import plan

    watch, out, failed = watch or Silent(), [], []
    options = [*settings.beam_options, *beam_options]
    for name in feeds or settings.sources:
        contract = registry.feed(name)
        for source in settings.files_of(name):
            try:
                demand(contract)  # before a file is opened
                todo = plan(settings.lake, contract, source, settings.limits)
                with watch.task(f"landing {name} from {source.name}", todo.bytes) as advance:
                    at = datetime.now(UTC)
                    out.append(
                        land_source(settings.lake, settings.city, contract, source, at, settings.limits, options, advance, todo)
                    )
            except (SourceError, SettingsError) as error:
                failed.append(error)
    if failed:
        raise failed[0]
    return out


def build(
    settings: Settings,
    first: date | None = None,
    last: date | None = None,
    watch: Watch | None = None,
    gates: bool = True,
    force: bool = False,
) -> Built:
    """Refine, gate and measure every day that is not what its input asks for."""
    built, watch = Built(), watch or Silent()
    for name in registry.feeds():
        build_feed(settings, name, built, first, last, watch, gates, force)
    days = refined_days(settings, first, last)
    from assets.measure import order

    for metric in order(list(registry.metrics())):
        build_metric(settings, metric, days, built, watch, gates, force)
    return built


def export(
    settings: Settings, folder: Path | None = None, watch: Watch | None = None, postgres: Target | None = None
) -> dict[str, Any]:
    """Write the exports that changed, by default beside the lake and where the settings say; returns the catalog.

    Args:
        postgres: write there instead of where the settings say; what was done is told under `postgres`.
    """
    from assets.exports.catalog import export as write

    watch, to = watch or Silent(), postgres or settings.postgres
    with watch.task("exporting", 1) as advance:
        catalog = write(settings.lake, settings.city, folder)
        advance(1)
    if to is None:
        return catalog
    from assets.exports.postgres import write_postgres

    with watch.task("exporting to PostgreSQL", 1) as advance:
        told = write_postgres(settings.lake, settings.city, to)
        advance(1)
    return catalog | {"postgres": told}


def build_feed(
    settings: Settings, name: str, built: Built, first: date | None, last: date | None, watch: Watch, gates: bool, force: bool
) -> None:
    """Gate what landed, refine the days it touched, gate what came out."""
    from assets.refined import refine, stale_days

    lake, city = settings.lake, settings.city
    days = stale_days(lake, city, name, first, last)
    if force:
        landed = {f.event_date for f in lake.files("raw", name)}
        days = sorted(d for d in landed if d and _within(d, first, last))
    if gates:
        held = _gated(settings, "raw", name, (first, last), built, watch)
        days = [d for d in days if d not in held]
    with watch.task(f"refining {name}", len(days)) as advance:
        for batch in _batches(days):
            built.refined += refine(lake, city, name, batch, force)
            advance(len(batch))
    if gates:
        _gated(settings, "refined", name, (first, last), built, watch)


def build_metric(
    settings: Settings,
    metric: str,
    days: Sequence[date],
    built: Built,
    watch: Watch,
    gates: bool,
    force: bool,
) -> None:
    """Measure the days whose input changed, and gate them. A partition with a day that was blocked above is left as it was."""
    from assets.measure import dependencies, measure

    needs, kept_under = dependencies(metric), registry.metrics()[metric].partition_of
    held = {kept_under(day) for table, day in built.blocked if table in needs or table.replace("raw.", "refined.") in needs}
    days = [d for d in days if kept_under(d) not in held]
    with watch.task(f"measuring {metric}", len(days)) as advance:
        built.measured[metric] = measure(settings.lake, settings.city, metric, days, force)
        advance(len(days))
    if gates and days:
        _gated(settings, "metrics", metric, (kept_under(days[0]), kept_under(days[-1])), built, watch)


def refined_days(settings: Settings, first: date | None = None, last: date | None = None) -> list[date]:
    """Every day that any feed has refined rows or books for."""
    import polars as pl

    from schemas import ledger

    days = {f.event_date for n in registry.feeds() for f in settings.lake.files("refined", n)}
    booked = ledger.lines(settings.lake).select(pl.coalesce("event_date", "received_date")).to_series()
    return sorted(d for d in days | set(booked) if d and _within(d, first, last))


def _gated(
    settings: Settings, layer: str, name: str, span: tuple[date | None, date | None], built: Built, watch: Watch
) -> set[date]:
    """Gate every day of the span that was not judged as it is now; returns the days that must not go on."""
    days = sorted(d for d in verdicts.digests(settings, layer, name) if _within(d, *span))
    with watch.task(f"gating {layer}.{name}", len(days)) as advance:
        results, _ = verdicts.ask(settings, layer, name, days, advance)
        advance(len(days) - len(results))
    held = {r.day for r in results if r.blocks}
    built.gates += results
    built.blocked |= {(f"{layer}.{name}", d) for d in held}
    return held


def _within(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or day >= first) and (last is None or day <= last)


def _batches(days: Sequence[date], size: int = 31) -> list[list[date]]:
    return [list(days[i : i + size]) for i in range(0, len(days), size)]
