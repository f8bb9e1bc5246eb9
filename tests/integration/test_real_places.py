"""Real car parks and bicycle counters: what their publishers' README says is true of the lake's tables."""

import polars as pl
import pytest

from dagster_project import way
from schemas import ledger
from tests.integration import chosen
from tests.integration.chosen import DATA, Query

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory):
    return chosen.built(tmp_path_factory.mktemp("places") / "lake", "birmingham", "montreal_bikes", "seattle_trail")


@pytest.fixture(scope="module")
def query(city) -> Query:
    return chosen.query(city)


def test_the_books_balance_and_say_what_was_refused(city, query: Query) -> None:
    books = ledger.balance(city.lake)
    assert books["off_by"].sum() == 0
    landed = books.filter(pl.col("stage") == "land").group_by("feed").agg(pl.col("taken", "kept", "rejected").sum()).sort("feed")
    montreal, seattle = 7 * 310, 16776
    assert landed.rows() == [
        ("parking_occupancy", 35717, 35705, 12),
        ("traffic_flow", montreal + seattle, montreal + seattle - 2, 2),
    ]
    codes = 'SELECT code, "column", count(*) FROM quarantine_{} GROUP BY ALL'
    assert query(codes.format("parking_occupancy")) == [("out_of_range", "occupied", 12)]
    assert query(codes.format("traffic_flow")) == [("rule_broken", "something_measured", 2)]


def test_car_parks_of_birmingham(city, query: Query) -> None:
    # 35501 distinct rows of sum 22892947, as the README counts them, hold the 12 refused ones, which sum to -30
    settled = "SELECT count(*), sum(occupied), count(*) FILTER (occupied > capacity), count(DISTINCT facility_id), min(occupied) "
    assert query(settled + "FROM refined_parking_occupancy") == [(35501 - 12, 22892947 + 30, 373, 30, 0)]
    books = ledger.balance(city.lake).filter((pl.col("feed") == "parking_occupancy") & (pl.col("stage") == "refine"))
    assert books.select(pl.col("taken", "repeated", "superseded").sum()).rows() == [(35705, 216, 0)]
    refused = query("SELECT sum(split(payload, ',')[3]::INT), max(split(payload, ',')[3]::INT) FROM quarantine_parking_occupancy")
    assert refused == [(-30, -1)]
    tabbed = "facility_id = 'BHMBCCMKT01' AND observed_at = TIMESTAMPTZ '2016-10-04 13:29:45 Europe/London'"
    padded = query(f"SELECT occupied FROM raw_parking_occupancy WHERE {tabbed}")
    assert padded == [(263,)]
    local = "observed_at AT TIME ZONE 'Europe/London'"
    assert query(f"SELECT min({local})::VARCHAR, max({local})::VARCHAR FROM refined_parking_occupancy") == [
        ("2016-10-04 07:46:28", "2016-12-19 16:30:35")
    ]


def test_hours_of_birmingham(query: Query) -> None:
    """The metric against the same sums in SQL of another make: spells cut at the hours by a range join."""
    assert query("SELECT sum(n), count(*) FILTER (occupancy_share > 1) > 0 FROM metrics_parking_hourly") == [(35489, True)]
    spells = (
        "SELECT facility_id, occupied, capacity, observed_at AS a, "
        "least(observed_at + INTERVAL 1 HOUR, lead(observed_at) OVER (PARTITION BY facility_id ORDER BY observed_at)) AS b "
        "FROM refined_parking_occupancy"
    )
    again = query(
        f"SELECT sum(occupied * epoch(b - a)) / 3600, sum(capacity * epoch(b - a)) / 3600, sum(epoch(b - a)) / 60 FROM ({spells})"
    )
    summed = query("SELECT sum(occupied_space_h), sum(capacity_space_h), sum(counted_min) FROM metrics_parking_hourly")
    assert summed[0] == pytest.approx(again[0], rel=1e-9)
    moved = query(
        "SELECT sum(greatest(d, 0)), sum(greatest(-d, 0)) FROM (SELECT occupied - lag(occupied) OVER w AS d, "
        "observed_at - lag(observed_at) OVER w AS gap FROM refined_parking_occupancy "
        "WINDOW w AS (PARTITION BY facility_id ORDER BY observed_at)) WHERE gap <= INTERVAL 1 HOUR"
    )
    assert query("SELECT sum(arrivals_veh), sum(departures_veh) FROM metrics_parking_hourly") == moved
    reasons = query("SELECT DISTINCT null_reason FROM metrics_parking_hourly ORDER BY ALL")
    assert reasons == [("low_coverage",), ("no_data",), (None,)]
    # the polls stop at half past four: an hour later nobody knows how full a car park is
    night = (
        "SELECT count(occupancy_share), sum(arrivals_veh) FROM metrics_parking_hourly WHERE hour(local_time) BETWEEN 18 AND 23"
    )
    assert query(night) == [(0, None)]


def test_nine_counters_of_montreal(query: Query) -> None:
    counters = query(
        "SELECT sensor_id, count(*), sum(vehicle_count) FROM refined_traffic_flow "
        "WHERE sensor_id <> 'chief-sealth' GROUP BY 1 ORDER BY 1"
    )
    # nine counters, of which "Brébeuf" and "St-Urbain (données non disponibles)" never counted
    assert counters == [
        ("Berri 1", 310, 925365),
        ("Côte-Sainte-Catherine", 310, 382339),
        ("Maisonneuve 1", 310, 614831),
        ("Maisonneuve 2", 310, 1088181),
        ("Pierre-Dupuy", 310, 326835),
        ("Rachel1", 310, 890780),
        ("du Parc", 310, 577525),
    ]
    local = "observed_at AT TIME ZONE 'America/Toronto'"
    days = query(
        f"SELECT min(({local})::DATE)::VARCHAR, max(({local})::DATE)::VARCHAR, count(DISTINCT observed_at), max(hour({local})) "
        "FROM refined_traffic_flow WHERE sensor_id = 'Berri 1'"
    )
    assert days == [("2012-01-01", "2012-11-05", 310, 0)]


def test_a_trail_of_seattle_on_days_of_clock_change(query: Query) -> None:
    trail = "FROM refined_traffic_flow WHERE sensor_id = 'chief-sealth'"
    assert query(f"SELECT count(*), sum(vehicle_count), max(vehicle_count) {trail}") == [(16774, 645743, 4947)]
    local = "observed_at AT TIME ZONE 'America/Los_Angeles'"
    hours = f"SELECT hour({local}), count(*) {trail} AND ({local})::DATE = DATE '{{}}' GROUP BY 1 ORDER BY 1 LIMIT 5"
    for day in ("2014-03-09", "2015-03-08"):  # a day of 23 hours has 23 rows, and one of 03:00
        assert query(hours.format(day)) == [(0, 1), (1, 1), (3, 1), (4, 1), (5, 1)]
    for day in ("2014-11-02", "2015-11-01"):  # a day of 25 hours has 24 rows: the second 01:00 is not there
        assert query(hours.format(day)) == [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]
        first = query(f"SELECT count(*) {trail} AND observed_at = TIMESTAMPTZ '{day} 08:00:00+00'")
        assert first == [(1,)]
    assert query("SELECT payload FROM quarantine_traffic_flow ORDER BY _position") == [
        ('{"date":"2014-03-09T03:00:00.000"}',),
        ('{"date":"2015-03-08T03:00:00.000"}',),
    ]
    assert query("SELECT sum(volume_veh), sum(n) FROM metrics_traffic_hourly WHERE sensor_id = 'chief-sealth'") == [
        (645743, 16774)
    ]


def test_the_same_again_changes_nothing(city) -> None:
    before = {t: city.lake.open(*t).version() for t in city.lake.tables()}
    assert sum(one.files for one in way.land(city)) == 0
    assert way.build(city).refined == []
    assert {t: city.lake.open(*t).version() for t in city.lake.tables()} == before
