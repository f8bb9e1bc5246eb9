"""CSV: text columns, honest line counts, and the forms in which cities write numbers and times."""

import pytest

from tests.landing.driver import Inbox

HEADER = "meter,read_at,wh,quality"
COLUMNS = {
    "meter_id": "meter",
    "ended_at": {"from": "read_at", "format": "%Y-%m-%d %H:%M", "time_zone": "Europe/Berlin"},
    "interval_s": {"constant": 1800},
    "energy_kwh": {"from": "wh", "unit": "Wh"},
    "quality": {"from": "quality", "values": {"V": "valid", "E": "estimated"}},
}


def land(inbox: Inbox, content: str | bytes, **block: object) -> None:
    inbox.put("a.csv", content)
    inbox.land("meter_readings", uri="a.csv", format="csv", **{"columns": COLUMNS, **block})
    assert inbox.off_by() == 0


def row(minute: int, wh: object = 250, meter: str = "m1", quality: str = "V") -> str:
    return f"{meter},2026-05-01 {minute // 60:02d}:{minute % 60:02d},{wh},{quality}"


def test_a_plain_file(inbox: Inbox) -> None:
    land(inbox, "\n".join([HEADER, row(0), row(30, 500, quality="E")]) + "\n")
    raw = inbox.raw("meter_readings")
    assert raw["energy_kwh"].to_list() == [0.25, 0.5]
    assert raw["quality"].to_list() == ["valid", "estimated"]
    # the reading that ends at midnight belongs to the day before; Berlin's midnight is 22:00 UTC
    assert [str(d) for d in raw["event_date"]] == ["2026-04-30", "2026-05-01"]
    assert str(raw["ended_at"][0]) == "2026-04-30 22:00:00+00:00"


BAD = [
    ("m1,2026-05-01 01:00,1", "malformed", None),
    ("m1,2026-05-01 01:00,1,V,more", "malformed", None),
    ('m1,"2026-05-01 01:00,1,V', "malformed", None),
    ("m1,2026-05-01 01:00,1\0,V", "not_utf8", None),
    ("m1,2026-05-01 01:00,n/a,V", "wrong_type", "energy_kwh"),
    ("m1,2026-05-01 01:00,NaN,V", "not_finite", "energy_kwh"),
    ("m1,2026-05-01 01:00,,V", "rule_broken", "says_something"),
    ("m1,2026-05-01 01:00,-5,V", "out_of_range", "energy_kwh"),
    ("m1,2026-05-01 01:00,99999999,V", "rule_broken", "possible_power"),
    ("m1,2026-05-01 01:00,5,X", "not_allowed", "quality"),
    ("m1,2026-05-01T01:00,5,V", "wrong_type", "ended_at"),
    ("m1,2026-03-29 02:30,5,V", "no_such_local_time", "ended_at"),
    (",2026-05-01 01:00,5,V", "missing", "meter_id"),
]


@pytest.mark.parametrize(("line", "code", "column"), BAD, ids=[f"{c}-{i}" for i, (_, c, _k) in enumerate(BAD)])
def test_one_bad_line_costs_itself_alone(inbox: Inbox, line: str, code: str, column: str | None) -> None:
    land(inbox, "\n".join([HEADER, row(60), line, row(90)]) + "\n")
    assert inbox.codes("meter_readings") == [(code, column)]
    assert inbox.raw("meter_readings").height == 2
    assert inbox.refused("meter_readings")["payload"][0] == line


def test_quoted_fields_hold_delimiters_and_quotes(inbox: Inbox) -> None:
    land(inbox, "\n".join([HEADER, '"m,1",2026-05-01 01:00,5,V', '"m ""2""",2026-05-01 01:00,5,"V"', "m3,2026-05-01 01:00,5,V"]))
    assert inbox.raw("meter_readings")["meter_id"].to_list() == ["m,1", 'm "2"', "m3"]


def test_european_numbers_latin1_and_semicolons(inbox: Inbox) -> None:
    text = "meter;read_at;wh;quality\r\nzähler;2026-05-01 01:00;1.234,5;V\r\nx;2026-05-01 01:30; 5 ;E\r\n"
    land(inbox, text.encode("latin-1"), delimiter=";", encoding="latin-1", decimal=",", thousands=".")
    raw = inbox.raw("meter_readings")
    assert raw["meter_id"].to_list() == ["zähler", "x"]
    assert raw["energy_kwh"].to_list() == [1.2345, 0.005]


def test_doubled_hour_is_refused_unless_the_source_settles_it(inbox: Inbox) -> None:
    text = f"{HEADER}\nm1,2025-10-26 02:30,5,V\n"
    land(inbox, text)
    inbox.put("b.csv", text)
    inbox.land("meter_readings", uri="b.csv", format="csv", columns=COLUMNS, ambiguous="latest")
    inbox.put("c.csv", text)
    inbox.land("meter_readings", uri="c.csv", format="csv", columns=COLUMNS, ambiguous="earliest")
    assert [str(t)[11:16] for t in inbox.raw("meter_readings")["ended_at"]] == ["01:30", "00:30"]
    assert inbox.codes("meter_readings") == [("no_such_local_time", "ended_at")]


def test_a_first_line_that_looks_compressed_is_read_as_text(inbox: Inbox) -> None:
    columns = {"sensor_id": "column_1", "observed_at": "column_2", "interval_s": "column_3", "vehicle_count": "column_4"}
    inbox.put("x.csv", "x^2,2026-05-01T08:00:00Z,60,1\nx^3,2026-05-01T08:00:00Z,60,2\n")
    inbox.land("traffic_flow", uri="x.csv", format="csv", header=False, columns=columns)
    assert inbox.raw("traffic_flow").select("sensor_id", "vehicle_count").rows() == [("x^2", 1), ("x^3", 2)]


def test_skipped_hour_can_be_shifted(inbox: Inbox) -> None:
    land(inbox, f"{HEADER}\nm1,2026-03-29 02:30,5,V\n", nonexistent="shift")
    assert str(inbox.raw("meter_readings")["ended_at"][0]) == "2026-03-29 01:30:00+00:00"


def test_no_header_two_time_columns_and_hashed_identifier(inbox: Inbox) -> None:
    columns = {
        "incident_id": {"from": ["column_1", "column_4"], "hash": True},
        "call_type": "column_4",
        "received_at": {"from": ["column_2", "column_3"], "format": "%d/%m/%Y %H:%M:%S"},
    }
    inbox.put("calls.csv", "17,01/05/2026,13:05:09,EMS\n17,02/05/2026,13:05:09,EMS\n18,01/05/2026,13:05:09,EMS\n")
    inbox.land("emergency_calls", uri="calls.csv", format="csv", header=False, time_zone="America/New_York", columns=columns)
    raw = inbox.raw("emergency_calls")
    assert str(raw["received_at"][0]) == "2026-05-01 17:05:09+00:00"
    assert raw["incident_id"].n_unique() == 2
    assert raw["incident_id"].str.len_chars().to_list() == [32] * 3
    assert raw["unit_id"].to_list() == ["none"] * 3


def test_one_column_per_sensor_is_unpivoted(inbox: Inbox) -> None:
    columns = {
        "sensor_id": "counter",
        "observed_at": {"from": "Date", "format": "%d/%m/%Y"},
        "interval_s": {"constant": 86400},
        "vehicle_count": "bikes",
    }
    inbox.put("wide.csv", "Date;Rachel;Berri 1;Pont\n01/05/2026;16;35;\n02/05/2026;43;x;7\n")
    inbox.land(
        "traffic_flow", uri="wide.csv", format="csv", delimiter=";", time_zone="America/Montreal", columns=columns,
        unpivot={"keep": ["Date"], "name": "counter", "value": "bikes"},
    )  # fmt: skip
    raw = inbox.raw("traffic_flow")
    assert sorted(raw.select("sensor_id", "vehicle_count").rows()) == [
        ("Berri 1", 35),
        ("Pont", 7),
        ("Rachel", 16),
        ("Rachel", 43),
    ]
    assert inbox.codes("traffic_flow") == [("wrong_type", "vehicle_count")]
    assert inbox.off_by() == 0


def test_row_filter_leaves_out_and_counts(inbox: Inbox) -> None:
    from schemas import ledger

    land(inbox, "\n".join([HEADER, row(60), row(90, quality="E"), row(120)]), where="quality = 'V'")
    assert inbox.raw("meter_readings").height == 2
    assert ledger.lines(inbox.lake)["filtered"].sum() == 1


def test_a_file_without_a_needed_column_is_refused_and_the_others_land(inbox: Inbox) -> None:
    inbox.put("in/1.csv", f"{HEADER}\n{row(60)}\n")
    inbox.put("in/2.csv", "meter,when,wh\nm1,2026-05-01 01:00,5\n")
    planned = inbox.land("meter_readings", uri="in/*.csv", format="csv", columns=COLUMNS)
    assert [r.found for r in planned.refused] == ["no column 'read_at' for ended_at; it has meter, when, wh"]
    assert inbox.raw("meter_readings").height == 1


def test_columns_may_come_and_go(inbox: Inbox) -> None:
    inbox.put("in/1.csv", "meter,read_at,wh,surplus\nm1,2026-05-01 01:00,5,zzz\n")
    inbox.put("in/2.csv", f"{HEADER}\n{row(60)}\n")
    inbox.land("meter_readings", uri="in/*.csv", format="csv", columns=COLUMNS)
    assert inbox.raw("meter_readings")["quality"].to_list() == ["valid", "valid"]
