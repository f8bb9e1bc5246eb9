"""SensorThings API 1.1, written from the standard's own text (OGC 18-088): Observations in each of the ways they come."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.formats.decoding import read
from tests.landing.driver import Inbox
from tests.live.belt import Belt, messages

FIVE = "2026-05-01T08:00:00.000Z/2026-05-01T08:05:00.000Z"
WIRES = ["@iot.id", "phenomenonTime", "phenomenonTime.end", "resultTime", "result", "Datastream.@iot.id", "unit"]


def observation(result: Any = 41, symbol: str = "km/h", **more: Any) -> dict:
    unit = {"name": "kilometre per hour", "symbol": symbol, "definition": "ucum:km/h"}
    stream = {"@iot.id": 7, "name": "Speed", "unitOfMeasurement": unit, "Thing": {"name": "Ring", "@iot.id": 2}}
    return {"@iot.id": 1, "phenomenonTime": FIVE, "resultTime": None, "result": result, "Datastream": stream, **more}


def ask(*parts: Any, wires: list[str] | None = None) -> Any:
    return read("traffic_flow", "sensorthings", wires or WIRES, *parts)


def one(part: Any, *wires: str) -> tuple:
    return ask(part, wires=list(wires) or None).wire.drop("_position").row(0)


@pytest.mark.parametrize(
    "envelope", [lambda o: o, lambda o: [o], lambda o: {"@iot.count": 1, "value": [o], "@iot.nextLink": "x"}]
)
def test_one_observation_in_each_envelope(envelope: Any) -> None:
    times = FIVE.split("/")
    assert one(envelope(observation())) == ("1", times[0], times[1], None, "41", "7", "km/h")


@pytest.mark.parametrize(
    ("result", "text"),
    [(41, "41"), (4.5, "4.5"), ("4.5", "4.5"), (True, "true"), ({"a": 1}, '{"a":1}'), ([1, 2], "[1,2]"), (None, None)],
)
def test_results_of_each_type(result: Any, text: str | None) -> None:
    assert one(observation(result), "result") == (text,)


def test_an_instant_has_no_end() -> None:
    assert one(observation(phenomenonTime="2026-05-01T08:00:00Z"), "phenomenonTime", "phenomenonTime.end") == (
        "2026-05-01T08:00:00Z", None,
    )  # fmt: skip


def test_the_datastream_may_be_told_by_its_link() -> None:
    bare = {k: v for k, v in observation().items() if k != "Datastream"}
    for key, link in (
        ("Datastream@iot.navigationLink", "https://example.org/v1.1/Datastreams(9)"),
        ("Datastream@iot.navigationLink", "https://example.org/v1.1/Datastreams('loop 9')"),
        ("Datastream@iot.navigationLink", "https://example.org/v1.1/Observations(1)/Datastream"),
    ):
        expected = None if link.endswith("Datastream") else "loop 9" if "'" in link else "9"
        assert one({**bare, key: link}, "Datastream.@iot.id") == (expected,)


def test_what_is_expanded_is_reached_by_its_path() -> None:
    wires = ("Datastream.name", "Datastream.Thing.@iot.id", "Datastream.Thing.name", "Datastream.ObservedProperty.name")
    assert one(observation(), *wires) == ("Speed", "2", "Ring", None)


@pytest.mark.parametrize(
    ("unit", "known"),
    [
        ({"symbol": "km/h", "name": "x", "definition": "y"}, "km/h"),
        ({"symbol": "kilometres an hour", "name": "KMH", "definition": "y"}, "KMH"),
        ({"symbol": "?", "name": "?", "definition": "ucum:km/h"}, "km/h"),
        ({"symbol": "", "name": "", "definition": "https://example.org/units#MTS"}, "MTS"),
        ({"symbol": "furlong/fortnight", "name": None, "definition": None}, "furlong/fortnight"),
        ({}, None),
    ],
)
def test_the_unit_is_whichever_of_the_three_is_known(unit: dict, known: str | None) -> None:
    part = observation()
    part["Datastream"]["unitOfMeasurement"] = unit
    assert one(part, "unit") == (known,)


def test_a_result_goes_where_its_unit_belongs(inbox: Inbox) -> None:
    parts = []
    for number, (value, symbol) in enumerate([(10, "m/s"), (25, "%"), (41, "vehicles"), (12, "1"), (9, "furlong")]):
        part = observation(value, symbol)
        part["Datastream"] = {"@iot.id": number, "unitOfMeasurement": {"symbol": symbol}}
        parts.append(part)
    inbox.put("a.json", json.dumps({"value": parts}))
    inbox.land("traffic_flow", uri="a.json", format="sensorthings")
    rows = (
        inbox.raw("traffic_flow").select("sensor_id", "interval_s", "vehicle_count", "mean_speed_kmh", "occupancy_share").rows()
    )
    assert rows == [("0", 300, None, 36.0, None), ("1", 300, None, None, 0.25), ("2", 300, 41, None, None)]
    # a bare 1 may be a share or a number, and a furlong is neither: somebody has to say which
    assert inbox.codes("traffic_flow") == [("rule_broken", "something_measured")] * 2


def test_who_knows_better_maps_the_result_himself(inbox: Inbox) -> None:
    inbox.put("a.json", json.dumps(observation(12, "1")))
    inbox.land("traffic_flow", uri="a.json", format="sensorthings", columns={"vehicle_count": "result"})
    assert inbox.raw("traffic_flow")["vehicle_count"].to_list() == [12]


def test_broken_ones_cost_themselves() -> None:
    found = ask({"value": [observation(), None, observation()]}, '{"value": [', {"value": []}, b"\x00", observation())
    assert found.wire["_position"].to_list() == [0, 2, 5]
    assert found.codes == ["malformed"] * 3
    assert found.decoded.documents.tolist() == [0, 0, 0, 1, 3, 4]


def test_messages_of_mqtt_are_single_observations_whose_topic_names_the_datastream(tmp_path: Path) -> None:
    belt = Belt(tmp_path, "traffic_flow", block={"format": "sensorthings", "columns": {"vehicle_count": "result"}})
    bare = {k: v for k, v in observation(12).items() if k != "Datastream"}
    topics = ["v1.1/Datastreams(5)/Observations", "v1.1/Datastreams('ring 4')/Observations", "v1.1/Observations"]
    belt.land(messages([json.dumps(bare).encode()] * 3, topics=topics))
    assert belt.raw().sort("_position").select("sensor_id", "vehicle_count").rows() == [("5", 12), ("ring 4", 12)]
    assert belt.refused().select("code", "column").rows() == [("missing", "sensor_id")]
    assert belt.off_by() == 0
