"""Other Smart Data Models by mapping alone: no line of code knows of them, a block of citylake.toml does.

What the models' own examples say is tested in tests/integration/test_real_standards.py.
"""

import json
import tomllib

from tests.landing.driver import Inbox

DOCKS = """
type = "BikeHireDockingStation"
[columns]
station_id = "id"
reported_at = { from = ["availableBikeNumber.observedAt", "observationDate"], combine = "first" }
vehicles_available = "availableBikeNumber"
docks_available = "freeSlotNumber"
is_renting = { from = "status", values = { working = "true", outOfService = "false" } }
"""
LAMPS = """
type = "Streetlight"
[columns]
meter_id = "id"
register = { constant = "lifetime" }
ended_at = { from = ["powerConsumption.observedAt", "observationDateTime"], combine = "first" }
interval_s = { constant = 3600 }
energy_kwh = { from = "powerConsumption", unit = "W", unit_from = "powerConsumption.unitCode" }
"""


def test_a_docking_station(inbox: Inbox) -> None:
    station = {
        "id": "urn:ngsi-ld:BikeHireDockingStation:12", "type": "BikeHireDockingStation",
        "status": {"type": "Property", "value": "working"}, "freeSlotNumber": {"type": "Property", "value": 10},
        "availableBikeNumber": {"type": "Property", "value": 20, "observedAt": "2026-05-01T08:00:00+05:30"},
    }  # fmt: skip
    inbox.put("a.json", json.dumps([station, {"id": "x", "type": "Vehicle"}]))
    inbox.land("bike_stations", uri="a.json", format="ngsi", **tomllib.loads(DOCKS))
    rows = inbox.raw("bike_stations").select("station_id", "reported_at", "vehicles_available", "docks_available", "is_renting")
    assert [(r[0], r[1].isoformat(), *r[2:]) for r in rows.rows()] == [
        ("urn:ngsi-ld:BikeHireDockingStation:12", "2026-05-01T02:30:00+00:00", 20, 10, True)
    ]
    assert inbox.codes("bike_stations") == []


def test_a_street_light_whose_power_becomes_energy(inbox: Inbox) -> None:
    lamps = [
        {"id": "l1", "type": "Streetlight", "powerConsumption": 80, "observationDateTime": "2026-05-01T02:00:00Z"},
        {
            "id": "l2", "type": "Streetlight", "observationDateTime": {"type": "DateTime", "value": "2026-05-01T02:00:00Z"},
            "powerConsumption": {"type": "Number", "value": 0.08, "metadata": {"unitCode": {"value": "KWT"}}},
        },
    ]  # fmt: skip
    inbox.put("a.json", json.dumps({"subscriptionId": "s", "data": lamps}))
    inbox.land("meter_readings", uri="a.json", format="ngsi", **tomllib.loads(LAMPS))
    assert inbox.raw("meter_readings").select("meter_id", "energy_kwh").rows() == [("l1", 0.08), ("l2", 0.08)]
    assert inbox.codes("meter_readings") == []
