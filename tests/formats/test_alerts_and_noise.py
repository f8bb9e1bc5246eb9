"""Alerts, noise and what stations call their quantities, by the standards' names. Samples of the feeds are in tests/samples."""

import json
from datetime import UTC, datetime

from tests.landing.driver import Inbox

CONTEXT = ["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"]


def alert(name: str, sub_category: str, **more: object) -> dict:
    base = {"id": name, "type": "Alert", "category": "security", "subCategory": sub_category, "alertSource": "K001"}
    return base | {"dateIssued": "2026-05-04T08:26:02Z"} | more


def test_alerts_of_cameras_are_kept_and_those_of_others_left_out(inbox: Inbox) -> None:
    alerts = [
        alert("a1", "fallenPatient", category="health", validFrom="2026-05-04T08:26:00Z", data={"confidence": 0.9}),
        {
            k: {"type": "Property", "value": v} if k not in ("id", "type") else v
            for k, v in alert("a2", "carWrongDirection").items()
        }
        | {"@context": CONTEXT},
        alert("a3", "suspiciousAction"),
        alert("a4", "watchlist_alert"),
        alert("a5", "pollenConcentration", category="health"),
        alert("a6", "trafficJam", category="traffic", dateIssued=None),
        {"id": "a7", "type": "Alert"},
        {"id": "v1", "type": "Vehicle"},
    ]
    inbox.put("a.json", json.dumps(alerts))
    inbox.land("camera_events", uri="a.json", format="ngsi", type="Alert")
    rows = inbox.raw("camera_events").sort("event_id").select("camera_id", "event_id", "kind", "confidence", "captured_at")
    issued, seen = (datetime(2026, 5, 4, 8, 26, s, tzinfo=UTC) for s in (2, 0))
    assert rows.rows() == [
        ("K001", "a1", "person_down", 0.9, seen),
        ("K001", "a2", "wrong_way", None, issued),
        ("K001", "a3", "intrusion", None, issued),
        ("K001", "a4", "watchlist_alert", None, issued),
    ]
    assert inbox.codes("camera_events") == []


def test_noise_and_air_of_one_device_and_hour_are_two_rows(inbox: Inbox) -> None:
    when = {"dateObservedFrom": "2026-05-04T07:00:00Z", "dateObservedTo": "2026-05-04T07:15:00Z", "refDevice": "d1"}
    noise = [
        {"id": "N-2026-05-04T07:00:00_2026-05-04T07:15:00", "type": "NoiseLevelObserved", "LAeq": 67.8, "LAmax": 94.5} | when,
        {"id": "M", "type": "NoiseLevelObserved", "LAS": 91.6, "dateObserved": "2026-05-04T07:15:00Z"},
        {"id": "O-2026-05-04T07:00:00", "type": "NoiseLevelObserved", "LAeq": 60, "dateObserved": "2026-05-04T07:15:00Z"},
    ]
    inbox.put("n.json", json.dumps(noise))
    inbox.land("air_quality", uri="n.json", format="ngsi", type="NoiseLevelObserved")
    inbox.put("a.json", json.dumps({"id": "A", "type": "AirQualityObserved", "NO2": 41} | when))
    inbox.land("air_quality", uri="a.json", format="ngsi", type="AirQualityObserved")
    rows = inbox.raw("air_quality").sort("station_id", "said_by")
    assert rows.select("station_id", "said_by", "interval_s", "noise_dba", "no2_ug_m3").rows() == [
        ("O", "noise", 3600, 60.0, None),
        ("d1", "d1", 900, None, 41.0),
        ("d1", "d1#NoiseLevelObserved", 900, 67.8, None),
    ]
    assert rows["observed_at"].unique().to_list() == [datetime(2026, 5, 4, 7, 15, tzinfo=UTC)]
    assert [code for code, _ in inbox.codes("air_quality")] == ["rule_broken"]


def test_spellings_of_an_attribute_are_tried_in_turn(inbox: Inbox) -> None:
    of = {"type": "AirQualityObserved", "dateObserved": "2026-05-04T08:00:00Z"}
    entities = [
        {"id": "a", "PM25": {"type": "Property", "value": 0.01, "unitCode": "GP"}},
        {"id": "b", "pm25": 12, "PM25": 99},
        {"id": "c", "pm25": None, "PM2_5": {"type": "Number", "value": 13, "metadata": {"unitCode": {"value": "GQ"}}}},
    ]
    inbox.put("a.json", json.dumps([e | of for e in entities]))
    inbox.land("air_quality", uri="a.json", format="ngsi", type="AirQualityObserved")
    assert inbox.raw("air_quality").sort("station_id")["pm2_5_ug_m3"].to_list() == [10.0, 12.0, 13.0]


def test_a_result_is_of_the_property_that_is_observed(inbox: Inbox) -> None:
    def observation(number: int, prop: dict | None, unit: str = "ug/m3") -> dict:
        stream: dict = {"@iot.id": number, "unitOfMeasurement": {"symbol": unit}, "Thing": {"@iot.id": "S"}}
        stream |= {"ObservedProperty": prop} if prop is not None else {}
        return {"phenomenonTime": "2026-05-04T08:00:00Z", "result": number, "Datastream": stream}

    eea = "http://dd.eionet.europa.eu/vocabulary/aq/pollutant/"
    several = [
        observation(1, {"name": "Ozone"}),
        observation(2, {"name": "x", "definition": f"{eea}5"}),
        observation(3, {"name": "x", "definition": f"{eea}6001"}),
        # 38 is NO, whose number ends as NO2's does; and one that was not expanded
        observation(8, {"name": "NO", "definition": f"{eea}38"}),
        observation(9, None),
        observation(55, {"name": "laeq"}, "dB(A)"),
    ]
    inbox.put("a.json", json.dumps({"value": several}))
    inbox.land("air_quality", uri="a.json", format="sensorthings")
    rows = (
        inbox.raw("air_quality")
        .sort("said_by")
        .select("station_id", "said_by", "pm2_5_ug_m3", "pm10_ug_m3", "o3_ug_m3", "noise_dba")
    )
    assert rows.rows() == [
        ("S", "1", None, None, 1.0, None),
        ("S", "2", None, 2.0, None, None),
        ("S", "3", 3.0, None, None, None),
        ("S", "55", None, None, None, 55.0),
    ]
    assert inbox.codes("air_quality") == []
