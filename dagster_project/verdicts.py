"""Gates days that have no verdict as they are now, so that none is asked twice about the same files.

Judging is the gates' (`assets.checks`); where verdicts are kept is `assets.verdicts`'. Losing them costs time, never
correctness: gates are asked again.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from assets import verdicts
from assets.verdicts import Verdict
from dagster_project.settings import Settings
from schemas import registry


def digests(settings: Settings, layer: str, name: str, days: list[date] | None = None) -> dict[date, str]:
    """Day to the identity of what a gate would judge, of all days that have rows or of some."""
    return verdicts.digests(layer, name, settings.lake.files(layer, name, days))


def ask(
    settings: Settings, layer: str, name: str, days: list[date] | None = None, advance: Callable[[int], None] | None = None
) -> tuple[list[Any], dict[date, Verdict]]:
    """Gate the days that have no verdict as they are now, or a critical one.

    Returns the gates' answers, and the earlier verdicts on the days that were not asked about again.
    """
    from assets.checks import gates

    current = digests(settings, layer, name, days)
    before = verdicts.known(settings.lake, layer, name, current)
    asked = [d for d in current if before.get(d) in (None, "critical")]
    results = gates(settings.lake, settings.city, layer, name, asked, advance) if asked else []
    if results:
        remember(settings, layer, name, {r.day: r.severity or "passed" for r in results if not r.crashed})
    return results, {d: v for d, v in before.items() if d not in asked}


def remember(settings: Settings, layer: str, name: str, said: dict[date, Verdict]) -> None:
    """Keep verdicts on the partitions as they are now, and drop those on files that are gone."""
    current = digests(settings, layer, name)
    still = {f"{d} {i}" for d, i in current.items()}
    new = {f"{d} {current[d]}": v for d, v in said.items() if d in current}
    merged = verdicts.read(settings.lake, layer, name) | new
    verdicts.write(settings.lake, layer, name, {k: v for k, v in merged.items() if k in still})


def blocked_days(settings: Settings) -> set[date]:
    """Days on which some table is known to break something critical, and has not changed since."""
    tables = [("raw", n) for n in registry.feeds()] + [("refined", n) for n in registry.feeds()]
    tables += [("metrics", n) for n in registry.metrics()]
    known = [verdicts.known(settings.lake, layer, name, digests(settings, layer, name)) for layer, name in tables]
    return {d for of_table in known for d, v in of_table.items() if v == "critical"}
