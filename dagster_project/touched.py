"""Which days need a build: what landing touched, what a run left undone, what the night looks at again.

How days become runs is said in `dagster_project.partitions`.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import dagster as dg
import polars as pl

from dagster_project import way
from dagster_project.settings import Settings
from schemas import ledger, registry


def stale(settings: Settings) -> dict[str, set[date]]:
    """Days whose refined rows are not what raw and reference now ask for, by feed."""
    from assets.refined import stale_days

    return {name: set(stale_days(settings.lake, settings.city, name)) for name in registry.feeds()}


def booked_since(settings: Settings, at: datetime) -> set[date]:
    """Days that gained a line in the books: their balance is to be measured again."""
    lines = ledger.lines(settings.lake).filter(pl.col("recorded_at") >= at)
    return {d for d in lines.select(pl.coalesce("event_date", "received_date")).to_series() if d}


def seen_from(days: Mapping[str, Iterable[date]]) -> set[date]:
    """Days of feeds (or of the ledger), and those whose metrics look back on them, or ahead."""
    from assets.dependencies import LEDGER, reach

    out: set[date] = set()
    for name, of in days.items():
        back, ahead = reach(name if name == LEDGER else f"refined.{name}")
        until = date.min
        for day in sorted(set(of)):  # neighbours see about the same days: none is gone through twice
            first = max(day - timedelta(days=ahead), until)
            until = day + timedelta(days=back + 1)
            out.update(first + timedelta(days=n) for n in range((until - first).days))
    return out


def by_landing(settings: Settings, instance: dg.DagsterInstance, run_id: str) -> set[date]:
    """Days to build after a landing run: all of them where it changed a reference table."""
    from assets.dependencies import LEDGER

    record = instance.get_run_record_by_id(run_id)
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    said = [e.asset_materialization.metadata.get("changed") for e in events if e.asset_materialization]
    days = stale(settings)
    if record is not None:
        days[LEDGER] = booked_since(settings, record.create_timestamp)
    found = seen_from(days)
    if any(v is not None and v.value for v in said):
        found |= set(way.refined_days(settings))
    return found


def last_days(settings: Settings, until: date, count: int) -> set[date]:
    """The last days up to and including `until`, and older ones that are stale."""
    return {until - timedelta(days=k) for k in range(count)} | seen_from(stale(settings))
