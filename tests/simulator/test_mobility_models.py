"""Signals, car parks, buses and bikes of the simulated city: what cannot be otherwise, whatever the seed."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from pipelines.simulator import bikes, buses, detectors, parking, routes, signal_events, signals
from pipelines.simulator.clockwork import covered_s, local_hours, spaced, through_gates
from pipelines.simulator.crossings import day as crossing_day
from pipelines.simulator.faults import FaultRates
from pipelines.simulator.signal_events import OFF, ON
from schemas.city import City

CITY = City("Demo City", "Europe/Berlin")
NONE = FaultRates.none()


def bounds(day: date) -> tuple[int, int]:
    start = CITY.day_start(day).timestamp()
    end = CITY.day_start(date.fromordinal(day.toordinal() + 1)).timestamp()
    return int(start), int(end)


@pytest.fixture(scope="module", params=[date(2026, 6, 1), date(2026, 10, 25), date(2026, 3, 29)], ids=str)
def of_day(request):
    return bounds(request.param)


@pytest.fixture(scope="module")
def traffic(of_day):
    sensors = detectors.lay_out(np.random.default_rng(1), 60_000, 86_400, NONE)
    return sensors, detectors.passing(np.random.default_rng(2), CITY, sensors, *of_day).with_columns(speed="said_speed")


@pytest.fixture(scope="module")
def passed(of_day):
    laid = signals.lay_out(np.random.default_rng(3), 1)
    return signals.passing(np.random.default_rng(4), CITY, laid.row(0, named=True), *of_day)


def test_a_line_keeps_its_headway_and_its_order():
    # three come at once, one later: 0, 2, 4 and 9
    assert spaced(np.array([0.0, 0.0, 0.0, 9.0]), 2.0).tolist() == [0.0, 2.0, 4.0, 9.0]


def test_a_line_waits_at_a_closed_gate():
    # open 10 to 14 and 30 to 40, one each 2 s: two get through the first time, the third waits for the second
    at = through_gates(np.array([1.0, 2.0, 3.0, 35.0, 50.0]), np.array([10.0, 30.0]), np.array([14.0, 40.0]), 2.0)
    assert at.tolist() == [10.0, 12.0, 30.0, 35.0, np.inf]


def test_covered_time_of_windows():
    on, off = np.array([1.0, 5.0]), np.array([2.0, 8.0])
    assert covered_s(on, off, np.array([0.0, 1.5, 6.0]), np.array([10.0, 5.5, 7.0])).tolist() == [4.0, 1.0, 1.0]


def test_local_hours_know_the_clock_change():
    start, _ = bounds(date(2026, 10, 25))
    assert local_hours(CITY, start + 3600 * np.arange(5)).tolist() == [0, 1, 2, 2, 3]


def test_phases_go_in_turn_and_never_cross(passed):
    cycles = passed.greens.sort("cycle", "phase")
    ends = cycles.group_by("cycle").agg(
        left=pl.col("ends_s").filter(pl.col("phase").is_in(signals.LEFT)).max(),
        side=pl.col("green_s").filter(pl.col("phase").is_in(signals.SIDE)).min(),
        side_ends=pl.col("ends_s").filter(pl.col("phase").is_in(signals.SIDE)).max(),
        main=pl.col("green_s").filter(pl.col("phase").is_in(signals.MAIN)).min(),
        main_ends=pl.col("ends_s").max(),
    )
    assert (ends["left"] <= ends["side"] + 1e-6).all()
    assert (ends["side_ends"] <= ends["main"] + 1e-6).all()
    assert (ends["main_ends"] <= (ends["cycle"] + 1) * signals.CYCLE_S + 1e-6).all()
    assert cycles["terminated"].is_in([4, 5, 6]).all()


def test_nobody_passes_on_red_and_everybody_once(passed):
    greens = passed.greens.sort("green_s")
    cars = passed.cars.sort("off_s").with_columns(leaves_s=pl.col("off_s") - 0.4)
    met = cars.join_asof(greens, left_on="leaves_s", right_on="green_s", by="phase", strategy="backward", check_sortedness=False)
    assert met["green_s"].null_count() == 0
    assert (met["leaves_s"] <= met["yellow_s"] + 2.0 + 0.11).all()
    headway = cars.sort("phase", "off_s").select((pl.col("on_s") - pl.col("off_s").shift()).over("phase")).to_series()
    assert headway.drop_nulls().min() >= 0.1


def test_actuations_of_a_stop_bar_are_the_cars_that_passed_and_what_its_flow_detector_counts(passed, of_day):
    logged = signal_events.logged(np.random.default_rng(5), passed, passed.length_s, NONE).rows
    bars = logged.filter(pl.col("parameter").is_in(signals.PHASES) & pl.col("code").is_in([ON, OFF]))
    by_phase = dict(passed.cars.group_by("phase").len().iter_rows())
    for code in (ON, OFF):
        assert dict(bars.filter(pl.col("code") == code).group_by("parameter").len().iter_rows()) == by_phase
    counted = pl.concat(s.truth for s in crossing_day(np.random.default_rng(6), passed, "S", of_day[0], NONE).values())
    flow = counted.group_by("sensor_id").agg(pl.col("count").sum())
    assert {int(s[2:]): n for s, n in flow.iter_rows()} == by_phase


def test_greens_that_were_too_short_are_there_and_few(passed):
    green = passed.greens.select(pl.col("green_occupied_s") / (pl.col("yellow_s") - pl.col("green_s"))).to_series()
    assert (green <= 1 + 1e-9).all()
    failed = (green >= 0.8) & (passed.greens["red_occupied_s"] >= 4.0)
    assert 0 <= failed.mean() < 0.2


def test_car_parks_hold_what_came_and_did_not_leave_and_never_more_than_they_can(traffic, of_day):
    sensors, rows = traffic
    laid = parking.lay_out(np.random.default_rng(7), sensors, NONE)
    parks = parking.CarParks(laid)
    minutes = parks.day(np.random.default_rng(8), rows, *of_day)
    assert minutes.height == laid.height * (of_day[1] - of_day[0]) // 60
    for (facility,), one in minutes.group_by("facility", maintain_order=True):
        inside = (one["arrived"].cast(pl.Int64) - one["left"]).cum_sum()
        assert (inside == one["occupied"]).all()
        assert one["occupied"].min() >= 0
        assert one["occupied"].max() <= laid["capacity"][facility]
        # nobody parks who was not counted on the way in
        assert one["arrived"].sum() <= rows.filter(pl.col("sensor") == laid["feeder"][facility])["count"].sum()
    night = parks.day(np.random.default_rng(9), rows.clear(), of_day[1], of_day[1] + 86_400)
    assert night["arrived"].sum() == 0
    assert night["left"].sum() > 0.9 * minutes.filter(pl.col("at") == pl.col("at").max())["occupied"].sum()


def test_bikes_are_neither_made_nor_lost(of_day):
    rng = np.random.default_rng(10)
    laid = bikes.lay_out(rng, NONE, 12)
    system = bikes.Bikes(rng, laid, CITY)
    before = system.bikes
    minutes = system.day(rng, *of_day)
    assert system.bikes == before
    assert minutes["rented"].sum() > 50
    docks = laid["capacity"].gather(minutes["station"])
    assert (minutes["bikes"] >= 0).all()
    assert (minutes["bikes"] <= docks).all()
    for (_,), one in minutes.group_by("station"):
        moved = one["returned"].cast(pl.Int64) - one["rented"]
        assert (one["bikes"].diff().drop_nulls() == moved[1:]).all()


def test_buses_run_in_order_and_no_bus_is_in_two_places(of_day):
    rng = np.random.default_rng(11)
    network = buses.lay_out(rng, 2)
    ran = buses.ran(rng, network, CITY, of_day[0], np.ones(100))
    trips = ran.sort("trip_id", "stop_sequence")
    assert trips.select(pl.col("at").diff().over("trip_id")).to_series().drop_nulls().min() > 0
    runs = ran.group_by("bus", "trip_id").agg(begins=pl.col("at").min(), ends=pl.col("at").max()).sort("bus", "begins")
    assert runs.select((pl.col("begins") - pl.col("ends").shift()).over("bus")).to_series().drop_nulls().min() > 0
    assert (ran["late_s"] == ran["at"] - ran["due"]).all()
    # some trips of the service day run after its midnight
    assert ran["at"].max() > of_day[1]


def test_routes_take_the_time_of_their_stretches_at_the_speeds_seen(traffic, of_day):
    sensors, rows = traffic
    laid = routes.lay_out(sensors, 2)
    driven = routes.driven(laid, sensors, rows, *of_day)
    step = 100
    at = of_day[0] + step * routes.STEP_S
    said = driven.filter(pl.col("route") == 0, pl.col("at") == at)["travel_time_s"].item()
    took = 0.0
    for place in laid["stretches"][0]:
        seen = rows.filter(
            pl.col("sensor") == place, pl.col("at") >= at, pl.col("at") < at + routes.STEP_S, pl.col("speed").is_not_null()
        )
        cars, slow = seen["count"].sum(), (seen["count"] / seen["speed"]).sum()
        speed = cars / slow if seen.height else sensors["free_flow_kmh"][place]
        took += sensors["segment_km"][place] / speed * 3600
    assert said == pytest.approx(took, abs=0.051)
