"""Forensics on constructed cities: every fault is found at its device, nothing else is, and the line puts it right."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from assets.forensics import LIMITS, examine
from assets.refined import refine
from schemas import registry

from .small_city import START, SmallCity, controllers, detectors, meters, of

FIRST = date(2026, 5, 5)
said = pl.col
SENSOR_FAULTS = {
    "D00": ("mean_speed_kmh", "mph reported as km/h", of("D00", (said("speed") / 1.609344).round(1))),
    "D11": ("mean_speed_kmh", "m/s reported as km/h", of("D11", (said("speed") / 3.6).round(1))),
    "D02": ("occupancy_share", "percent reported as share", of("D02", (said("occupancy") * 100).round(2))),
    "D13": ("occupancy_share", "permille reported as share", of("D13", (said("occupancy") * 1000).round(1))),
    "D21": ("clock", "clock 3600 s ahead", of("D21", said("stamp") + 3600)),
    "D22": ("clock", "clock 611 s behind", of("D22", said("stamp") - 611)),
    "D10": ("clock", "clock 120 s ahead", of("D10", said("stamp") + 120)),
    "D03": ("interval_s", "ms reported as s", of("D03", said("interval") * 1000)),
    "D23": ("observed_at", "ms reported as s", of("D23", said("stamp") * 1000)),
    # on the road that is jammed all day
    "D31": ("mean_speed_kmh", "mph reported as km/h", of("D31", (said("speed") / 1.609344).round(1))),
}
METER_FAULTS = {
    "H03": ("energy_kwh", "Wh reported as kWh", of("H03", (said("kwh") * 1000).round(1))),
    # so much that most of it is refused: over 50 MW
    "F02": ("energy_kwh", "Wh reported as kWh", of("F02", (said("kwh") * 1000).round(1))),
    "H07": ("clock", "clock 3600 s behind", of("H07", said("stamp") - 3600)),
    "H08": ("clock", "clock 7200 s ahead", of("H08", said("stamp") + 7200)),
}
HARMLESS = {
    "a sentinel now and then": of("D01", pl.when(said("at") % 3000 == 0).then(255.0).otherwise("speed").alias("speed")),
    "rows sent an hour late": of("D20", said("received") + 3600),
    "a stuck value": of("D12", pl.lit(12.0).alias("speed")),
    "a quiet house": of("H05", (said("kwh") * 0.02).round(4)),
}


def found(city, *feeds, last=None):
    judged = examine(city.lake, city.city, feeds or ("meter_readings", "traffic_flow"), last)
    return {(f.device, f.what): f for j in judged for f in j.findings}


def land(city, seed, faults=(), days=2):
    rows, readings = detectors(seed, days), meters(seed, days)
    for fault in faults:
        if fault.feed == "traffic_flow":
            rows = fault(rows)
        else:
            readings = fault(readings)
    city.land_detectors(rows)
    city.land_meters(readings)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_every_fault_is_found_at_its_device_and_nothing_else(tmp_path, seed):
    city = SmallCity(tmp_path)
    city.describe()
    every = SENSOR_FAULTS | METER_FAULTS
    land(city, seed, [fault for _, _, fault in every.values()])
    got = found(city)
    assert {k: f.found for k, f in got.items()} == {(d, what): text for d, (what, text, _) in every.items()}
    assert all(f.since == FIRST and 0.5 <= f.confidence <= 1 and f.n >= 4 and f.evidence for f in got.values())


@pytest.mark.parametrize("seed", [4, pytest.param(5, marks=pytest.mark.slow), pytest.param(6, marks=pytest.mark.slow)])
def test_nothing_is_found_where_nothing_is_wrong(tmp_path, seed):
    city = SmallCity(tmp_path)
    city.describe()
    land(city, seed, HARMLESS.values())
    assert found(city) == {}


def test_the_line_puts_it_right_and_is_in_the_tables_own_columns(tmp_path):
    city = SmallCity(tmp_path)
    city.describe(D00={"lanes": 3})
    faults = [SENSOR_FAULTS["D00"][2], of("D00", said("stamp") + 840), METER_FAULTS["H03"][2]]
    land(city, 7, faults)
    got = found(city)
    assert set(got) == {("D00", "mean_speed_kmh"), ("D00", "clock"), ("H03", "energy_kwh")}
    line = got["D00", "clock"].line
    assert line == got["D00", "mean_speed_kmh"].line
    assert list(line) == registry.references()["sensors"].names
    assert (line["valid_from"], line["speed_factor"], line["clock_offset_s"]) == ("2026-05-04T22:00:00Z", 1.609344, 840)
    assert (line["road"], line["lanes"], line["occupancy_factor"]) == ("R0", 3, 1.0)
    # a person takes the lines over: then nothing is left to find
    own = {k[0]: {c: v for c, v in f.line.items() if c.endswith(("_factor", "_offset_s"))} for k, f in got.items()}
    city.describe(**own)
    for feed in ("traffic_flow", "meter_readings"):
        refine(city.lake, city.city, feed)
    assert found(city) == {}


@pytest.mark.parametrize("day", [7, 8], ids=["half of the days", "the last day"])
def test_a_fault_that_began_later_is_dated(tmp_path, day):
    city = SmallCity(tmp_path)
    city.describe()
    begins = datetime(2026, 5, day - 1, 22, tzinfo=UTC)  # midnight in Berlin
    later = said("at") >= begins.timestamp()
    mph = pl.when(later).then((said("speed") / 1.609344).round(1)).otherwise("speed").alias("speed")
    clock = pl.when(later).then(said("stamp") + 437).otherwise("stamp").alias("stamp")
    land(city, 8, [of("D00", mph), of("D12", clock)], days=4)
    got = found(city)
    assert {k: (f.since, f.line["valid_from"]) for k, f in got.items()} == {
        ("D00", "mean_speed_kmh"): (date(2026, 5, day), f"2026-05-0{day - 1}T22:00:00Z"),
        ("D12", "clock"): (date(2026, 5, day), f"2026-05-0{day - 1}T22:00:00Z"),
    }
    assert got["D12", "clock"].line["clock_offset_s"] == 437
    assert found(city, last=date(2026, 5, day - 1)) == {}


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_clocks_of_devices_that_speak_when_something_happens(tmp_path, seed):
    city = SmallCity(tmp_path)
    shift = pl.col("controller_id").replace_strict({"C01": 3600, "C07": -611, "C02": 300}, default=0)
    city.land_signals(controllers(seed).with_columns(stamp=pl.col("at") + shift))
    got = found(city, "signal_events")
    told = {d: f.changes[0][2] for (d, _), f in got.items()}
    assert told == pytest.approx({"C01": 3600, "C07": -611, "C02": 300}, abs=30)
    # no reference row: the line begins one
    line = got["C01", "clock"].line
    assert (line["controller_id"], line["district"], line["clock_offset_s"]) == ("C01", "unknown", told["C01"])


def test_those_that_speak_often_are_not_ahead_of_those_that_speak_seldom(tmp_path):
    """Some report every five minutes, others every half hour, long before the file goes out: no clock is wrong."""
    city = SmallCity(tmp_path)
    start = int(START.timestamp())
    often = [(f"C{i:02d}", start + at) for i in range(4) for at in range(240, 86400, 300)]
    seldom = [(f"C{i:02d}", start + at) for i in range(4, 10) for at in range(600, 86400, 1800)]
    rows = pl.DataFrame([*often, *seldom], schema=["controller_id", "stamp"], orient="row")
    city.land_signals(rows.with_columns(code=pl.lit(82), parameter=pl.lit(1), received=pl.col("stamp") + 1))
    [judged] = examine(city.lake, city.city, ["signal_events"])
    assert (judged.findings, judged.judged) == ([], {"clock": 10})


def test_too_little_data_is_said_and_nothing_is_found(tmp_path):
    city = SmallCity(tmp_path)
    city.land_detectors(SENSOR_FAULTS["D00"][2](detectors(9, 1)))
    [judged] = examine(city.lake, city.city, ["traffic_flow"])
    assert (judged.devices, judged.findings) == (20, [])
    assert judged.judged["mean_speed_kmh"] == judged.judged["occupancy_share"] == 0
    [nothing] = examine(city.lake, city.city, ["meter_readings"])
    assert (nothing.days, nothing.devices, nothing.judged) == ([], 0, {})


def test_every_limit_has_a_value():
    packaged = pl.read_csv("schemas/reference/thresholds.csv", schema_overrides={"edition": pl.String})["name"]
    assert set(LIMITS) == {n for n in packaged if n.startswith("doctor_")}
