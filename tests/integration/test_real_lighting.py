"""Street lights of a real inventory and the Smart Data Models' own examples, and what they make of a winter's night."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from astral import Observer
from astral.sun import dawn, dusk

from assets.measure import measure, order
from dagster_project import settings, way
from schemas import ledger
from schemas.city import City
from tests.integration import chosen
from tests.integration.chosen import DATA, TOML
from tests.metrics.conftest import Town

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")]
NAMES = ("fiware_streetlight", "fiware_light_cabinet")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    """The examples landed, and the inventory loaded."""
    whole = settings.load(TOML, str(tmp_path_factory.mktemp("lighting") / "lake"))
    city = replace(chosen.only(whole, *NAMES), references={"lamps": whole.references["lamps"]})
    assert [r for one in way.land(city) for r in one.refused] == []
    assert way.load_references(city) == {"lamps": 3963}
    return city


def test_the_inventory_is_whole(real: settings.Settings) -> None:
    lamps = real.lake.scan("reference", "lamps").collect()
    assert (lamps.height, lamps["lamp_id"].n_unique(), lamps["rated_w"].sum()) == (3963, 3963, 1133471)
    kinds = dict(lamps.group_by("lamp_type").len().rows())
    assert kinds == {"HPS": 3220, "LED": 592, "MH": 88, "MV": 43, "INC": 20}
    assert lamps["lat"].is_between(38.88, 38.93).all() and lamps["lon"].is_between(-77.06, -77.0).all()
    assert lamps["district"].n_unique() == 9


def test_examples_that_say_when_land(real: settings.Settings) -> None:
    rows = real.lake.scan("raw", "streetlights").collect()
    said = ("observed_at", "device_kind", "power_state", "power_w", "status")
    at = datetime(2021, 1, 11, 10, 21, 2, tzinfo=UTC)  # 15:51:02+05:30
    assert rows.select(said).unique().rows() == [(at, "lamp", "off", 10.0, "ok")]
    assert rows["energy_total_kwh"].drop_nulls().unique().to_list() == [93.4]  # not all of them say it
    assert rows.height == 4
    books = ledger.balance(real.lake).filter(pl.col("stage") == "land")
    assert books.select(pl.col("taken", "kept", "rejected").sum()).rows() == [(8, 4, 4)]
    refused = real.lake.scan("quarantine", "streetlights").collect()
    assert refused.select("code", "column").unique().rows() == [("missing", "observed_at")]


def test_a_winters_night_of_the_whole_inventory(real: settings.Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every lamp is told to burn at its rated power by night, one in a hundred draws nothing; hours and sums are known."""
    town = Town(tmp_path_factory.mktemp("night") / "lake", "America/New_York")
    town.city = City("Washington", "America/New_York")
    lamps = real.lake.scan("reference", "lamps").collect().sort("lamp_id")
    town.put("reference.lamps", lamps)
    day = date(2026, 1, 15)
    start = town.city.day_start(day).astimezone(UTC)
    polls = [start + timedelta(hours=h) for h in range(-1, 24)]
    dead = pl.int_range(pl.len()) % 100 == 0
    rows = lamps.select("lamp_id", "rated_w", dead.alias("dead")).join(pl.DataFrame({"observed_at": polls}), how="cross")
    hour = pl.col("observed_at").dt.convert_time_zone("America/New_York").dt.hour()
    told = pl.when((hour < 7) | (hour >= 17)).then(pl.lit("on")).otherwise(pl.lit("off"))
    rows = rows.with_columns(told.alias("power_state")).with_columns(
        pl.when(pl.col("dead") | (pl.col("power_state") == "off")).then(0.0).otherwise("rated_w").alias("power_w")
    )
    town.put("refined.streetlights", rows.drop("rated_w", "dead").to_dicts())
    for metric in order(["sensor_health_daily", "streetlight_daily"]):
        measure(town.lake, town.city, metric, [day])
    got = town.read("streetlight_daily", day)
    assert got.height == 3963
    washington = Observer(38.9, -77.0)
    light = dusk(washington, day, depression=6) - dawn(washington, day, depression=6)
    # two tenths of a degree, of which the farther one has dusk 24 s later
    assert got["should_burn_h"].unique().len() <= 2
    assert got["should_burn_h"].mean() == pytest.approx(24 - light.total_seconds() / 3600, abs=0.02)
    out = got.filter(pl.col("lamps_out") == 1)
    assert out.height == 40 and (out["availability_share"] == 0).all()
    assert got.filter(pl.col("lamps_out") == 0)["burn_h"].unique().to_list() == [14.0]
    full = lamps.filter(~dead)["rated_w"].sum()
    assert got["energy_kwh"].sum() == pytest.approx(full * 14 / 1000)
    assert got["day_burners"].sum() == 0 and got["lamps_flickering"].sum() == 0
