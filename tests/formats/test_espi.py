"""Green Button documents, written from NAESB REQ.21: links, types, units, qualities, counters; and documents that are none."""

from typing import Any

import pytest

from tests.formats.decoding import read
from tests.landing.driver import Inbox
from tests.landing.test_samples import SAMPLES

START = 1767222000
POINT = "RetailCustomer/7/UsagePoint/3"
WIRES = ["UsagePoint", "MeterReading", "register", "timePeriod.end", "timePeriod.duration", "value", "value.delta",
         "value.cumulative", "uom", "quantity", "quality", "flowDirection"]  # fmt: skip
WH = {"accumulationBehaviour": 4, "commodity": 1, "flowDirection": 1, "powerOfTenMultiplier": 0, "uom": 72}


def reading(i: int = 0, value: Any = 810, duration: int | None = 3600, qualities: tuple[int, ...] = (), more: str = "") -> str:
    quality = "".join(f"<ReadingQuality><quality>{q}</quality></ReadingQuality>" for q in qualities)
    length = "" if duration is None else f"<duration>{duration}</duration>"
    period = f"<timePeriod>{length}<start>{START + 3600 * i}</start><timezone>-0500</timezone></timePeriod>"
    return f"<IntervalReading>{quality}{period}<value>{value}</value>{more}</IntervalReading>"


def block(*readings: str) -> str:
    interval = f"<interval><duration>86400</duration><start>{START}</start></interval>"
    return f'<IntervalBlock xmlns="http://naesb.org/espi">{interval}{"".join(readings)}</IntervalBlock>'


def entry(content: str, self: str = "", up: str = "", *related: str) -> str:
    links = [("self", self), ("up", up), *(("related", r) for r in related)]
    told = "".join(f'<link rel="{r}" href="{h}"/>' for r, h in links if h)
    return f"<entry>{told}<content>{content}</content></entry>"


def kind(number: int, **says: Any) -> str:
    inside = "".join(f"<{k}>{v}</{k}>" for k, v in says.items())
    return entry(f'<ReadingType xmlns="http://naesb.org/espi">{inside}</ReadingType>', f"ReadingType/{number}")


def series(number: int, of_type: int, *blocks: str, host: str = "") -> str:
    at = f"{POINT}/MeterReading/{number}"
    held = entry("".join(blocks), f"{at}/IntervalBlock/1", f"{at}/IntervalBlock") if blocks else ""
    empty = '<MeterReading xmlns="http://naesb.org/espi"/>'
    return held + entry(
        empty, f"{host}{at}", f"{POINT}/MeterReading", f"{host}{at}/IntervalBlock", f"{host}ReadingType/{of_type}"
    )


def feed(*entries: str) -> str:
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Green Button</title>{"".join(entries)}</feed>'


def rows(*parts: str, wires: tuple[str, ...] = ("register", "value", "uom", "quantity")) -> list[tuple]:
    found = read("meter_readings", "espi", list(wires), *parts)
    assert found.codes == []
    return found.wire.drop("_position").rows()


def test_links_are_followed_whatever_their_order_and_whether_they_are_absolute() -> None:
    host = "https://utility.example.org/DataCustodian/espi/1_1/resource/"
    near = feed(
        series(1, 1, block(reading(0))), series(2, 2, block(reading(0, 5))), kind(1, **WH), kind(2, **WH | {"flowDirection": 19})
    )
    far = feed(
        kind(2, **WH | {"flowDirection": 19}),
        series(2, 2, block(reading(0, 5)), host=host),
        kind(1, **WH),
        series(1, 1, block(reading(0)), host=host),
    )
    wanted = [("total", "810.0", "1"), ("received", "5.0", "19")]
    assert rows(near, wires=("register", "value", "flowDirection")) == wanted
    assert rows(far, wires=("register", "value", "flowDirection")) == wanted[::-1]
    assert {p for p, *_ in rows(near, far, wires=("UsagePoint", "MeterReading"))} == {POINT}


def test_times_are_epochs_whatever_the_time_zone_says_and_the_type_tells_a_length_that_the_reading_lacks() -> None:
    given = feed(series(1, 1, block(reading(2), reading(1, duration=None))), kind(1, **WH | {"intervalLength": 900}))
    assert rows(given, wires=("timePeriod.end", "timePeriod.duration")) == [
        (str(START + 3 * 3600), "3600"),
        (str(START + 3600 + 900), "900"),
    ]


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ({"powerOfTenMultiplier": 3}, ("total", "810000.0", "Wh", "energy")),
        ({"powerOfTenMultiplier": -3}, ("total", "0.81", "Wh", "energy")),
        ({"uom": 38, "powerOfTenMultiplier": 0}, ("total", "810.0", "W", "power")),
        ({"uom": 38, "dataQualifier": 8}, ("total", "810.0", "W", "other")),
        ({"uom": 38, "accumulationBehaviour": 12}, ("total", "810.0", "W", "other")),
        ({"uom": 31}, ("total", "810.0", "J", "energy")),
        ({"uom": 73}, ("total", "810.0", "73", "other")),
        ({"uom": 169, "commodity": 7}, ("total", "810.0", "169", "other")),
        ({"commodity": 9}, ("total", "810.0", "Wh", "other")),
        ({"uom": 4711}, ("total", "810.0", "4711", "unknown")),
        ({"flowDirection": 20}, ("other", "810.0", "Wh", "other")),
        ({"accumulationBehaviour": 3}, ("total.counter", "810.0", "Wh", "energy")),
        ({"phase": 64}, ("total.phase_b", "810.0", "Wh", "energy")),
        ({"phase": 769}, ("total", "810.0", "Wh", "energy")),
    ],
)  # fmt: skip
def test_a_type_says_what_its_readings_are(says: dict, expected: tuple) -> None:
    assert rows(feed(series(1, 1, block(reading())), kind(1, **WH | says))) == [expected]


def test_what_is_told_twice_is_energy_once() -> None:
    """Of received energy no register holds the others: days beside hours, and net beside gross, are left out."""
    given = feed(
        series(1, 1, block(reading(0, 5), reading(1, 6))), kind(1, **WH | {"flowDirection": 19}),
        series(2, 2, block(reading(0, 11, 86400))), kind(2, **WH | {"flowDirection": 19}),
        series(3, 3, block(reading(0, -5), reading(1, 7))), kind(3, **WH | {"flowDirection": 4}),
    )  # fmt: skip
    assert rows(given, wires=("register", "value", "flowDirection", "quantity")) == [
        ("received", "5.0", "19", "energy"), ("received", "6.0", "19", "energy"), ("received.daily", "11.0", "19", "other"),
        ("net", "5.0", "19", "other"), ("net", "7.0", "4", "other"),
    ]  # fmt: skip
    alone = feed(series(3, 3, block(reading(0, -5), reading(1, 7))), kind(3, **WH | {"flowDirection": 4}))
    assert rows(alone, wires=("value", "flowDirection", "quantity")) == [("5.0", "19", "energy"), ("7.0", "4", "energy")]


def test_the_worst_quality_counts_and_the_type_has_a_default() -> None:
    qualities = [(17,), (19, 8), (0, 10, 9), (), (99,)]
    given = feed(
        series(1, 1, block(*(reading(i, qualities=q) for i, q in enumerate(qualities)))), kind(1, **WH | {"defaultQuality": 14})
    )
    assert rows(given, wires=("quality",)) == [("17",), ("8",), ("10",), ("14",), ("99",)]


def test_what_has_no_data_says_nothing() -> None:
    gas = kind(2, commodity=7, uom=169)
    assert rows(feed(kind(1, **WH), gas)) == []
    assert rows(feed(kind(1, **WH), gas, series(1, 1), series(2, 2, block()))) == []
    assert rows(feed()) == []
    assert (
        rows(feed(series(1, 1, block(reading()), block(), block(reading(1))), kind(1, **WH), gas))
        == [("total", "810.0", "Wh", "energy")] * 2
    )


def test_a_document_that_is_none_is_one_fault_and_costs_no_other() -> None:
    good = feed(series(1, 1, block(reading())), kind(1, **WH))
    bad = [good[:-60], "no xml", "", "<html><body/></html>", feed(entry("<p>news</p>")), f'<!DOCTYPE a [<!ENTITY b "c">]>{good}']
    found = read("meter_readings", "espi", ["value"], good, *bad, good)
    assert found.codes == ["malformed"] * 6
    assert found.column("value") == ["810.0", "810.0"]
    assert found.payload(1) == bad[0]
    assert "<value>810</value>" in found.payload(0) and "title" not in found.payload(0)


def test_depth_is_bounded() -> None:
    assert read("meter_readings", "espi", ["value"], "<feed>" + "<a>" * 5000).codes == ["malformed"]


def land(inbox: Inbox, *parts: str, **block_of_source: Any) -> list[tuple]:
    for i, part in enumerate(parts):
        inbox.put(f"{i}.xml", part)
    inbox.land("meter_readings", uri="*.xml", format="espi", **block_of_source)
    assert inbox.off_by() == 0
    return (
        inbox.raw("meter_readings").select("register", "energy_kwh", "reading_kwh", "interval_s", "quality", "direction").rows()
    )


def test_the_sample_lands_with_its_units_and_directions(inbox: Inbox) -> None:
    assert land(inbox, (SAMPLES / "meter_readings" / "espi" / "both_ways.pass.xml").read_text()) == [
        ("total", 0.00125, None, 900, "valid", "delivered"),
        ("total", pytest.approx(0.0013), None, 900, "estimated", "delivered"),
        ("total", 0.0, None, 900, "valid", "delivered"),
        ("received", 2.0, None, 900, "valid", "received"),
    ]
    (meter,) = inbox.raw("meter_readings")["meter_id"].unique()
    assert len(meter) == 32 and meter != "7"


def test_mean_power_becomes_energy_and_a_counter_stays_a_counter(inbox: Inbox) -> None:
    power = feed(series(1, 1, block(reading(0, 2, 900))), kind(1, **WH | {"uom": 38, "powerOfTenMultiplier": 3}))
    counter = feed(series(1, 1, block(reading(5, 48213, 0))), kind(1, **WH | {"accumulationBehaviour": 1}))
    assert land(inbox, power, counter) == [
        ("total", 0.5, None, 900, "valid", "delivered"),
        ("total.counter", None, 48.213, 0, "valid", "delivered"),
    ]


def test_other_commodities_are_filtered_and_unknown_units_refused(inbox: Inbox) -> None:
    gas = feed(series(1, 1, block(reading(0), reading(1))), kind(1, commodity=7, uom=169))
    odd = feed(series(1, 1, block(reading(2))), kind(1, **WH | {"uom": 4711}))
    assert land(inbox, gas, odd, block(reading(3))) == []
    assert inbox.codes("meter_readings") == [("unknown_unit", "energy_kwh")] * 2
    assert inbox.refused("meter_readings")["found"].sort().to_list() == ["4711", "none"]


def test_a_block_alone_needs_to_be_told_its_meter_and_unit(inbox: Inbox) -> None:
    columns = {"meter_id": {"constant": "M1"}, "energy_kwh": {"from": "value", "unit": "Wh"}}
    assert land(inbox, block(reading(0), reading(1, "12.5")), columns=columns) == [
        ("total", 0.81, None, 3600, "valid", "delivered"),
        ("total", 0.0125, None, 3600, "valid", "delivered"),
    ]


@pytest.mark.parametrize(
    ("bad", "code", "column"),
    [
        (reading(0, "many"), "wrong_type", "energy_kwh"),
        (reading(0, -1), "out_of_range", "energy_kwh"),
        (reading(0, 1, 0), "rule_broken", "energy_has_interval"),
        (reading(0, 1, 2678400), "out_of_range", "interval_s"),
        (reading(0, qualities=(99,)), "not_allowed", "quality"),
        (reading(0).replace(str(START), "yesterday"), "wrong_type", "ended_at"),
        (reading(0).replace("<value>810</value>", ""), "rule_broken", "says_something"),
    ],
)
def test_a_broken_reading_costs_itself(inbox: Inbox, bad: str, code: str, column: str) -> None:
    good = [reading(i) for i in range(1, 100)]
    found = land(inbox, feed(series(1, 1, block(*good[:50], bad, *good[50:])), kind(1, **WH)))
    assert len(found) == 99
    assert inbox.codes("meter_readings") == [(code, column)]
    assert inbox.refused("meter_readings")["payload"][0].startswith("<IntervalReading")
