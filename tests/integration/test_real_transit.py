"""Real GTFS-Realtime of Boston and Columbus, from bytes to metrics: what the README beside it says is true of the tables."""

from pathlib import Path

import polars as pl
import pytest

from dagster_project import settings, way
from schemas import ledger
from tests.integration.chosen import only

DATA = Path(__file__).parents[3] / "shared" / "data"
TOML = Path(__file__).with_name("real_city.toml")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    real = only(settings.load(TOML, str(tmp_path_factory.mktemp("real") / "lake")), "mbta", "cota")
    landed = way.land(real)
    assert [r for one in landed for r in one.refused] == []
    assert way.build(real).blocked == set()
    return real


def table(city: settings.Settings, layer: str, name: str) -> pl.DataFrame:
    scan = city.lake.scan(layer, name)
    assert scan is not None
    return scan.collect()


def test_every_entity_of_every_file_is_a_row(city: settings.Settings) -> None:
    rows = table(city, "raw", "transit_vehicles").with_columns(pl.col("said_by").str.split(" ").list.first())
    counted = rows.group_by(pl.col("_source").str.extract("([^/]{4})[^/]*$"), "header_at", "said_by").len()
    assert sorted((s, h.timestamp(), w, n) for s, h, w, n in counted.rows()) == [
        ("2019", 1576108809, "vehicle", 735),
        ("2022", 1640995202, "vehicle", 426),
        ("2022", 1651989896, "trip_update", 79),
        ("2022", 1656410597, "trip_update", 157),
        ("2022", 1657024514, "vehicle", 683),
        ("gtfs", 1550076558, "vehicle", 176),
    ]


def test_an_empty_poll_is_no_row_and_a_blank_entity_is_refused(city: settings.Settings) -> None:
    (fault,) = table(city, "quarantine", "transit_vehicles").to_dicts()
    assert (fault["code"], fault["payload"]) == ("malformed", "{}")
    assert fault["_source"].endswith("one_blank_record.json.gz")
    books = ledger.balance(city.lake)
    assert books["off_by"].sum() == 0
    landed = books.filter(stage="land")
    assert landed.select(pl.col("taken", "kept", "rejected").sum()).rows() == [(2257, 2256, 1)]


def test_updates_of_one_vehicle_at_one_instant_stay_apart(city: settings.Settings) -> None:
    rows = table(city, "refined", "transit_vehicles")
    updates = rows.filter(pl.col("said_by").str.starts_with("trip_update"))
    assert updates.height == 79 + 157
    # of bus y1967 the trip it is on and the ones after it are foretold at once
    at_once = updates.group_by("vehicle_id", "observed_at").agg(pl.col("trip_id").n_unique())
    assert at_once.filter(vehicle_id="y1967")["trip_id"].max() > 1  # type: ignore[operator]
    assert updates["delay_s"].null_count() == updates.height  # Boston foretells times, not delays
    # half of the updates name a vehicle; the others' trips stand in for it
    unnamed = updates.filter(pl.col("vehicle_id") == pl.col("trip_id"))
    assert unnamed.height == (79 - 40) + (157 - 12)


def test_positions_are_where_boston_and_columbus_are(city: settings.Settings) -> None:
    rows = table(city, "refined", "transit_vehicles").filter(said_by="vehicle")
    columbus = rows.filter(pl.col("lon") < -80)
    assert columbus.height == 175
    assert columbus["lat"].is_between(39.8, 40.3).all()
    (strayed,) = rows.filter(pl.col("lon") > -60).to_dicts()  # one bus of Columbus reports a longitude east of Greenwich
    assert (strayed["vehicle_id"], round(strayed["lat"], 3), round(strayed["lon"], 3)) == ("11021", 39.958, 0.138)
    boston = rows.filter(pl.col("lon").is_between(-80, -60))
    assert boston.height == 735 + 426 + 683
    assert boston["lat"].is_between(41.5, 43.0).all()
    assert boston["speed_kmh"].drop_nulls().len() == 60 + 34 + 57
    assert boston["service_date"].drop_nulls().len() == 611 + 386 + 628
    assert boston["occupancy"].drop_nulls().len() == 236 + 426
    assert boston["occupancy_share"].drop_nulls().len() == 426
    assert (rows["observed_at"] <= rows["header_at"]).all()


def test_single_polls_without_a_timetable_measure_nothing_and_say_so(city: settings.Settings) -> None:
    for metric in ("transit_on_time", "transit_headways"):
        scan = city.lake.scan("metrics", metric)
        assert scan is None or scan.collect().is_empty()
    health = table(city, "metrics", "sensor_health_daily")
    assert set(health["feed"]) == {"transit_vehicles"}
