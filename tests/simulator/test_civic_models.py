"""The simulated city's crashes, lamps, cameras, air, requests and transactions: one thing follows from another."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
import shapely

from pipelines.simulator import (
    air,
    calls,
    cameras,
    crashes,
    detectors,
    districts,
    lamps,
    mishaps,
    service_register,
    sky,
    transactions,
)
from pipelines.simulator.faults import FaultRates
from pipelines.simulator.traffic_flow import day as traffic_day
from tests.simulator.conftest import CITY

START, END = (int(CITY.day_start(d).timestamp()) for d in (date(2026, 5, 5), date(2026, 5, 6)))
NONE = FaultRates.none()


def rng(*of: int) -> np.random.Generator:
    return np.random.default_rng([7, *of])


@pytest.fixture(scope="module")
def sensors() -> pl.DataFrame:
    return detectors.lay_out(rng(1), 400_000, END - START, NONE)


@pytest.fixture(scope="module")
def watched() -> pl.DataFrame:
    return cameras.lay_out(rng(2), 30, NONE)


@pytest.fixture(scope="module")
def lights() -> lamps.Lamps:
    made = lamps.Lamps(lamps.lay_out(rng(3), 400, NONE), CITY)
    made.fail(rng(4), START, END)
    return made


@pytest.fixture(scope="module")
def crashed(sensors, watched, lights) -> pl.DataFrame:
    blocked = mishaps.incidents(rng(5), CITY, sensors, START, END, 0.3)
    out = lights.outages.select("from_s", lat=pl.lit(52.52), lon=pl.lit(13.405), to_s=pl.col("from_s") + 3600)
    found = crashes.happened(rng(6), CITY, START, END, 300, blocked, sensors, watched, out)
    assert blocked.height > 3
    return found


def test_districts_tile_the_city_and_are_those_of_the_detectors(sensors):
    outlines = [shapely.from_wkt(w) for w in districts.table()["polygon_wkt"]]
    assert all(o.is_valid for o in outlines)
    whole = shapely.union_all(outlines)
    assert whole.geom_type == "Polygon"
    assert not whole.interiors
    assert sum(o.area for o in outlines) == pytest.approx(whole.area, abs=1e-9)
    of = districts.district_of(sensors["lat"].to_numpy(), sensors["lon"].to_numpy())
    assert (np.array(detectors.DISTRICTS)[of] == sensors["district"].to_numpy()).mean() > 0.99
    wanted = rng(8).integers(0, 6, 2000)
    lat, lon = districts.somewhere(rng(9), wanted)
    assert (districts.district_of(lat, lon) == wanted).all()
    assert all(shapely.contains_xy(outlines[d], lon[wanted == d], lat[wanted == d]).all() for d in range(6))


def test_a_crash_blocks_the_road_beside_a_detector(crashed, sensors):
    jams = crashed.filter(pl.col("jam") >= 0)
    assert jams.height > 1
    at = sensors[jams["jam"].to_list()]
    away = districts.metres_between(*(t[c].to_numpy() for t in (jams, at) for c in ("lat", "lon")))
    assert away.max() < 61
    assert jams["call_at"].null_count() == 0


def test_a_crash_makes_a_call_from_its_own_place_to_which_units_go(crashed):
    units = calls.responding(rng(10), CITY, START, END, 200, crashed)
    about = units.filter(pl.col("crash_id").is_not_null()).join(crashed, on="crash_id", suffix="_crash")
    due = crashed.filter(pl.col("call_at") < END)
    assert about["crash_id"].n_unique() == due.height > 100
    assert (about["received_at"] - about["at"]).is_between(40, 299).all()
    assert (about["call_type"] == "traffic_crash").all()
    assert (about["lat"] == about["lat_crash"]).all()
    assert (about["district"] == about["district_crash"]).all()
    assert units["incident_id"].n_unique() == units.unique(["incident_id", "received_at"]).height


def test_a_camera_sees_a_crash_before_anybody_calls(crashed, watched):
    seen = cameras.concluded(rng(11), CITY, watched, crashed, START, END)
    chain = seen.filter(pl.col("crash").is_not_null()).join(crashed, left_on="crash", right_on="crash_id", suffix="_crash")
    assert chain.height > 30
    assert set(chain["kind"]) == {"person_down", "wrong_way"}
    assert (chain["captured_at"] > chain["at"]).all()
    assert (chain["captured_at"] < chain["call_at"]).drop_nulls().all()
    at = watched[chain["camera"].to_list()]
    away = districts.metres_between(at["lat"].to_numpy(), at["lon"].to_numpy(), chain["lat"].to_numpy(), chain["lon"].to_numpy())
    assert away.max() < 61
    counts = seen.filter(pl.col("kind") == "crowd_count")
    assert (watched["role"].gather(counts["camera"]) == "square").all()
    density = counts["people_count"] / watched["area_m2"].gather(counts["camera"])
    assert density.max() > 5 > 1 > density.median()


def test_people_report_debris_of_crashes_and_lamps_that_are_out(crashed, lights):
    register = service_register.Register(CITY)
    register.day(rng(12), START, END, 50, crashed, lights.outages, lights.laid)
    first = register.versions.unique("request", keep="first", maintain_order=True)
    debris = first.filter(pl.col("crash_id").is_not_null()).join(crashed, on="crash_id", suffix="_crash")
    assert debris.height > 30
    assert (debris["requested_at"] > debris["at"]).all()
    dark = first.filter(pl.col("lamp") >= 0).join(lights.outages, on="lamp")
    assert dark.height > 0
    assert ((dark["requested_at"] > dark["from_s"]) & (dark["requested_at"] < dark["until_s"])).all()
    history = register.versions
    gaps = history.select(pl.col("updated_at").diff().over("request")).to_series().drop_nulls()
    assert gaps.min() >= service_register.APART_S
    turns = history.with_columns(before=pl.col("status").shift().over("request"))
    assert turns.filter(pl.col("before") == "closed", pl.col("status") == "closed").height == 0


def test_lamps_burn_by_night_but_for_those_that_are_out(lights):
    states = lights.day(rng(13), START, END)
    dark, day = sky.below(-6, START, END), sky.below(-0.833, START, END)
    at = states["at"].to_numpy()
    usual = states.filter(~pl.col("lamp").is_in(lights.outages["lamp"].implode()))
    night = usual.filter(pl.Series(sky.within(dark, usual["at"].to_numpy())))
    assert night["is_burning"].mean() > 0.98
    assert states.filter(pl.Series(~sky.within(day, at)))["is_burning"].mean() < 0.02
    assert (states.group_by("lamp").agg(pl.col("told_s").sum())["told_s"] == END - START).all()
    out = states.join(lights.outages, on="lamp").filter(pl.col("at").is_between("said_s", pl.col("until_s") - 1))
    assert out.height > 3
    assert not out["is_burning"].any()
    assert states["told_s"].max() <= lamps.REPORT_S
    dimmed = states.filter(pl.col("power_state") == "low", "is_burning")
    assert (dimmed["power_w"] / lights.laid["rated_w"].gather(dimmed["lamp"])).is_between(0.46, 0.52).all()


def test_the_sun_sets_when_it_does():
    from astral import Observer
    from astral.sun import dawn, dusk

    (_, morning), (evening, _) = sky.below(-6, START, END)
    place = Observer(*detectors.CENTRE)
    for ours, theirs in ((morning, dawn), (evening, dusk)):
        expected = theirs(place, date(2026, 5, 5), depression=6)
        assert abs(datetime.fromtimestamp(int(ours), UTC) - expected).total_seconds() < 90
    assert sky.within(np.array([[10, 20], [30, 40]]), np.array([9, 10, 19, 20, 35])).tolist() == [False, True, True, False, True]


def test_the_air_is_worse_where_more_traffic_passes(sensors):
    few = sensors.head(60)
    passed = traffic_day(rng(14), CITY, few, START, END, NONE).truth
    stations = air.lay_out(rng(15), few, 6, NONE)
    told = air.breathed(rng(16), CITY, stations, passed, START, END)
    assert told["at"].min() > START
    assert told["at"].max() == END
    beside = stations.with_row_index("station").filter(pl.col("site") == "traffic", pl.col("interval_s") == air.LONG_S)
    one = beside.row(0, named=True)
    hours = told.filter(pl.col("station") == one["station"]).sort("at")
    volume = (
        passed.filter(pl.col("sensor") == one["beside"]).group_by(bin=(pl.col("at") - START) // 3600).agg(v=pl.col("count").sum())
    )
    assert np.corrcoef(volume.sort("bin")["v"].to_numpy(), hours["noise_dba"].to_numpy())[0, 1] > 0.7


def test_transactions_end_after_they_began_and_appointments_are_kept_or_missed():
    made = transactions.submitted(rng(17), CITY, START, END, 3000)
    booked = made.filter(pl.col("service") == "appointment")
    assert (made["ended_s"] > made["submitted_at"]).all()
    assert made.filter(pl.col("service") != "appointment")["appointment_at"].null_count() == made.height - booked.height
    assert (booked["appointment_at"] > booked["submitted_at"]).all()
    assert set(booked["outcome"]) == {"completed", "no_show", "cancelled"}
    paid = made.filter(pl.col("amount_cents").is_not_null())
    assert set(paid["service"]) == {"tax_payment", "fine_payment"}
    assert made.filter(pl.col("completed_at").is_not_null())["outcome"].unique().to_list() == ["completed"]
    assert made["customer_id"].n_unique() < made.height
