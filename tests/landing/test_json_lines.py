"""JSON lines: a clean batch and a dirty one give the same rows; one bad line costs itself alone."""

import json

import pytest

from tests.landing.driver import Inbox, event


def lines(*rows: object) -> str:
    return "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows)


def land(inbox: Inbox, content: str | bytes, **block: object) -> None:
    inbox.put("a.jsonl", content)
    inbox.land("traffic_flow", uri="a.jsonl", format="json_lines", **block)
    assert inbox.off_by() == 0


POISON = [
    ('{"sensor_id": "a"', "malformed", None),
    ("[1, 2]", "malformed", None),
    ("null", "malformed", None),
    ('"text"', "malformed", None),
    ('{"a":1} {"b":2}', "malformed", None),
    ("\0\0\0", "malformed", None),
    ('{"z":' + "[" * 5000 + "]" * 5000 + "}", "over_limit", None),
    (json.dumps(event(vehicle_count="n/a")), "wrong_type", "vehicle_count"),
    (json.dumps(event(vehicle_count=1.5)), "wrong_type", "vehicle_count"),
    (json.dumps(event(vehicle_count=12345678901234567890)), "wrong_type", "vehicle_count"),
    (json.dumps(event(vehicle_count=10**30)), "wrong_type", "vehicle_count"),
    (json.dumps(event(vehicle_count=True)), "wrong_type", "vehicle_count"),
    (json.dumps(event(vehicle_count=[1])), "wrong_type", "vehicle_count"),
    (json.dumps(event(vehicle_count=float("nan"))), "not_finite", "vehicle_count"),
    (json.dumps(event(mean_speed_kmh=float("nan"))), "not_finite", "mean_speed_kmh"),
    (json.dumps(event(mean_speed_kmh=float("inf"))), "not_finite", "mean_speed_kmh"),
    (json.dumps(event()).replace("52.5", "1e999"), "not_finite", "mean_speed_kmh"),
    (json.dumps(event(vehicle_count=-1)), "out_of_range", "vehicle_count"),
    (json.dumps(event(vehicle_count=65535)), "out_of_range", "vehicle_count"),
    (json.dumps(event(mean_speed_kmh=327.67)), "out_of_range", "mean_speed_kmh"),
    (json.dumps(event(occupancy_share=37)), "out_of_range", "occupancy_share"),
    (json.dumps(event(vehicle_count=50000)), "rule_broken", "possible_flow"),
    (json.dumps(event(vehicle_count=None, mean_speed_kmh=None, occupancy_share=None)), "rule_broken", "something_measured"),
    (json.dumps({k: v for k, v in event().items() if k != "sensor_id"}), "missing", "sensor_id"),
    (json.dumps(event(sensor_id="")), "missing", "sensor_id"),
    (json.dumps(event(sensor_id="a\nb")), "wrong_form", "sensor_id"),
    (json.dumps(event(observed_at="yesterday")), "wrong_type", "observed_at"),
    (json.dumps(event(observed_at="2026-02-30T00:00:00Z")), "wrong_type", "observed_at"),
    (json.dumps(event(observed_at="0000-01-01T00:00:00Z")), "implausible_time", "observed_at"),
    (json.dumps(event(observed_at="1969-12-31T23:59:59Z")), "implausible_time", "observed_at"),
    (json.dumps(event(observed_at="9999-12-31T23:59:59Z")), "from_future", "observed_at"),
]


@pytest.mark.parametrize(("poison", "code", "column"), POISON, ids=[f"{c}-{k}-{i}" for i, (_, c, k) in enumerate(POISON)])
def test_one_bad_line_costs_itself_alone(inbox: Inbox, poison: str, code: str, column: str | None) -> None:
    good = [event("before", m) for m in range(20)] + [event("after", m) for m in range(20)]
    land(inbox, lines(*good[:20], poison, *good[20:]))
    assert inbox.codes("traffic_flow") == [(code, column)]
    assert inbox.raw("traffic_flow")["sensor_id"].to_list() == [g["sensor_id"] for g in good]
    assert inbox.refused("traffic_flow")["payload"][0] == poison


RECOVERABLE = [
    (event(vehicle_count="12"), 12),
    (event(vehicle_count=12.0), 12),
    (event(vehicle_count="1.2e1"), 12),
    (event(extra={"new": ["field"]}), 12),
    (event(lane=None), 12),
]


@pytest.mark.parametrize(("row", "count"), RECOVERABLE)
def test_a_readable_value_of_another_type_is_kept(inbox: Inbox, row: dict, count: int) -> None:
    land(inbox, lines(event("x"), row, event("y")))
    assert inbox.refused("traffic_flow").height == 0
    assert inbox.raw("traffic_flow")["vehicle_count"].to_list() == [count] * 3


def test_clean_and_dirty_batches_read_the_same_row_alike(inbox: Inbox) -> None:
    rows = [event(f"s{i}", i % 60, mean_speed_kmh=i / 7, occupancy_share=i / 1000, vehicle_count=i) for i in range(200)]
    land(inbox, lines(*rows))
    clean = inbox.raw("traffic_flow")
    inbox.put("dirty/b.jsonl", lines(*rows, "{", event(vehicle_count="x"), event(mean_speed_kmh=float("nan"))))
    inbox.land("traffic_flow", uri="dirty/b.jsonl", format="json_lines")
    dirty = inbox.raw("traffic_flow").filter(inbox.raw("traffic_flow")["_source"].str.ends_with("b.jsonl"))
    own = ["sensor_id", "lane", "observed_at", "interval_s", "vehicle_count", "mean_speed_kmh", "occupancy_share"]
    assert dirty.select(own).equals(clean.select(own))


def test_bytes_that_are_no_text_are_shown_escaped(inbox: Inbox) -> None:
    bad = json.dumps(event("bad")).encode().replace(b"bad", b"b\xffd")
    land(inbox, lines(event("x")).encode() + bad + b"\n" + lines(event("y\ufffd")).encode())
    assert inbox.codes("traffic_flow") == [("not_utf8", None)]
    assert "b\\xffd" in inbox.refused("traffic_flow")["payload"][0]
    assert inbox.raw("traffic_flow")["sensor_id"].to_list() == ["x", "y\ufffd"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_blank_lines_and_bom(inbox: Inbox, ends: str, last: bool) -> None:
    text = ends.join([json.dumps(event("a")), "", json.dumps(event("b")), json.dumps(event("c"))]) + (ends if last else "")
    land(inbox, b"\xef\xbb\xbf" + text.encode())
    assert inbox.raw("traffic_flow")["sensor_id"].to_list() == ["a", "b", "c"]
    assert inbox.refused("traffic_flow").height == 0


def test_position_is_the_byte_at_which_the_line_begins(inbox: Inbox) -> None:
    text = lines(event("a"), "", event("ü"), event("c"))
    land(inbox, text)
    raw = text.encode()
    for row in inbox.raw("traffic_flow").to_dicts():
        assert json.loads(raw[row["_position"] :].split(b"\n")[0])["sensor_id"] == row["sensor_id"]


def test_duplicate_keys_keep_the_first_in_clean_and_dirty_batches(inbox: Inbox) -> None:
    doubled = json.dumps(event("a")).replace('"vehicle_count": 12', '"vehicle_count": 7, "vehicle_count": 9')
    land(inbox, lines(doubled))
    inbox.put("b.jsonl", lines(doubled, "{"))
    inbox.land("traffic_flow", uri="b.jsonl", format="json_lines")
    assert inbox.raw("traffic_flow")["vehicle_count"].to_list() == [7, 7]


def test_a_row_filter_may_look_at_what_is_not_mapped(inbox: Inbox) -> None:
    columns = {k: k for k in ("sensor_id", "observed_at", "interval_s", "vehicle_count")}
    rows = [event("a", kind="loop"), event("b", kind="radar"), event("c"), event("d", kind="loop", vehicle_count="x")]
    land(inbox, lines(*rows), columns=columns, where="kind = 'loop' AND vehicle_count IS NOT NULL")
    assert inbox.raw("traffic_flow")["sensor_id"].to_list() == ["a"]
    assert inbox.codes("traffic_flow") == [("wrong_type", "vehicle_count")]


def test_json_paths_units_sentinels_and_epochs(inbox: Inbox) -> None:
    row = {"dev": {"id": "d1"}, "t": 1777622400000, "v": {"kind": "mph", "x": 10}, "occ": 25, "n": -1, "dotted.name": 60}
    columns = {
        "sensor_id": "dev.id",
        "observed_at": {"from": "t", "format": "epoch_ms"},
        "mean_speed_kmh": {"from": "v.x", "unit": "mph", "nulls": [255]},
        "occupancy_share": {"from": "occ", "unit": "percent"},
        "vehicle_count": {"from": "n", "nulls": [-1]},
        "interval_s": "/dotted.name",
    }
    land(inbox, lines(row, {**row, "v": {"x": 255}}, {**row, "dev": 5}, {**row, "v": None}), columns=columns)
    raw = inbox.raw("traffic_flow")
    assert raw["mean_speed_kmh"].to_list() == pytest.approx([16.09344, None, None])
    assert raw["occupancy_share"].to_list() == [0.25] * 3
    assert raw["vehicle_count"].to_list() == [None] * 3
    assert str(raw["observed_at"][0]) == "2026-05-01 08:00:00+00:00"
    assert inbox.codes("traffic_flow") == [("missing", "sensor_id")]
