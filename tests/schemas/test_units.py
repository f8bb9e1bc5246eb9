"""Units: every conversion against a value worked by hand."""

import polars as pl
import pytest

from schemas import registry
from schemas.units import CONVERSIONS, accepted, conversion

# lake unit, incoming unit, incoming value, interval in s, value in the lake
CASES = [
    ("km/h", "mph", 60.0, None, 96.56064),
    ("km/h", "m/s", 10.0, None, 36.0),
    ("km/h", "knot", 10.0, None, 18.52),
    ("km/h", "km/h", 50.0, None, 50.0),
    ("share", "percent", 12.5, None, 0.125),
    ("share", "permille", 125.0, None, 0.125),
    ("share", "share", 0.5, None, 0.5),
    ("kWh", "Wh", 1500.0, None, 1.5),
    ("kWh", "MWh", 0.5, None, 500.0),
    ("kWh", "MJ", 3.6, None, 1.0),
    ("kWh", "J", 7.2e6, None, 2.0),
    ("kWh", "W", 2000.0, 1800, 1.0),
    ("kWh", "kW", 2.0, 900, 0.5),
    ("kWh", "MW", 1.0, 3600, 1000.0),
    ("kWh", "kWh", 7.0, None, 7.0),
    ("veh", "veh/h", 1200.0, 300, 100.0),
    ("veh", "veh", 4.0, None, 4.0),
    ("s", "ms", 2500.0, None, 2.5),
    ("s", "min", 2.0, None, 120.0),
    ("s", "h", 2.0, None, 7200.0),
    ("s", "s", 2.0, None, 2.0),
    ("m", "km", 1.5, None, 1500.0),
    ("m", "ft", 10.0, None, 3.048),
    ("m", "mi", 1.0, None, 1609.344),
    ("m", "m", 1.0, None, 1.0),
    ("deg", "deg", 52.5, None, 52.5),
    ("W", "W", 80.0, None, 80.0),
    ("W", "kW", 0.08, None, 80.0),
    ("W", "MW", 1.5, None, 1.5e6),
    ("ug/m3", "ug/m3", 12.5, None, 12.5),
    ("ug/m3", "mg/m3", 0.069, None, 69.0),
    ("ug/m3", "ng/m3", 250.0, None, 0.25),
    ("dB(A)", "dB(A)", 67.8, None, 67.8),
]


@pytest.mark.parametrize(("lake", "incoming", "value", "interval_s", "expected"), CASES)
def test_a_value_becomes_the_lakes_own(lake: str, incoming: str, value: float, interval_s: int | None, expected: float) -> None:
    found = conversion(lake, incoming)
    assert found is not None
    frame = pl.DataFrame({"v": [value], "s": [interval_s]}, schema={"v": pl.Float64, "s": pl.Int64})
    assert frame.select(found.apply(pl.col("v"), pl.col("s"))).item() == pytest.approx(expected, rel=1e-12)


def test_every_conversion_has_a_case() -> None:
    assert {(lake, incoming) for lake, incoming, *_ in CASES} == {(k, i) for k, v in CONVERSIONS.items() for i in v}


def test_a_rate_without_interval_is_empty_not_wrong() -> None:
    frame = pl.DataFrame({"v": [2.0], "s": [None]}, schema={"v": pl.Float64, "s": pl.Int64})
    found = conversion("kWh", "kW")
    assert found is not None
    assert frame.select(found.apply(pl.col("v"), pl.col("s"))).item() is None


def test_units_that_do_not_fit_have_no_conversion() -> None:
    assert conversion("km/h", "kWh") is None
    assert conversion(None, "kWh") is None
    assert conversion("veh km", None) == conversion("veh km", "veh km")
    assert accepted("veh km") == ["veh km"]
    assert accepted(None) == []
    assert "mph" in accepted("km/h")


@pytest.mark.parametrize("feed", registry.feeds())
def test_every_unit_of_a_feed_can_be_sent_as_it_is(feed: str) -> None:
    assert all(c.unit in accepted(c.unit) for c in registry.feeds()[feed].columns if c.unit)
