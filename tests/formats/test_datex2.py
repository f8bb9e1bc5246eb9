"""DATEX II, written from the text of EN 16157-5 and version 2.3: sites, indexes, errors, journeys; and hostile XML."""

import re
from typing import Any

import pytest
from lxml import etree

from pipelines.formats.xml_documents import Malformed, elements
from tests.formats.decoding import documents, read
from tests.landing.driver import Inbox
from tests.landing.test_samples import SAMPLES

T = "2026-05-01T08:00:00Z"
WIRES = [
    "measurementSiteReference",
    "index",
    "specificLane",
    "type",
    "vehicleFlowRate",
    "speed",
    "percentage",
    "duration",
    "dataError",
]
LEAF = {"vehicleFlow": "vehicleFlowRate", "averageVehicleSpeed": "speed", "occupancy": "percentage", "travelTime": "duration"}
KIND = {
    "vehicleFlow": "TrafficFlow",
    "averageVehicleSpeed": "TrafficSpeed",
    "occupancy": "TrafficConcentration",
    "travelTime": "TravelTimeData",
}


def value(index: int, what: str, number: Any, error: str = "", inside: str = "") -> str:
    wrong = f"<dataError>{error}</dataError>" if error else ""
    held = f"<{what}>{wrong}<{LEAF[what]}>{number}</{LEAF[what]}></{what}>"
    basic = f'<basicData xsi:type="{KIND[what]}">{inside}{held}</basicData>'
    return f'<measuredValue index="{index}"><measuredValue>{basic}</measuredValue></measuredValue>'


def site(name: str, *values: str, time: str = T) -> str:
    reference = f'<measurementSiteReference targetClass="MeasurementSiteRecord" id="{name}" version="3"/>'
    default = f"<measurementTimeDefault>{time}</measurementTimeDefault>"
    return f"<siteMeasurements>{reference}{default}{''.join(values)}</siteMeasurements>"


def publication(*sites: str, kind: str = "MeasuredDataPublication") -> str:
    names = 'xmlns="http://datex2.eu/schema/2/2_0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    return f'<d2LogicalModel {names}><payloadPublication xsi:type="{kind}">{"".join(sites)}</payloadPublication></d2LogicalModel>'


def ask(*parts: Any, wires: list[str] | None = None, feed: str = "traffic_flow") -> Any:
    return read(feed, "datex2", wires or WIRES, *parts)


def rows(*parts: Any, wires: list[str] | None = None) -> list[tuple]:
    found = ask(*parts, wires=wires)
    assert found.codes == []
    return found.wire.drop("_position").rows()


def test_values_of_one_index_are_one_row_and_indexes_stay_apart() -> None:
    one = site("A", value(0, "vehicleFlow", 600), value(0, "averageVehicleSpeed", 88.5), value(1, "occupancy", 7.5))
    assert rows(publication(one)) == [
        ("A", "0", None, "TrafficData", "600", "88.5", None, None, "false"),
        ("A", "1", None, "TrafficData", None, None, "7.5", None, "false"),
    ]


def test_data_error_decides_and_not_the_number() -> None:
    wrong = [
        value(0, "vehicleFlow", 15300, "true"),
        value(0, "averageVehicleSpeed", 255, "1"),
        value(0, "occupancy", 25.5, "false"),
    ]
    right = [value(1, "vehicleFlow", 15300, "false"), value(1, "averageVehicleSpeed", 255), value(2, "occupancy", 25.5, "true")]
    assert rows(publication(site("A", *wrong, *right))) == [
        ("A", "0", None, "TrafficData", None, None, "25.5", None, "false"),
        ("A", "1", None, "TrafficData", "15300", "255", None, None, "false"),
        ("A", "2", None, "TrafficData", None, None, None, None, "true"),
    ]


def test_rows_whose_values_are_all_in_error_are_left_out_and_counted(inbox: Inbox) -> None:
    good, wrong = site("A", value(0, "vehicleFlow", 600)), site("B", value(0, "vehicleFlow", 0, "true"))
    inbox.put("a.xml", publication(good, wrong))
    inbox.land("traffic_flow", uri="a.xml", format="datex2")
    assert inbox.raw("traffic_flow").select("sensor_id", "vehicle_count").rows() == [("A#0", 10)]
    assert (inbox.codes("traffic_flow"), inbox.off_by()) == ([], 0)


def test_journeys_that_share_site_and_time_stay_apart(inbox: Inbox) -> None:
    inbox.put(
        "a.xml", publication(site("R", value(0, "travelTime", 118.5), value(0, "travelTime", 118.5), value(1, "travelTime", 121)))
    )
    inbox.land("travel_time", uri="a.xml", format="datex2")
    found = inbox.raw("travel_time").select("route_id", "travel_time_s", "journey").rows()
    assert found == [("R", 118.5, 0), ("R", 118.5, 1), ("R", 121.0, 2)]


def test_a_site_that_is_late_keeps_its_own_time_and_a_value_its_own() -> None:
    late = site("B", value(0, "vehicleFlow", 60), time="2026-05-01T09:56:00+02:00")
    own = "<measurementOrCalculationPeriod>300</measurementOrCalculationPeriod>"
    own += "<measurementOrCalculationTime>2026-05-01T07:00:00Z</measurementOrCalculationTime>"
    other = site("C", value(0, "vehicleFlow", 60, inside=own))
    wires = ["measurementSiteReference", "measurementTimeDefault", "period"]
    assert rows(publication(site("A", value(0, "vehicleFlow", 60)), late, other), wires=wires) == [
        ("A", T, None), ("B", "2026-05-01T09:56:00+02:00", None), ("C", "2026-05-01T07:00:00Z", "300"),
    ]  # fmt: skip


def test_a_site_table_says_what_an_index_stands_for() -> None:
    text = (SAMPLES / "traffic_flow/datex2/v3_with_its_table.pass.xml").read_bytes()
    measured = [r for r in rows(text) if r[3] == "TrafficData"]
    assert measured == [
        ("A1", "lessThan 5.6", "1", "TrafficData", "540", None, None, None, "false"),
        ("A1", "anyVehicle", "1", "TrafficData", "600", "88.5", None, None, "false"),
        ("A1", "anyVehicle", "2", "TrafficData", "300", "102", None, None, "false"),
    ]
    listed = rows(text, wires=["type", "index", "specificLane", "period", "vehicles", "specificMeasurementValueType"])
    assert [r[1:] for r in listed if r[0] == "MeasurementSite"][:2] == [
        ("0", "1", "60.0", "lessThan 5.6", "trafficFlow"), ("1", "1", "60.0", "anyVehicle", "trafficFlow"),
    ]  # fmt: skip


def test_elaborated_data_name_a_location_and_one_time_for_all() -> None:
    basic = '<basicData xsi:type="TravelTimeData">%s<travelTime><duration>61</duration></travelTime></basicData>'
    place = '<pertinentLocation><predefinedLocationReference id="L1"/></pertinentLocation>'
    text = publication(
        f"<timeDefault>{T}</timeDefault><elaboratedData>{basic % place}</elaboratedData>", kind="ElaboratedDataPublication"
    )
    wires = ["measurementSiteReference", "measurementTimeDefault", "duration", "type"]
    assert rows(text, wires=wires) == [("L1", T, "61", "TravelTimeData")]


def test_other_kinds_of_data_are_rows_of_their_own_kind() -> None:
    basic = '<basicData xsi:type="TrafficHeadway"><x/></basicData>'
    odd = f'<measuredValue index="4"><measuredValue>{basic}</measuredValue></measuredValue>'
    assert rows(publication(site("A", odd)), wires=["type", "index"]) == [("TrafficHeadway", "4")]


@pytest.mark.parametrize(
    "text",
    [
        publication(),
        publication(site("A")),
        '<d2LogicalModel xmlns="http://datex2.eu/schema/2/2_0"><exchange><keepAlive>true</keepAlive></exchange></d2LogicalModel>',
    ],
)
def test_what_is_well_formed_and_empty_gives_nothing_and_refuses_nothing(text: str) -> None:
    found = ask(text)
    assert (found.wire.height, found.codes) == (0, [])


@pytest.mark.parametrize(
    ("text", "said"), [(publication(kind="SituationPublication"), "SituationPublication"), ("<html/>", "no publication")]
)
def test_what_is_no_measured_data_says_what_it_is(text: str, said: str) -> None:
    found = ask(text)
    assert (found.codes, found.faults["expected"].to_list()) == (["malformed"], ["measured data"])
    assert said in found.faults["found"][0]
    assert found.payload(0) == text


def test_whole_sites_before_a_break_are_kept() -> None:
    whole = publication(site("A", value(0, "vehicleFlow", 600)), site("B", value(0, "vehicleFlow", 60)))
    cut = whole[: whole.index('id="B"') + 40]
    found = ask(whole, cut, whole)
    assert found.column("measurementSiteReference") == ["A", "B", "A", "A", "B"]
    assert (found.codes, found.faults["_position"].to_list(), found.payload(3)) == (["malformed"], [3], cut)
    assert found.decoded.documents.tolist() == [0, 0, 1, 1, 2, 2]


def test_a_refused_row_shows_its_site() -> None:
    found = ask(publication(site("A", value(0, "vehicleFlow", 1)), site("B", value(0, "vehicleFlow", 2))))
    shown = etree.fromstring(found.payload(1))
    assert re.sub("{.*}", "", shown.tag) == "siteMeasurements"
    assert 'id="B"' in found.payload(1)
    assert 'id="A"' not in found.payload(1)


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
HOSTILE = {
    "billion laughs": f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]>' + publication(site("&l11;", value(0, "vehicleFlow", 1))),
    "external entity": '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    + publication(site("A", value(0, "vehicleFlow", "&x;"))),
    "external dtd": '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">' + publication(site("A", value(0, "vehicleFlow", 1))),
    "utf-16": ('<?xml version="1.0" encoding="utf-16"?><!DOCTYPE d [<!ENTITY a "b">]>' + publication(site("A"))).encode("utf-16"),
    "undeclared entity": publication(site("A", value(0, "vehicleFlow", "&nbsp;"))),
    "very deep": publication("<a>" * 100_000),
    "no bytes of text": b"\xff\xfe\x00<a>",
    "another encoding": b'<?xml version="1.0" encoding="no-such"?><a/>',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_documents_are_refused_and_nothing_is_expanded_or_fetched(text: Any) -> None:
    found = ask(text)
    assert (found.codes, found.wire.height) == (["malformed"], 0)


def test_other_encodings_are_read() -> None:
    for name in ("utf-16", "iso-8859-1"):
        text = f'<?xml version="1.0" encoding="{name}"?>' + publication(site("Süd", value(0, "vehicleFlow", 1)))
        assert rows(text.encode(name))[0][0] == "Süd"


def test_an_element_is_gone_when_the_next_one_comes() -> None:
    text = documents(publication(*(site(f"S{i}", value(0, "vehicleFlow", i)) for i in range(3000)))).data
    most = max(len(e.getparent()) for _, e in elements(text, ("siteMeasurements",)))
    assert most < 200  # as many as the parser reads ahead
    with pytest.raises(Malformed):
        list(elements(text[:-20], ("siteMeasurements",)))
