"""Real crash tables, one of them published twice: what is true of them in the publishers' words is true of the lake's tables."""

from datetime import date

import polars as pl
import pytest

from dagster_project import settings, way
from schemas import ledger
from tests.integration import chosen
from tests.integration.chosen import DATA, Query

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # eight years of days, each told twice
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}"),
]
FIRST, SECOND = (f"TIMESTAMPTZ '{day} 00:00:00 America/New_York'" for day in ("2023-01-03", "2023-02-08"))


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory):
    lake = tmp_path_factory.mktemp("crashes") / "lake"
    real = chosen.only(settings.load(chosen.TOML, str(lake)), "west_hartford", "nyc_collisions")
    assert [r for one in way.land(real) for r in one.refused] == []
    way.build(real, gates=False)
    # of the 2869 days the gates are asked about those of the last publication's month
    assert way.build(real, first=date(2022, 12, 1)).passed
    return real


@pytest.fixture(scope="module")
def query(city) -> Query:
    return chosen.query(city)


def test_the_books_balance_and_nothing_was_refused(city) -> None:
    books = ledger.balance(city.lake)
    assert books["off_by"].sum() == 0
    columns = ("taken", "kept", "rejected", "repeated", "superseded")
    said = books.group_by("stage").agg(pl.col(*columns).sum()).sort("stage").rows()
    hartford, new_york = 13832 + 14014, 1601
    # 13829 crashes were told twice alike, and two of New York were told twice in one file
    assert said == [
        ("land", hartford + new_york, hartford + new_york, 0, 0, 0),
        ("refine", hartford + new_york, 14014 + 3 + new_york - 2, 0, 13829 + 2, 0),
    ]


def test_the_second_publication_adds_184_corrects_one_and_withdraws_two(query: Query) -> None:
    of = "FROM refined_crashes WHERE _table = 'west_hartford'"
    assert query(f"SELECT count(*) {of} AND valid_from = {FIRST}") == [(13832,)]
    assert query(f"SELECT count(*) {of} AND valid_to IS NULL") == [(14014,)]
    ended = f"SELECT crash_id {of} AND valid_to = {SECOND}"
    begun = f"SELECT crash_id {of} AND valid_from = {SECOND}"
    assert query(f"SELECT count(*) FROM ({begun} EXCEPT {ended})") == [(184,)]
    assert query(f"{ended} EXCEPT {begun} ORDER BY 1") == [("923915",), ("960469",)]
    assert query(f"{ended} INTERSECT {begun}") == [("813820",)]
    moved = query(f"SELECT lat, lon, valid_to IS NULL {of} AND crash_id = '813820' ORDER BY valid_from")
    assert [m[2] for m in moved] == [False, True]
    assert moved[0][:2] != moved[1][:2]


def test_x_is_latitude_and_d_is_a_day(query: Query) -> None:
    of = "FROM refined_crashes WHERE _table = 'west_hartford' AND valid_to IS NULL"
    (bounds,) = query(f"SELECT min(lat), max(lat), min(lon), max(lon) {of}")
    assert bounds == (41.178916, 41.806247, -73.47717, -72.701096)
    assert query(f"SELECT min(event_date)::VARCHAR, max(event_date)::VARCHAR {of}") == [("2015-01-01", "2023-02-03")]
    first = query(f"SELECT occurred_at AT TIME ZONE 'America/New_York', severity, modes {of} AND crash_id = '2000'")
    assert [str(first[0][0]), *first[0][1:]] == ["2015-01-02 09:41:00", "O", "car"]
    assert query(f"SELECT severity, count(*) {of} GROUP BY 1 ORDER BY 1") == [("A", 4123), ("K", 10), ("O", 9881)]
    assert query(f"SELECT count(*) {of} AND modes LIKE '%pedestrian%'") == [(190,)]
    assert query(f"SELECT count(*) {of} AND modes LIKE '%bicycle%'") == [(79,)]


def test_collisions_of_new_york_without_a_number(query: Query) -> None:
    of = "FROM refined_crashes WHERE _table = 'nyc_collisions'"
    counted = query(f"SELECT count(*), sum(injured), sum(killed), sum(_versions), count(*) FILTER (severity <> 'U') {of}")
    assert counted == [(1599, 751, 2, 1601, 0)]
    local = "(occurred_at AT TIME ZONE 'America/New_York')::DATE::VARCHAR"
    assert query(f"SELECT min({local}), max({local}), count(valid_to) {of}") == [("2020-09-19", "2020-09-24", 0)]


def test_severities_of_a_month(query: Query) -> None:
    total = "SELECT sum(n), sum(ksi_crashes), sum(epdo) FROM metrics_crash_severity WHERE event_date <> DATE '2020-09-01'"
    again = (
        "SELECT count(*), count(*) FILTER (severity IN ('K', 'A')), "
        "sum(CASE severity WHEN 'K' THEN 542 WHEN 'A' THEN 29 ELSE 1 END)::DOUBLE FROM refined_crashes "
        "WHERE _table = 'west_hartford' AND valid_to IS NULL AND date_trunc('month', event_date) <> DATE '2020-09-01'"
    )
    assert query(total) == query(again)
    (month,) = query(
        "SELECT killed, injured, no_injury_crashes, injury_crashes, unknown_crashes, null_reason, coverage_share "
        "FROM metrics_crash_severity WHERE event_date = DATE '2020-09-01'"
    )
    hurt = query("SELECT count(*) FROM refined_crashes WHERE _table = 'nyc_collisions' AND injured > 0 AND killed = 0")
    assert month[:2] == (2, 751)
    assert [(month[3],), month[4], month[6]] == [hurt[0], 0, 1]


def test_the_same_again_changes_nothing(city) -> None:
    before = {t: city.lake.open(*t).version() for t in city.lake.tables()}
    assert sum(one.files for one in way.land(city)) == 0
    assert way.build(city, gates=False).refined == []
    assert {t: city.lake.open(*t).version() for t in city.lake.tables()} == before
