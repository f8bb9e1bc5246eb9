"""The Smart Data Models' own examples and publications of DATEX II: what lands, what does not, and what breaks its own schema."""

import json
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from jsonschema import Draft202012Validator

from schemas import ledger
from tests.formats.decoding import read
from tests.formats.test_other_models import DOCKS, LAMPS
from tests.integration import chosen
from tests.integration.chosen import DATA, Query
from tests.landing.conftest import inbox
from tests.landing.driver import Inbox

__all__ = ["inbox"]
FIWARE, DATEX2 = DATA / "fiware", DATA / "datex2_v3_eu"
NAMES = ("bison_fute", "fiware_flow", "fiware_off_street", "fiware_on_street", "fiware_bay")

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory):
    return chosen.built(tmp_path_factory.mktemp("standards") / "lake", *NAMES)


@pytest.fixture(scope="module")
def query(city) -> Query:
    return chosen.query(city)


@pytest.mark.slow
def test_the_books_balance(city, query: Query) -> None:
    books = ledger.balance(city.lake)
    assert books["off_by"].sum() == 0
    landed = books.filter(pl.col("stage") == "land").group_by("feed").agg(pl.col("taken", "kept", "rejected").sum()).sort("feed")
    assert landed.rows() == [("parking_occupancy", 15, 13, 2), ("traffic_flow", 6, 6, 0)]
    refused = query('SELECT code, "column", count(*) FROM quarantine_parking_occupancy GROUP BY ALL')
    assert refused == [("missing", "observed_at", 2)]


@pytest.mark.slow
def test_french_sites_keep_their_time_and_their_values(query: Query) -> None:
    rows = query(
        "SELECT sensor_id, observed_at::VARCHAR, interval_s, vehicle_count, mean_speed_kmh, occupancy_share "
        "FROM raw_traffic_flow WHERE interval_s = 360 ORDER BY 1"
    )
    # 2026-07-25T08:30+02:00; 1420 and 1010 vehicles an hour over six minutes
    assert rows == [
        ("A0001011200#0", "2026-07-25 06:30:00+00", 360, 142, 85.0, None),
        ("MUM76.h1#0", "2026-07-25 06:30:00+00", 360, 101, 112.0, None),
    ]


@pytest.mark.slow
def test_a_traffic_flow_says_the_same_in_four_representations(query: Query) -> None:
    rows = query(
        "SELECT sensor_id, count(*), count(DISTINCT (lane, observed_at::VARCHAR, interval_s, vehicle_count, mean_speed_kmh, "
        "occupancy_share)), any_value((lane, observed_at::VARCHAR, interval_s, vehicle_count, mean_speed_kmh, occupancy_share)) "
        "FROM raw_traffic_flow WHERE interval_s = 300 GROUP BY 1 ORDER BY 1"
    )
    said = (1, "2016-12-07 11:10:00+00", 300, 197, 52.6, 0.76)
    name = "TrafficFlowObserved-Valladolid-osm-60821110"
    assert rows == [(name, 2, 1, said), (f"urn:ngsi-ld:TrafficFlowObserved:{name}", 2, 1, said)]


@pytest.mark.slow
def test_car_parks_and_bays(query: Query) -> None:
    rows = query(
        "SELECT split_part(facility_id, ':', -1), observed_at::VARCHAR, occupied, capacity, out_of_service, count(*) "
        "FROM raw_parking_occupancy GROUP BY ALL ORDER BY 1, 2"
    )
    assert rows == [
        ("3", "2018-09-21 10:00:00+00", 0, 1, False, 1),  # a time without offset is Spain's
        ("3", "2018-09-21 12:00:00+00", 0, 1, False, 2),
        ("daoiz_velarde_1_5", "2018-09-12 10:00:00+00", 3, 6, None, 1),
        ("daoiz_velarde_1_5", "2018-09-12 12:00:00+00", 3, 6, None, 2),
        ("daoiz_velarde_1_5", "2021-03-11 15:51:02+00", 3, 6, None, 2),  # without metadata only the entity's time is left
        ("porto-ParkingLot-23889", "2018-09-21 12:00:00+00", 282, 414, None, 5),
    ]


@pytest.mark.parametrize(
    ("feed", "model", "block", "column", "value"),
    [
        ("bike_stations", "Transportation/BikeHireDockingStation", DOCKS, "vehicles_available", 20),
        ("meter_readings", "Streetlighting/Streetlight", LAMPS, "energy_kwh", 0.01),
    ],
)
def test_other_models_land_by_mapping_alone(inbox: Inbox, feed: str, model: str, block: str, column: str, value: Any) -> None:
    examples = sorted((FIWARE / model / "examples").iterdir())
    for example in examples:
        inbox.put(example.name, example.read_bytes())
    inbox.land(feed, uri="example*", format="ngsi", **tomllib.loads(block))
    assert inbox.raw(feed)[column].to_list() == [value] * len(examples)
    assert inbox.codes(feed) == []


FOREIGN = {
    "finland__roadworks.xml": "SituationPublication",
    "france__dialog-regulations.xml": "TrafficRegulationPublication",
    "france__events.xml": "SituationPublication",
    "netherlands__emission-zones.xml": "ControlledZoneTablePublication",
    "netherlands__situations.xml": "SituationPublication",
    "netherlands__srti.xml": "SituationPublication",
    # not read as occupancy: its car parks contradict themselves (576 vacant, none occupied, 62.6 %; another has -30 %)
    "netherlands__truckparking-status.xml": "ParkingStatusPublication",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_publications_of_other_things_land_nothing_and_say_what_they_are(name: str) -> None:
    for feed in ("traffic_flow", "travel_time"):
        found = read(feed, "datex2", ["measurementSiteReference"], (DATEX2 / name).read_bytes())
        assert (found.wire.height, found.codes) == (0, ["malformed"])
        assert found.faults.select("expected", "found").rows() == [("measured data", FOREIGN[name])]


def test_every_publication_that_is_here_is_looked_at() -> None:
    assert {p.name for p in DATEX2.glob("*.xml")} == {*FOREIGN, "france__speeds.xml"}


def within(node: Any) -> Any:
    """A schema without what stands in other files."""
    if isinstance(node, list):
        return [within(n) for n in node]
    if isinstance(node, dict):
        return {} if str(node.get("$ref", "")).startswith("https://") else {k: within(v) for k, v in node.items()}
    return node


def simplified(entity: dict) -> dict:
    """An entity of any representation as the schemas describe it: attributes are their values."""
    if entity.get("type") == "Feature":
        entity = {"id": entity["id"], **entity["properties"]}

    def value(attribute: Any) -> Any:
        if isinstance(attribute, dict) and "type" in attribute and ("value" in attribute or "object" in attribute):
            inner = attribute.get("value", attribute.get("object"))
            return inner.get("@value", inner) if isinstance(inner, dict) else inner
        return attribute

    return {k: value(v) for k, v in entity.items()}


def test_which_examples_break_their_own_schema() -> None:
    broken: dict[str, set[str]] = {}
    for model in sorted(p.parent for p in FIWARE.glob("*/*/schema.json")):
        schema = Draft202012Validator(within(json.loads((model / "schema.json").read_text("utf-8"))))
        for example in sorted((model / "examples").iterdir()):
            errors = schema.iter_errors(simplified(json.loads(example.read_text("utf-8"))))
            names = {str(e.absolute_path[0]) for e in errors}
            if names:
                broken[f"{model.name}/{example.name}"] = names
    assert broken == {
        "AirQualityObserved/example-geojsonfeature.json": {"windDirection"},
        "AirQualityObserved/example-normalized.json": {"precipitation", "tsp"},
        "AirQualityObserved/example-normalized.jsonld": {"windDirection", "tsp"},
        "AirQualityObserved/example.json": {"tsp"},
        "Vehicle/example-normalized.json": {"currentTripCount"},
        "Vehicle/example-normalized.jsonld": {"deviceBatteryStatus", "vehicleAltitude"},
    }


def test_no_example_breaks_the_decoder() -> None:
    examples = sorted(Path(p) for p in FIWARE.glob("*/*/examples/*"))
    for example in examples:
        found = read("traffic_flow", "ngsi", ["id", "type", "location.lon"], example.read_bytes())
        assert (found.wire.height, found.codes) == (1, []), example
