"""NGSIv2 and NGSI-LD, written from the standards' own text: whatever the representation, an entity says the same."""

import json
from typing import Any

import pytest

from tests.formats.decoding import read
from tests.landing.driver import Inbox

AT = "2026-05-01T08:00:00Z"
WIRES = ["id", "type", "speed", "speed.unitCode", "speed.observedAt", "location.lon", "location.lat", "owner"]
SAME = ("e1", "Thing", "12.5", "KMH", AT, "13.4", "52.5", "o1")
POINT = {"type": "Point", "coordinates": [13.4, 52.5]}

V2 = {
    "id": "e1",
    "type": "Thing",
    "speed": {
        "type": "Number",
        "value": 12.5,
        "metadata": {"unitCode": {"type": "Text", "value": "KMH"}, "timestamp": {"type": "DateTime", "value": AT}},
    },
    "location": {"type": "geo:json", "value": POINT, "metadata": {}},
    "owner": {"type": "Text", "value": "o1", "metadata": {}},
}
LD = {
    "id": "e1",
    "type": "Thing",
    "speed": {"type": "Property", "value": 12.5, "unitCode": "KMH", "observedAt": AT},
    "location": {"type": "GeoProperty", "value": POINT},
    "owner": {"type": "Relationship", "object": "o1"},
    "@context": "https://example.org/context.jsonld",
}
CONCISE = {
    "id": "e1",
    "type": "Thing",
    "speed": {"value": 12.5, "unitCode": "KMH", "observedAt": AT},
    "location": POINT,
    "owner": {"object": "o1"},
}
SIMPLE = {"id": "e1", "type": "Thing", "speed": 12.5, "location": POINT, "owner": "o1"}
FEATURE = {"id": "e1", "type": "Feature", "geometry": POINT, "properties": {k: v for k, v in LD.items() if k != "id"}}


def ask(*parts: Any, wires: list[str] | None = None) -> Any:
    return read("traffic_flow", "ngsi", wires or WIRES, *parts)


def one(part: Any, wires: list[str] | None = None) -> tuple:
    return ask(part, wires=wires).wire.drop("_position").row(0)


@pytest.mark.parametrize("entity", [V2, LD, CONCISE, FEATURE], ids=["v2", "ld", "concise", "geojson"])
def test_one_entity_in_each_representation(entity: dict) -> None:
    assert one(entity) == SAME


def test_simplified_entities_carry_no_metadata() -> None:
    assert one(SIMPLE) == ("e1", "Thing", "12.5", None, None, "13.4", "52.5", "o1")


@pytest.mark.parametrize(
    "envelope",
    [
        lambda e: e,
        lambda e: [e],
        lambda e: {"subscriptionId": "s", "data": [e]},
        lambda e: {"id": "urn:n", "type": "Notification", "subscriptionId": "s", "notifiedAt": AT, "data": [e]},
        lambda e: {"actionType": "append", "entities": [e]},
    ],
    ids=["alone", "array", "notification v2", "notification ld", "batch"],
)
@pytest.mark.parametrize("entity", [V2, LD, CONCISE], ids=["v2", "ld", "concise"])
def test_envelopes(envelope: Any, entity: dict) -> None:
    assert one(envelope(entity)) == SAME


def test_geojson_collections_and_notifications_of_them() -> None:
    collection = {"type": "FeatureCollection", "features": [FEATURE]}
    assert one(collection) == SAME
    assert one({"id": "n", "subscriptionId": "s", "data": collection}) == SAME


def test_an_attribute_called_data_is_no_envelope() -> None:
    for entity in ({**LD, "data": {"type": "Property", "value": [1]}}, {**SIMPLE, "data": [1, 2], "entities": ["a"]}):
        assert one(entity)[:3] == ("e1", "Thing", "12.5")


def test_kinds_of_values() -> None:
    entity = {
        "id": "e", "type": ["First", "Second"], "typed": {"type": "Property", "value": {"@type": "DateTime", "@value": AT}},
        "term": {"type": "VocabProperty", "vocab": "open"}, "deleted": {"type": "Property", "value": "urn:ngsi-ld:null"},
        "empty": {"type": "Number", "value": None, "metadata": {}}, "flag": {"type": "Boolean", "value": False},
        "list": {"type": "Property", "value": ["a", "b"]}, "place": {"type": "Property", "value": {"street": "Main"}},
        "many": [{"type": "Property", "value": 1}, {"value": 2, "datasetId": "d"}],
        "owner": {"value": "o", "since": {"type": "Property", "value": 7}},
    }  # fmt: skip
    wires = ["type", "typed", "term", "deleted", "empty", "flag", "list", "many", "place.street", "owner.since", "absent"]
    expected = ("First", AT, "open", None, None, "false", '["a","b"]', "1", "Main", "7", None)
    assert one(entity, wires) == expected


def test_a_type_that_is_a_uri_ends_in_its_name() -> None:
    assert one({"id": "e", "type": "https://uri.etsi.org/ngsi-ld/default-context/Thing"}, ["type"]) == ("Thing",)
    assert one({"id": "e", "type": "https://example.org/models#Thing"}, ["type"]) == ("Thing",)


def test_places_are_points_only() -> None:
    line = {"type": "LineString", "coordinates": [[13.4, 52.5], [13.5, 52.6]]}
    wires = ["location.lon", "location.lat"]
    assert one({"id": "e", "location": {"type": "GeoProperty", "value": line}}, wires) == (None, None)
    assert one({"id": "e", "location": line}, wires) == (None, None)
    assert one({"id": "e", "location": {"type": "geo:point", "value": "52.5, 13.4"}}, wires) == ("13.4", "52.5")


@pytest.mark.parametrize(
    ("attributes", "start", "end"),
    [
        ({"seen": "2026-05-01T08:00:00/2026-05-01T08:05:00"}, "2026-05-01T08:00:00", "2026-05-01T08:05:00"),
        ({"seen": {"type": "Property", "value": f"{AT}/2026-05-01T08:05:00Z"}}, AT, "2026-05-01T08:05:00Z"),
        ({"seen": AT}, AT, None),
        ({"seenFrom": AT, "seenTo": "2026-05-01T08:05:00Z"}, AT, "2026-05-01T08:05:00Z"),
        # the two attributes stand for the interval: one says it with an offset, the other without
        ({"seen": "2026-05-01T08:00:00", "seenFrom": AT, "seenTo": "2026-05-01T08:05:00Z"}, AT, "2026-05-01T08:05:00Z"),
        ({"seen": AT, "seenTo": "2026-05-01T08:05:00Z"}, AT, "2026-05-01T08:05:00Z"),
        ({}, None, None),
    ],
)
def test_intervals(attributes: dict, start: str | None, end: str | None) -> None:
    assert one({"id": "e", **attributes}, ["seen", "seen.end"]) == (start, end)


def test_a_broken_entity_costs_itself_and_a_broken_document_itself() -> None:
    found = ask([SIMPLE, 5, SIMPLE], '{"id": "e1", "type"', SIMPLE, b'\xff{"id": 1}', [], "[" * 1001 + "]" * 1001)
    assert found.wire["_position"].to_list() == [0, 2, 4]
    assert dict(zip(found.faults["_position"], found.codes, strict=True)) == {
        1: "malformed", 3: "malformed", 5: "not_utf8", 6: "over_limit",
    }  # fmt: skip
    assert found.decoded.documents.tolist() == [0, 0, 0, 1, 2, 3, 5]
    assert json.loads(found.payload(0)) == SIMPLE
    assert (found.payload(1), found.payload(3), found.payload(5)) == ("5", '{"id": "e1", "type"', '\\xff{"id": 1}')


def test_hostile_json_is_read_or_refused() -> None:
    entity = '{"id":"e\\u0000","speed":123456789012345678901234567890,"speed":2,"owner":NaN,"x":1e999,}'
    assert one(entity, ["id", "speed", "owner", "x"]) == ("e\0", "123456789012345678901234567890", "NaN", "1e999")


def test_a_unit_of_each_row_is_honoured(inbox: Inbox) -> None:
    base = {"type": "TrafficFlowObserved", "dateObserved": f"{AT}/2026-05-01T08:05:00Z"}
    codes = {"KMH": 36.0, "MTS": 10.0, "HM": 10.0}
    entities = [
        {
            "id": code,
            **base,
            "averageVehicleSpeed": {"value": value, "unitCode": code},
            "occupancy": {"value": 25, "unitCode": "P1"},
        }
        for code, value in codes.items()
    ]
    inbox.put("a.json", json.dumps(entities))
    inbox.land("traffic_flow", uri="a.json", format="ngsi")
    raw = inbox.raw("traffic_flow")
    assert raw["mean_speed_kmh"].round(5).to_list() == [36.0, 36.0, 16.09344]
    assert raw["occupancy_share"].to_list() == [0.25] * 3


def test_intensity_is_the_number_of_the_period_and_the_type_is_one_of_several(inbox: Inbox) -> None:
    flow = {"id": "a", "type": "TrafficFlowObserved", "dateObserved": f"{AT}/2026-05-01T08:15:00Z", "intensity": 197}
    inbox.put("a.json", json.dumps({"subscriptionId": "s", "data": [flow, {"id": "b", "type": "Bench"}]}))
    inbox.land("traffic_flow", uri="a.json", format="ngsi")
    raw = inbox.raw("traffic_flow")
    assert raw.select("sensor_id", "interval_s", "vehicle_count").rows() == [("a", 900, 197)]
    assert inbox.codes("traffic_flow") == []


def test_bays_of_a_car_park(inbox: Inbox) -> None:
    states = {"free": (0, False), "occupied": (1, False), "closed": (None, True)}
    bays = [
        {"id": s, "type": "ParkingSpot", "status": {"type": "Property", "value": s, "observedAt": AT}}
        for s in (*states, "unknown")
    ]
    inbox.put("a.json", json.dumps(bays))
    inbox.land("parking_occupancy", uri="a.json", format="ngsi", type="ParkingSpot")
    raw = inbox.raw("parking_occupancy")
    assert {r[0]: r[1:] for r in raw.select("facility_id", "occupied", "out_of_service").rows()} == states
    assert inbox.codes("parking_occupancy") == [("rule_broken", "something_said")]
    assert raw["capacity"].to_list() == [1, 1, 1]
