"""Real files of public agencies, from bytes to metrics: what their publishers' README says is true of the lake's tables."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project import settings, way
from schemas import ledger
from tests.integration.chosen import only

DATA = Path(__file__).parents[3] / "shared" / "data"
TOML = Path(__file__).with_name("real_city.toml")
SOURCES = ("nab_occupancy", "nab_speed", "pems", "odot_counts", "smart_grid_smart_city", "uci_household", "montgomery_911")

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")

Query = Callable[[str], list[tuple]]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    real = only(settings.load(TOML, str(tmp_path_factory.mktemp("real") / "lake")), *SOURCES)
    landed = way.land(real)
    assert [r for one in landed for r in one.refused] == []
    built = way.build(real)
    assert built.blocked == set()
    return real


@pytest.fixture(scope="module")
def query(city: settings.Settings) -> Query:
    """SQL over the lake's tables as `raw_traffic_flow`, `metrics_energy_daily`, ..."""
    engine = duckdb.connect()
    engine.execute("SET TimeZone = 'UTC'")
    for layer, name in city.lake.tables():
        files = [f.uri for f in city.lake.files(layer, name)]
        if files:
            engine.execute(
                f"CREATE VIEW {layer}_{name} AS FROM read_parquet({files}, hive_partitioning = true, union_by_name = true)"
            )
    return lambda sql: engine.sql(sql).fetchall()


def test_the_books_balance(city: settings.Settings) -> None:
    books = ledger.balance(city.lake)
    assert books["off_by"].sum() == 0
    landed, refined = (books.filter(pl.col("stage") == s) for s in ("land", "refine"))
    assert landed["kept"].sum() == refined["taken"].sum()
    assert landed["rejected"].sum() == 0


def test_minnesota_detector_in_two_files(query: Query) -> None:
    rows = query(
        "SELECT sensor_id, count(*), round(sum(occupancy_share) * 100, 4), round(sum(mean_speed_kmh) / 1.609344, 3), "
        "min(observed_at AT TIME ZONE 'America/Chicago')::VARCHAR, max(observed_at AT TIME ZONE 'America/Chicago')::VARCHAR "
        "FROM raw_traffic_flow WHERE sensor_id LIKE 't4013%' GROUP BY 1 ORDER BY 1"
    )
    assert rows == [
        ("t4013.occupancy", 2500, 18106.6, None, "2015-09-01 11:30:00", "2015-09-17 16:24:00"),
        ("t4013.speed", 2495, None, 157021.0, "2015-09-01 11:25:00", "2015-09-17 16:19:00"),
    ]
    settled = "SELECT count(*) FROM refined_traffic_flow WHERE sensor_id LIKE 't4013%' GROUP BY sensor_id ORDER BY sensor_id"
    assert query(settled) == [(2499,), (2494,)]  # one stamp stands twice in each file
    gap = query(
        "SELECT round(max(epoch(g)) / 3600, 2) FROM (SELECT observed_at - lag(observed_at) OVER (ORDER BY observed_at) AS g "
        "FROM refined_traffic_flow WHERE sensor_id = 't4013.occupancy')"
    )
    assert gap == [(84.35,)]


def test_pems_lane(query: Query) -> None:
    local = "observed_at AT TIME ZONE 'America/Los_Angeles'"
    rows = query(
        f"SELECT count(*), sum(vehicle_count), max(vehicle_count), count(*) FILTER (observed_share = 0), "
        f"count(DISTINCT ({local})::DATE), max(dayofweek(({local})::DATE)), min(dayofweek(({local})::DATE)) "
        "FROM refined_traffic_flow WHERE sensor_id = 'pems.lane1'"
    )
    # 27 days, all of them weekdays: read day first, or they are not
    assert rows == [(7776, 520162, 197, 1, 27, 5, 1)]
    assert query("SELECT sum(volume_veh) FROM metrics_traffic_15min WHERE sensor_id = 'pems.lane1'") == [(520162,)]
    assert query("SELECT sum(volume_veh) FROM metrics_traffic_hourly WHERE sensor_id = 'pems.lane1'") == [(520162,)]


def test_oregon_counts(query: Query) -> None:
    rows = query(
        "SELECT count(*), sum(vehicle_count), min(observed_at AT TIME ZONE 'America/Los_Angeles')::DATE::VARCHAR, "
        "max(observed_at AT TIME ZONE 'America/Los_Angeles')::DATE::VARCHAR FROM refined_traffic_flow WHERE sensor_id LIKE '85-%'"
    )
    assert rows == [(54824, 1051756, "2024-04-18", "2024-05-13")]
    assert query("SELECT sum(volume_veh), sum(n) FROM metrics_traffic_15min WHERE sensor_id LIKE '85-%'") == [(1051756, 54824)]


def test_sydney_meters(query: Query) -> None:
    rows = query("SELECT meter_id, count(*), round(sum(energy_kwh), 3) FROM refined_meter_readings GROUP BY 1 ORDER BY 1")
    assert rows == [
        ("10006414", 36061, 6696.114),
        ("10006486", 18432, 2198.622),
        ("10006704", 30273, 14177.947),
        ("10017554", 29641, 3744.059),
        ("uci", 2203, 79.197),
    ]
    filled = "interpolated_kwh + like_days_kwh + spread_kwh"
    measured = query(f"SELECT round(sum(energy_kwh - ({filled})), 3) FROM metrics_energy_load_30min")
    assert measured == query("SELECT round(sum(energy_kwh), 3) FROM refined_meter_readings")
    # slots are missing, some for up to two hours and some for longer: both are estimated, and daily sums hold it
    assert all(kwh > 0 for kwh in query("SELECT sum(interpolated_kwh), sum(like_days_kwh) FROM metrics_energy_load_30min")[0])
    sums = "SELECT round(sum(energy_kwh), 6), round(sum(estimated_kwh), 6) FROM metrics_energy_"
    assert query(f"{sums}load_30min") == query(f"{sums}daily")
    assert query(f"SELECT max(abs(estimated_kwh - ({filled}))) FROM metrics_energy_load_30min")[0][0] < 1e-9
    missing = query("SELECT min(missing_share), max(missing_share) FROM metrics_energy_daily WHERE meters > 0")
    assert missing[0][0] == 0 < missing[0][1] < 1  # slots are missing


def test_a_household_by_the_minute(query: Query) -> None:
    rows = query(
        "SELECT count(*), round(sum(energy_kwh), 4), "
        "min((ended_at - to_seconds(interval_s)) AT TIME ZONE 'Europe/Paris')::VARCHAR "
        "FROM refined_meter_readings WHERE meter_id = 'uci'"
    )
    assert rows == [(2203, 79.1974, "2006-12-16 17:24:00")]


def test_montgomery_calls(query: Query, city: settings.Settings) -> None:
    rows = query("SELECT split_part(call_type, ':', 1), count(*) FROM raw_emergency_calls GROUP BY 1 ORDER BY 2 DESC")
    assert rows == [("Traffic", 1545), ("EMS", 1155), ("Fire", 351)]
    local = "received_at AT TIME ZONE 'America/New_York'"
    span = query(f"SELECT count(*), min({local})::VARCHAR, max({local})::VARCHAR FROM raw_emergency_calls")
    assert span == [(3051, "2016-01-15 12:01:00", "2018-11-15 14:56:00")]
    books = ledger.balance(city.lake).filter((pl.col("feed") == "emergency_calls") & (pl.col("stage") == "refine"))
    assert books.select(pl.col("taken", "kept", "repeated", "superseded").sum()).rows() == [(3051, 3040, 11, 0)]
    assert query("SELECT sum(n) FROM metrics_response_times_daily") == [(3040,)]
    assert query("SELECT count(*) FROM metrics_response_times_daily WHERE null_reason <> 'no_arrival'") == [(0,)]


def test_the_same_again_changes_nothing(city: settings.Settings) -> None:
    before = {t: city.lake.open(*t).version() for t in city.lake.tables()}
    assert sum(one.files for one in way.land(city)) == 0
    built = way.build(city)
    assert built.refined == []
    assert {m: d for m, d in built.measured.items() if d} == {}
    assert {t: city.lake.open(*t).version() for t in city.lake.tables()} == before
