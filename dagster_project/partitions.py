"""Days as Dagster's partitions: which there are, which a run is about, and how days become runs.

Which days need work is said in `dagster_project.touched`.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from dagster_project.settings import Settings
from schemas import registry

EMPTY_LAKE_DAYS = 30
GAP_DAYS = 3
"""Touched days so near to each other share a run: a fresh day between them costs less than another run."""


def today(settings: Settings) -> date:
    """The day it is in the city."""
    return datetime.now(ZoneInfo(settings.city.zone)).date()


def first_day(settings: Settings) -> date:
    """The day before the earliest landed event, as the tables' logs tell it; of an empty lake, 30 days ago.

    One day earlier, because a clock that is put right when refining may move rows to the day before.
    It is read when definitions load. Every run loads them anew, so that a run about older days that were landed
    meanwhile knows them; the web page learns of them when it reloads definitions.
    """
    days = {f.event_date for name in registry.feeds() for f in settings.lake.files("raw", name) if f.event_date}
    return min(days) - timedelta(days=1) if days else today(settings) - timedelta(days=EMPTY_LAKE_DAYS)


def daily(settings: Settings) -> dg.DailyPartitionsDefinition:
    """The city's local days, from the first with landed events up to and including today."""
    return dg.DailyPartitionsDefinition(first_day(settings).isoformat(), timezone=settings.city.zone, end_offset=1)


def days_of(tags: Mapping[str, str]) -> list[date] | None:
    """The days that a run's tags ask for: one, or a range with both ends; None where they ask for none."""
    first = tags.get(ASSET_PARTITION_RANGE_START_TAG) or tags.get(PARTITION_NAME_TAG)
    last = tags.get(ASSET_PARTITION_RANGE_END_TAG) or first
    if first is None or last is None:
        return None
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def range_tags(first: date, last: date) -> dict[str, str]:
    """The tags that make one run of all days from first to last."""
    return {ASSET_PARTITION_RANGE_START_TAG: first.isoformat(), ASSET_PARTITION_RANGE_END_TAG: last.isoformat()}


def ranges(days: Iterable[date], without: Iterable[date] = (), gap_days: int = GAP_DAYS) -> list[tuple[date, date]]:
    """Days as ranges: days up to `gap_days` apart share one, and no range contains a day of `without`."""
    left_out = set(without)
    out: list[tuple[date, date]] = []
    for day in sorted(set(days) - left_out):
        since = out[-1][1] if out else None
        if since and (day - since).days <= gap_days and not any(since < d < day for d in left_out):
            out[-1] = (out[-1][0], day)
        else:
            out.append((day, day))
    return out


def requests(settings: Settings, days: Iterable[date], key: str, without: Iterable[date] = ()) -> list[dg.RunRequest]:
    """One run request per range of days; days that are still to come wait until they are there."""
    last_day = today(settings)
    return [
        dg.RunRequest(run_key=f"{key} {first} {last}", tags=range_tags(first, last))
        for first, last in ranges((d for d in days if d <= last_day), without)
    ]
