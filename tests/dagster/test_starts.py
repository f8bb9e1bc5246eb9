"""What starts runs: the inbox, landings that touched days, bad days that held up others, and the night."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl
import pytest

from assets.dependencies import LEDGER
from assets.refined import refine
from dagster_project import touched
from dagster_project.assembly import assemble
from dagster_project.partitions import days_of, first_day, range_tags, ranges, today
from dagster_project.sensors import new_files
from dagster_project.settings import load
from schemas import ledger, registry
from tests.dagster.conftest import DAYS, Place, asked_days
from tests.good_rows import good_rows, put

D = date(2025, 3, 1)


def day(n: int) -> date:
    return D + timedelta(days=n)


def test_the_inbox_asks_once_for_what_is_new(place: Place) -> None:
    def look() -> list[dg.RunRequest]:
        found = assemble(place.settings).resolve_sensor_def("inbox")(dg.build_sensor_context(instance=place.instance))
        return [found] if isinstance(found, dg.RunRequest) else []

    (first,) = look()
    assert [r.run_key for r in look()] == [first.run_key], "the same files are one request"
    assert place.run("land").success
    assert look() == []
    (place.folder / "inbox" / "traffic_flow_2.jsonl").write_text((place.folder / "inbox" / "traffic_flow.jsonl").read_text())
    (second,) = look()
    assert second.run_key != first.run_key
    (place.folder / "inbox" / "traffic_flow_2.jsonl").unlink()
    (place.folder / "inbox" / "traffic_flow.jsonl").write_text("changed after it was landed\n")
    assert look() == [], "a refused file is no reason to land"


def test_a_landing_is_followed_by_a_build_of_the_days_it_touched(place: Place) -> None:
    landed = place.run("land")
    requests = place.after("build_landed", landed)
    stale = touched.stale(place.settings)
    assert set().union(*stale.values()) == set(DAYS)
    # the broken line told no day, so the books count it on the day of its receipt; and energy looks one day back
    received = ledger.lines(place.settings.lake).filter(pl.col("event_date").is_null())["received_date"].to_list()
    assert asked_days(requests) == {d for d in touched.seen_from({**stale, LEDGER: received}) if d <= today(place.settings)}
    assert len({r.run_key for r in requests}) == len(requests)
    for feed in registry.feeds():
        refine(place.settings.lake, place.settings.city, feed)
    again = place.run("land")
    assert again.success
    assert place.after("build_landed", again) == []


def test_a_feed_touches_the_days_of_its_own_metrics_alone() -> None:
    """Requests are remembered for years; a count of traffic is not: only what reads a feed is measured again."""
    far, near = (touched.seen_from({name: [D]}) for name in ("service_requests", "traffic_flow"))
    assert {D, day(365)} <= far
    assert D in near
    assert day(100) not in near


def test_the_inbox_survives_a_source_that_is_gone(place: Place) -> None:
    text = (place.folder / "citylake.toml").read_text().replace('"inbox/meter_readings*.jsonl"', '"inbox/gone.jsonl"')
    (place.folder / "citylake.toml").write_text(text)
    waiting, faults = new_files(load(place.folder / "citylake.toml"))
    assert len(waiting) == 2
    assert len(faults) == 1
    assert "gone.jsonl is not there" in faults[0]


@pytest.mark.parametrize(
    ("days", "without", "expected"),
    [
        ([], [], []),
        ([3], [], [(3, 3)]),
        ([1, 2, 3], [], [(1, 3)]),
        ([1, 4], [], [(1, 4)]),
        ([1, 5], [], [(1, 1), (5, 5)]),
        ([3, 1, 2, 3], [2], [(1, 1), (3, 3)]),
        ([1, 4], [2], [(1, 1), (4, 4)]),
        ([1, 2], [1, 2], []),
    ],
)
def test_days_become_ranges(days: list[int], without: list[int], expected: list[tuple[int, int]]) -> None:
    found = ranges(map(day, days), map(day, without))
    assert found == [(day(a), day(b)) for a, b in expected]
    for first, last in found:
        assert not {day(d) for d in without} & set(days_of(range_tags(first, last)) or [])


def test_a_run_without_days_has_none() -> None:
    assert days_of({}) is None
    assert days_of({"dagster/partition": "2025-03-30"}) == [date(2025, 3, 30)]


@pytest.mark.parametrize("night", [date(2025, 3, 30), date(2025, 3, 31), date(2025, 4, 1), date(2025, 4, 20)])
def test_the_night_builds_the_last_days_by_the_city_s_clock(place: Place, night: date) -> None:
    feed = registry.feed("traffic_flow")
    for landed in DAYS:
        put(place.settings.lake, feed, "raw", good_rows(feed, "raw", landed), landed)
    before = {d for d in (night - timedelta(days=k) for k in (1, 2, 3)) if d >= first_day(place.settings)}
    stale = {d for d in touched.seen_from({"traffic_flow": DAYS}) if first_day(place.settings) <= d < night}
    schedule = assemble(place.settings).resolve_schedule_def("nightly_build")
    assert schedule.execution_timezone == "Europe/Berlin"
    at = datetime(night.year, night.month, night.day, 3, tzinfo=ZoneInfo("Europe/Berlin"))
    for moment in (at, at.astimezone(UTC)):
        context = dg.build_schedule_context(instance=place.instance, scheduled_execution_time=moment)
        found = schedule.evaluate_tick(context).run_requests
        assert asked_days(list(found)) == before | stale
