"""What a column can be made of: several names, a part of a text, a unit told row by row, the file and the place.

What a block may not say is tested at the end; how CSV and JSON are cut into fields is not tested here.
"""

import gzip
import io
import json
import zipfile

import pytest

from pipelines.sources.files import Limits
from schemas.errors import SettingsError
from tests.landing.driver import Inbox
from tests.live.belt import Belt, messages

TRIPS = """from,to,began,ended,km
a,b,2026-05-01 08:00:00,2026-05-01 08:10:30,2
a,b,2026-05-01 08:00:00,2026-05-01 08:11:00,
a,b,2026-05-01 09:00:00,2026-05-01 08:59:00,2
a,,2026-05-01 09:00:00,2026-05-01 09:05:00,2
a,b,2026-05-01 09:00:00,soon,2
"""
ELAPSED = {
    "route_id": {"from": ["from", "to"], "join": ">"},
    "observed_at": "began",
    "travel_time_s": {"from": ["began", "ended"], "combine": "elapsed"},
    "length_m": {"from": "km", "unit": "km", "default": 1.5},
}


def test_time_elapses_between_two_instants(inbox: Inbox) -> None:
    inbox.put("trips.csv", TRIPS)
    inbox.land("travel_time", uri="trips.csv", format="csv", columns=ELAPSED)
    assert inbox.raw("travel_time").select("route_id", "travel_time_s", "length_m").rows() == [
        ("a>b", 630.0, 2000.0),
        ("a>b", 660.0, 1500.0),  # the default is in the source's unit
    ]
    assert inbox.codes("travel_time") == [
        ("out_of_range", "travel_time_s"),
        ("missing", "route_id"),
        ("wrong_type", "travel_time_s"),
    ]


def test_journeys_that_share_everything_stay_apart_and_come_again_as_the_same(inbox: Inbox) -> None:
    row = "r,2026-05-01T08:00:00Z,60\n"
    text = "route_id,observed_at,travel_time_s\n" + row + row
    inbox.put("a.csv", text)
    inbox.put("b.csv", text)
    inbox.land("travel_time", uri="*.csv", format="csv")
    places = inbox.raw("travel_time").sort("_source", "_position")["journey"].to_list()
    assert places[:2] == places[2:] and places[0] != places[1]


@pytest.mark.parametrize("fmt", ["json", "json_lines"])
def test_a_message_gives_its_rows_the_same_places_in_any_batch(tmp_path, fmt: str) -> None:
    rows = [{"route_id": "r", "observed_at": "2026-05-01T08:00:00Z", "travel_time_s": s} for s in (60, 61)]
    body = json.dumps(rows).encode() if fmt == "json" else b"\n".join(json.dumps(r).encode() for r in rows)
    belt = Belt(tmp_path, "travel_time", block={"format": fmt})
    belt.land(messages([body, body], 0))
    belt.land(messages([body], 2))
    found = belt.raw().sort("_position", "travel_time_s").group_by("_position", maintain_order=True).agg("journey")["journey"]
    assert found[0].to_list() == found[1].to_list() == found[2].to_list()
    assert len(set(found[0])) == 2


def test_numbers_are_added_and_subtracted_and_the_first_of_several_is_taken(inbox: Inbox) -> None:
    rows = [
        {"id": "a", "t": "2026-05-01T08:00:00Z", "all": 100, "free": 30},
        {"alias": "b", "t": "2026-05-01T08:00:00Z", "all": "1,100", "free": "30"},
        {"id": "c", "t": "2026-05-01T08:00:00Z", "all": 100},
        {"id": "d", "t": "2026-05-01T08:00:00Z", "all": 100, "free": "x"},
    ]
    inbox.put("p.jsonl", "\n".join(map(json.dumps, rows)) + "\n")
    columns = {
        "facility_id": {"from": ["id", "alias"], "combine": "first"},
        "observed_at": "t",
        "occupied": {"from": ["all", "free"], "combine": "difference"},
        "capacity": "all",
    }
    inbox.land("parking_occupancy", uri="p.jsonl", format="json_lines", columns=columns, thousands=",")
    assert inbox.raw("parking_occupancy").select("facility_id", "occupied", "capacity").rows() == [
        ("a", 70, 100),
        ("b", 1070, 1100),
    ]
    assert inbox.codes("parking_occupancy") == [("rule_broken", "something_said"), ("wrong_type", "occupied")]


def test_a_unit_told_row_by_row_is_honoured_and_an_unknown_one_refused(inbox: Inbox) -> None:
    text = "s,t,v,u,o,ou\n" + "".join(
        f"{s},2026-05-01T08:00:00Z,{v},{u},{o},{ou}\n"
        for s, v, u, o, ou in [
            ("a", 10, "MTS", 5, "P1"),
            ("b", 10, "", 0.5, "C62"),
            ("c", 10, "KNT", 5, "%"),
            ("d", 10, "XYZ", 5, "%"),
        ]
    )
    inbox.put("u.csv", text)
    columns = {
        "sensor_id": "s",
        "observed_at": "t",
        "interval_s": {"constant": 60},
        "mean_speed_kmh": {"from": "v", "unit": "mph", "unit_from": "u"},
        "occupancy_share": {"from": "o", "unit_from": "ou"},
    }
    inbox.land("traffic_flow", uri="u.csv", format="csv", columns=columns)
    speeds = dict(inbox.raw("traffic_flow").select("sensor_id", "mean_speed_kmh").rows())
    assert speeds == pytest.approx({"a": 36.0, "b": 16.09344, "c": 18.52})
    assert inbox.raw("traffic_flow").sort("sensor_id")["occupancy_share"].to_list() == [0.05, 0.5, 0.05]
    assert inbox.codes("traffic_flow") == [("unknown_unit", "mean_speed_kmh")]


def test_the_name_of_the_file_or_member_fills_a_column(inbox: Inbox) -> None:
    columns = {
        "controller_id": {"from": "_file", "pattern": r"^ctl_(\d+)_"},
        "occurred_at": "t",
        "code": "c",
        "parameter": "p",
    }
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("day/ctl_12_may.csv", "t,c,p\n2026-05-01T08:00:00.3Z,82,5\n")
        archive.writestr("day/other.csv", "t,c,p\n2026-05-01T08:00:00.3Z,82,5\n")
    inbox.put("events.zip", held.getvalue())
    inbox.put("ctl_7_.csv", "t,c,p\n2026-05-01T08:00:00.3Z,82,5\n")
    inbox.land("signal_events", uri="*", format="csv", columns=columns)
    assert sorted(inbox.raw("signal_events")["controller_id"]) == ["12", "7"]
    assert inbox.codes("signal_events") == [("missing", "controller_id")]


def test_documents_come_plain_and_packed_and_an_empty_one_says_nothing(inbox: Inbox) -> None:
    row = {"route_id": "r", "observed_at": "2026-05-01T08:00:00Z", "travel_time_s": 60}
    body = json.dumps({"data": [row, row | {"travel_time_s": -1}]}).encode()
    inbox.put("a.json", body)
    inbox.put("b.json", gzip.compress(body))
    inbox.put("c.json", b"")
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("one.json", body)
        archive.writestr("two.json", "{")
    inbox.put("d.json.zip", held.getvalue())
    inbox.land("travel_time", uri="*.json*", format="json", records="data")
    assert inbox.raw("travel_time").height == 3
    assert sorted(inbox.codes("travel_time")) == [("malformed", None)] + [("out_of_range", "travel_time_s")] * 3
    assert set(inbox.refused("travel_time")["payload"]) == {json.dumps(row | {"travel_time_s": -1}, separators=(",", ":")), "{"}
    assert inbox.off_by() == 0


def test_small_members_land_together_and_each_row_tells_its_own(inbox: Inbox) -> None:
    held, rows = (
        io.BytesIO(),
        [{"route_id": "r", "observed_at": "2026-05-01T08:00:00Z", "travel_time_s": s} for s in (60, -1, 61)],
    )
    with zipfile.ZipFile(held, "w") as archive:
        for number in range(40):
            archive.writestr(f"poll{number:02}.json", json.dumps(rows) if number != 7 else "")
        archive.writestr("__MACOSX/poll.json", "{")
    inbox.put("polls.zip", held.getvalue())
    inbox.land("travel_time", Limits(chunk_bytes=3000), uri="polls.zip", format="json")
    found = inbox.raw("travel_time").sort("_source", "_position")
    assert found.group_by("_source", maintain_order=True).agg("_position", "journey").rows() == [
        (f"{inbox.folder}/inbox/polls.zip!poll{n:02}.json", [0, 2], [0, 2]) for n in range(40) if n != 7
    ]
    assert inbox.refused("travel_time").select("_position", "code").unique().rows() == [(1, "out_of_range")]
    assert 1 < len(inbox.lake.files("raw", "travel_time")) < 10
    assert inbox.off_by() == 0


def test_a_document_over_the_limit_or_cut_short_is_refused_whole(inbox: Inbox) -> None:
    body = json.dumps([{"route_id": "r", "observed_at": "2026-05-01T08:00:00Z", "travel_time_s": 60}] * 100).encode()
    inbox.put("long.json", body)
    inbox.put("cut.json.gz", gzip.compress(body[:3000])[:-20])
    inbox.land("travel_time", Limits(document_bytes=4000), uri="*.json*", format="json")
    assert inbox.raw("travel_time").height == 0
    assert sorted(inbox.codes("travel_time")) == [("over_limit", None), ("unreadable_file", None)]
    assert inbox.off_by() == 0


@pytest.mark.parametrize(
    ("column", "found"),
    [
        ({"from": ["a", "b"]}, "2 names for a float"),
        ({"from": ["a"], "combine": "elapsed"}, "elapsed of 1 names"),
        ({"from": ["a", "b"], "combine": "mean"}, "not known"),
        ({"from": "a", "pattern": "("}, "no regular expression"),
        ({"from": "a", "pattern": "x"}, "no group"),
        ({"from": "a", "unit": "kWh"}, "cannot become m"),
    ],
)
def test_what_a_column_cannot_be_made_of(inbox: Inbox, column: dict, found: str) -> None:
    columns = {"route_id": "r", "observed_at": "t", "travel_time_s": "s", "length_m": column}
    with pytest.raises(SettingsError, match=found):
        inbox.land("travel_time", uri="x.csv", format="csv", columns=columns)


@pytest.mark.parametrize(
    ("block", "found"),
    [
        ({"format": "ngsi"}, "no type, and ngsi knows several"),
        ({"format": "ngsi", "type": "Bench"}, "'Bench' has no mapping"),
        ({"format": "csv", "type": "Bench"}, "csv has no types"),
        ({"format": "gbfs", "records": "data"}, "gbfs knows where its rows are"),
        ({"format": "gbfs", "append_only": True}, "a file of gbfs cannot grow"),
        ({"format": "gbfs", "unpivot": {"keep": ["a"]}}, "gbfs names its own values"),
        ({"format": "datex"}, "not known"),
    ],
)
def test_what_a_block_of_a_standard_cannot_say(inbox: Inbox, block: dict, found: str) -> None:
    with pytest.raises(SettingsError, match=found):
        inbox.land("parking_occupancy", uri="x", **block)
