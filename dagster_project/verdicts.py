"""What the gates said of partitions, kept beside the lake's tables, so that none is asked twice about the same files.

Judging is the gates' (`assets.checks`). Losing these files costs time, never correctness: gates are asked again.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import date
from typing import Any, Literal

from dagster_project.settings import Settings
from schemas import registry
from schemas.parts import weigh
from schemas.storage import file_system

FOLDER = "verdicts"
Verdict = Literal["passed", "warning", "critical"]


def digests(settings: Settings, layer: str, name: str, days: list[date] | None = None) -> dict[date, str]:
    """Day to the identity of what a gate would judge: what the day's visible files hold, and the contract."""
    contract = registry.table_contracts()[f"{layer}.{name}"]
    paths: dict[date, list[str]] = {}
    for file in settings.lake.files(layer, name, days):
        if file.event_date and file.rows:  # of an empty day there is nothing to judge
            paths.setdefault(file.event_date, []).append(file.path)
    return {d: hashlib.sha256(f"{contract!r}|{weigh(p):x}".encode()).hexdigest()[:20] for d, p in sorted(paths.items())}


def ask(
    settings: Settings, layer: str, name: str, days: list[date] | None = None, advance: Callable[[int], None] | None = None
) -> tuple[list[Any], dict[date, Verdict]]:
    """Gate the days that have no verdict as they are now, or a critical one.

    Returns the gates' answers, and the earlier verdicts on the days that were not asked about again.
    """
    from assets.checks import gates

    current = digests(settings, layer, name, days)
    before = known(settings, layer, name, list(current))
    asked = [d for d in current if before.get(d) in (None, "critical")]
    results = gates(settings.lake, settings.city, layer, name, asked, advance) if asked else []
    if results:
        remember(settings, layer, name, {r.day: r.severity or "passed" for r in results if not r.crashed})
    return results, {d: v for d, v in before.items() if d not in asked}


def known(settings: Settings, layer: str, name: str, days: list[date] | None = None) -> dict[date, Verdict]:
    """Verdicts on partitions as they are now; a day that changed since has none."""
    remembered = _read(settings, layer, name)
    found = {d: remembered.get(f"{d} {i}") for d, i in digests(settings, layer, name, days).items()}
    return {d: v for d, v in found.items() if v is not None}


def remember(settings: Settings, layer: str, name: str, verdicts: dict[date, Verdict]) -> None:
    """Keep verdicts on the partitions as they are now, and drop those on files that are gone."""
    current = digests(settings, layer, name)
    said = {f"{d} {current[d]}": v for d, v in verdicts.items() if d in current}
    still = {f"{d} {i}" for d, i in current.items()}
    merged = {k: v for k, v in (_read(settings, layer, name) | said).items() if k in still}
    store, path = file_system(f"{settings.lake.root}/{FOLDER}/{layer}.{name}.json")
    store.create_dir(path.rpartition("/")[0], recursive=True)
    with store.open_output_stream(path) as stream:
        stream.write(json.dumps(merged, indent=0, sort_keys=True).encode())


def blocked_days(settings: Settings) -> set[date]:
    """Days on which some table is known to break something critical, and has not changed since."""
    tables = [("raw", n) for n in registry.feeds()] + [("refined", n) for n in registry.feeds()]
    tables += [("metrics", n) for n in registry.metrics()]
    return {d for layer, name in tables for d, v in known(settings, layer, name).items() if v == "critical"}


def _read(settings: Settings, layer: str, name: str) -> dict[str, Verdict]:
    store, path = file_system(f"{settings.lake.root}/{FOLDER}/{layer}.{name}.json")
    try:
        with store.open_input_stream(path) as stream:
            return dict(json.loads(stream.read()))
    except (OSError, ValueError):
        return {}
