"""Real travel times and days of roads: what their publishers' README says is true of the lake's tables."""

from dataclasses import replace

import polars as pl
import pytest

from dagster_project import settings, way
from pipelines.sources.declared import parse
from schemas import ledger, registry
from tests.integration import chosen
from tests.integration.chosen import DATA, TOML, Query

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")]

TIMES = ("nab_travel_time", "odot_travel_times", "cogo_trips")
FLOWS = ("pems", "odot_counts", "nab_speed")
SENSORS = """sensor_id,valid_from,road,lanes,free_flow_kmh,segment_km
pems.lane1,2016-01-01T00:00:00Z,freeway,1,105,0.8
t4013.speed,2015-01-01T00:00:00Z,freeway,1,105,0.8
"""
ROUTES = """route_id,valid_from,free_flow_s
387,2015-01-01T00:00:00Z,180
"""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    folder = tmp_path_factory.mktemp("roads")
    real = chosen.only(settings.load(TOML, str(folder / "lake")), *TIMES, *FLOWS)
    tables = {"sensors": SENSORS, "routes": ROUTES}
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)
    block = {n: {"uri": f"{n}.csv", "format": "csv"} for n in tables}
    real = replace(real, references={n: parse(registry.references()[n], n, b, folder) for n, b in block.items()})
    way.load_references(real)
    assert [r for one in way.land(real) for r in one.refused] == []
    assert way.build(real).blocked == set()
    return real


@pytest.fixture(scope="module")
def query(city: settings.Settings) -> Query:
    return chosen.query(city)


def test_the_books_balance_and_say_what_was_refused(city: settings.Settings, query: Query) -> None:
    books = ledger.balance(city.lake)
    assert books["off_by"].sum() == 0
    landed = books.filter((pl.col("stage") == "land") & (pl.col("feed") == "travel_time"))
    assert landed.select(pl.col("taken", "kept", "rejected").sum()).rows() == [(2500 + 3444 + 3787, 2500 + 3444 + 3353, 434)]
    settled = books.filter((pl.col("stage") == "refine") & (pl.col("feed") == "travel_time"))
    assert settled.select(pl.col("kept", "repeated", "superseded").sum()).rows() == [(2500 + 3444 + 3353, 0, 0)]
    # of 3787 trips 231 have no start and 351 no end, 149 neither; one ends seven seconds before it starts
    codes = query('SELECT code, "column", count(*), min(found) FROM quarantine_travel_time GROUP BY 1, 2 ORDER BY 1')
    assert [c[:3] for c in codes] == [("missing", "route_id", 231 + 351 - 149), ("out_of_range", "travel_time_s", 1)]
    assert float(codes[1][3]) == -7


def test_a_route_of_minnesota(query: Query) -> None:
    of = "FROM refined_travel_time WHERE route_id = '387'"
    assert query(f"SELECT count(*), sum(travel_time_s) {of}") == [(2500, 812734)]
    gaps = f"SELECT observed_at - lag(observed_at) OVER (ORDER BY observed_at) AS gap {of}"
    assert query(f"SELECT count(*) FROM ({gaps}) WHERE gap > INTERVAL 1 HOUR") == [(226,)]
    months = query(
        "SELECT event_date::VARCHAR, sum(n), sum(travel_time_sum_s) FROM metrics_travel_time_reliability "
        "WHERE route_id = '387' GROUP BY 1 ORDER BY 1"
    )
    assert [m[0] for m in months] == ["2015-07-01", "2015-08-01", "2015-09-01"]
    assert (sum(m[1] for m in months), sum(m[2] for m in months)) == (2500, 812734)


def test_indices_of_that_route_again_in_other_sql(query: Query) -> None:
    """Means of quarters by time_bucket, percentiles by sorting and counting: not as the metric does it."""
    means = (
        "SELECT date_trunc('month', b) AS month, avg(travel_time_s) AS s, CASE WHEN hour(b) BETWEEN 6 AND 19 "
        "THEN CASE WHEN isodow(b) > 5 THEN 'weekend' WHEN hour(b) < 10 THEN 'weekday_am' "
        "WHEN hour(b) < 16 THEN 'weekday_midday' ELSE 'weekday_pm' END ELSE 'overnight' END AS period "
        "FROM (SELECT travel_time_s, time_bucket(INTERVAL 15 MINUTE, observed_at AT TIME ZONE 'UTC') AS b "
        "FROM refined_travel_time WHERE route_id = '387') GROUP BY b"
    )
    ranked = f"SELECT *, row_number() OVER w - 1 AS i, count(*) OVER (PARTITION BY month, period) - 1 AS last FROM ({means}) "
    ranked += "WINDOW w AS (PARTITION BY month, period ORDER BY s)"
    at = "max(s) FILTER (i = floor({p} * last)) + ({p} * any_value(last) - floor({p} * any_value(last))) * "
    at += "(max(s) FILTER (i = ceil({p} * last)) - max(s) FILTER (i = floor({p} * last)))"
    again = query(
        f"SELECT month::DATE, period, avg(s) / 180, ({at.format(p=0.95)}) / 180, {at.format(p=0.8)}, {at.format(p=0.5)} "
        f"FROM ({ranked}) GROUP BY 1, 2 ORDER BY 1, 2"
    )
    found = query(
        "SELECT event_date, period, travel_time_index, planning_time_index, p80_s, p50_s FROM metrics_travel_time_reliability "
        "WHERE route_id = '387' AND n > 0 ORDER BY 1, 2"
    )
    assert [f[:2] for f in found] == [a[:2] for a in again]
    carried = [(f, a) for f, a in zip(found, again, strict=True) if f[2] is not None]
    assert len(carried) >= 10
    for f, a in carried:
        assert f[2:] == pytest.approx(a[2:], rel=1e-9)


def test_segments_of_oregon(query: Query) -> None:
    of = "FROM refined_travel_time WHERE route_id LIKE '448%'"
    assert query(f"SELECT count(*), round(sum(travel_time_s), 2) {of}".replace("LIKE '448%'", "SIMILAR TO '-?[0-9]{6,}'")) == [
        (3444, 104797.59)
    ]
    # one value an hour: at most every fourth quarter has one, and no reference says how long an empty road takes
    rows = query(
        "SELECT max(coverage_share) <= 0.25, count(lottr) > 0, count(travel_time_index) FROM metrics_travel_time_reliability "
        "WHERE route_id SIMILAR TO '-?[0-9]{6,}'"
    )
    assert rows == [(True, True, 0)]


def test_trips_between_stations(query: Query) -> None:
    rows = query("SELECT count(*), sum(travel_time_s), max(travel_time_s) FROM refined_travel_time WHERE route_id LIKE '% to %'")
    assert rows == [(3353, 7513515, 93093)]
    measured = (
        "SELECT sum(n), sum(travel_time_sum_s), count(lottr) FROM metrics_travel_time_reliability WHERE route_id LIKE '% to %'"
    )
    # Columbus is four hours behind the city's clock: its last evening is in May. No pair of stations has enough for an index.
    assert query(measured) == [(3353, 7513515, 0)]
    assert query("SELECT DISTINCT _source FROM raw_travel_time WHERE _source LIKE '%cogo%' AND _source LIKE '%MACOSX%'") == []


def test_days_of_roads(query: Query) -> None:
    days = query("SELECT road, sum(volume_veh), sum(n) FROM metrics_traffic_daily GROUP BY 1 ORDER BY 1")
    assert [d[:2] for d in days] == [("freeway", 520162), ("unknown", 1051756)]
    parts = ("volume_veh", "vehicle_km", "vehicle_h", "delay_veh_h", "slowness_sum_h_km", "n")
    for part in parts:
        exact = "sum({}::DECIMAL(38, 15))" if part == "slowness_sum_h_km" else "sum({}::DECIMAL(38, 9))"
        mine, hours = (
            query(f"SELECT event_date, coalesce(road, 'unknown'), {exact.format(part)} FROM {t} GROUP BY 1, 2 ORDER BY 1, 2")
            for t in ("metrics_traffic_daily", "metrics_traffic_hourly")
        )
        assert mine == hours, part
    assert query("SELECT round(sum(vehicle_km), 6) FROM metrics_traffic_daily") == [(round(520162 * 0.8, 6),)]
    # by UTC 16 of the days are whole; on each the lane is busiest at six in the morning, Californian time
    peaks = query(
        "SELECT event_date, peak_hour_at, peak_hour_veh, peak_hour_factor FROM metrics_traffic_daily "
        "WHERE road = 'freeway' AND peak_hour_factor IS NOT NULL ORDER BY 1"
    )
    assert len(peaks) == 16
    assert {p[1].hour for p in peaks} == {14}
    quarters = (
        "SELECT time_bucket(INTERVAL 15 MINUTE, observed_at) AS q, sum(vehicle_count) AS veh FROM refined_traffic_flow "
        "WHERE sensor_id = 'pems.lane1' GROUP BY q"
    )
    hours = f"SELECT date_trunc('hour', q) AS h, sum(veh) AS veh, max(veh) AS quarter FROM ({quarters}) GROUP BY h"
    again = query(
        f"SELECT h::DATE, arg_max(h, veh), max(veh), max(veh) / 4 / arg_max(quarter, veh) FROM ({hours}) "
        "GROUP BY 1 HAVING count(*) = 24 ORDER BY 1"
    )
    assert [p[:3] for p in peaks] == [a[:3] for a in again]
    assert [p[3] for p in peaks] == pytest.approx([a[3] for a in again], rel=1e-12)
