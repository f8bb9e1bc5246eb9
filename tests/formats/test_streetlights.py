"""Street lights and their cabinets as NGSI brokers send them. Documents of one fault each are in tests/samples/streetlights."""

import json

from tests.landing.driver import Inbox

AT = "2026-03-10T19:05:00Z"


def landed(inbox: Inbox, entities: list[dict], kind: str, *columns: str) -> list[tuple]:
    inbox.put("a.json", json.dumps(entities))
    inbox.land("streetlights", uri="a.json", format="ngsi", type=kind)
    return inbox.raw("streetlights").sort("lamp_id").select(*columns).rows()


def test_a_cabinet_is_one_row_in_watts_under_its_own_id(inbox: Inbox) -> None:
    cabinets = [
        {"id": "c1", "type": "StreetlightControlCabinet", "totalActivePower": 10.5, "energyConsumed": 162456, "dateModified": AT},
        {
            "id": "c2", "type": "StreetlightControlCabinet",
            "totalActivePower": {"type": "Property", "value": 9500, "unitCode": "WTT", "observedAt": AT},
        },
        {"id": "c3", "type": "StreetlightControlCabinet", "energyConsumed": 12, "dateLastProgramming": AT},
        {"id": "l1", "type": "Streetlight", "powerState": "on", "dateModified": AT},
    ]  # fmt: skip
    rows = landed(inbox, cabinets, "StreetlightControlCabinet", "lamp_id", "device_kind", "power_w", "energy_total_kwh")
    assert rows == [("c1", "cabinet", 10500.0, 162456.0), ("c2", "cabinet", 9500.0, None)]
    assert inbox.codes("streetlights") == [("missing", "observed_at")]  # when it was programmed is not when it was read


def test_states_of_lamps(inbox: Inbox) -> None:
    words = {"on": "on", "off": "off", "low": "low", "bootingUp": "booting_up"}
    lamps = [{"id": w, "type": "Streetlight", "powerState": w, "observationDateTime": AT} for w in words]
    lamps += [{"id": "dead", "type": "Streetlight", "status": "defectiveLamp", "dateModified": AT, "illuminanceLevel": 0}]
    rows = landed(inbox, lamps, "Streetlight", "lamp_id", "power_state", "status", "dim_share", "device_kind")
    assert rows == sorted(
        [*((w, s, None, None, "lamp") for w, s in words.items()), ("dead", None, "defective_lamp", 0.0, "lamp")]
    )


def test_the_same_state_polled_again_is_one_key(inbox: Inbox) -> None:
    lamp = {"id": "l", "type": "Streetlight", "powerState": {"type": "Property", "value": "on", "observedAt": AT}}
    rows = landed(inbox, [lamp, lamp | {"status": {"type": "Property", "value": "ok"}}], "Streetlight", "observed_at", "status")
    assert len({at for at, _ in rows}) == 1 and len(rows) == 2


def test_json_in_the_lakes_own_names_needs_no_mapping(inbox: Inbox) -> None:
    rows = [
        {"lamp_id": "l1", "observed_at": AT, "power_state": "on", "power_w": 79.5, "energy_total_kwh": 12.25},
        {"lamp_id": "l2", "observed_at": AT, "power_state": "off", "colour": "warm"},
    ]
    inbox.put("a.json", json.dumps(rows))
    inbox.land("streetlights", uri="a.json", format="json")
    found = inbox.raw("streetlights").sort("lamp_id").select("lamp_id", "device_kind", "power_state", "power_w")
    assert found.rows() == [("l1", "lamp", "on", 79.5), ("l2", "lamp", "off", None)]
    assert inbox.codes("streetlights") == []
