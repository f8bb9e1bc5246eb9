"""Messages become rows by the same verbs as lines of files: whatever the batches, topics and documents."""

import json
import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipelines.sources.files import Limits
from schemas.errors import SettingsError
from tests.landing.driver import Inbox, event
from tests.live.belt import RECEIVED_US, Belt, messages

FEED = "traffic_flow"
GOOD = [json.dumps(event(f"d{i}", i % 60)).encode() for i in range(6)]
ODD = [
    b'{"sensor_id": "x"',
    b"[1, 2]",
    b"\xff\xfe",
    b"",
    b"nonsense",
    json.dumps(event("y", vehicle_count=-1)).encode(),
    json.dumps(event("z", vehicle_count="12")).encode(),
    json.dumps(event("late") | {"observed_at": "2026-04-30T23:59:00+02:00"}).encode(),
    json.dumps(event("ahead") | {"observed_at": "2026-05-01T09:20:00Z"}).encode(),
    GOOD[0] + b"\n" + GOOD[1],
]
VALUES = ["sensor_id", "lane", "observed_at", "vehicle_count", "mean_speed_kmh", "event_date"]


def test_each_row_tells_its_message_and_when_the_broker_received_it(tmp_path: Path) -> None:
    belt = Belt(tmp_path, FEED)
    belt.land(messages(GOOD[:2], 7, "roads/0"), messages([b"junk", GOOD[2] + b"\n" + GOOD[3]], 40, "roads/1"))
    rows = belt.raw().sort("sensor_id").select("sensor_id", "_source", "_position", "_received_at").rows()
    at = datetime.fromtimestamp(RECEIVED_US / 1e6, UTC)
    assert rows == [
        ("d0", "replay://belt/roads/0", 7, at),
        ("d1", "replay://belt/roads/0", 8, at + timedelta(seconds=1)),
        ("d2", "replay://belt/roads/1", 41, at + timedelta(seconds=1)),
        ("d3", "replay://belt/roads/1", 41, at + timedelta(seconds=1)),
    ]
    assert belt.refused().select("code", "payload", "_source", "_position").rows() == [
        ("malformed", "junk", "replay://belt/roads/1", 40)
    ]
    assert (belt.position("roads/0"), belt.position("roads/1")) == (9, 42)
    assert belt.off_by() == 0


@given(
    lines=st.lists(st.sampled_from([*GOOD, *ODD]), min_size=1, max_size=30),
    cuts=st.sets(st.integers(1, 29), max_size=6),
)
@settings(max_examples=25)
def test_any_cutting_into_batches_gives_what_a_file_gives(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cuts: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("cuts")
    belt, inbox = Belt(folder / "live", FEED), Inbox(folder)
    edges = [0, *sorted(c for c in cuts if c < len(lines)), len(lines)]
    for first, end in pairwise(edges):
        belt.land(messages(lines[first:end], first))
    path = inbox.put("same.jsonl", b"\n".join(lines))
    # the file as if it was received when the messages were
    os.utime(path, (RECEIVED_US / 1e6, RECEIVED_US / 1e6))
    inbox.land(FEED, uri="same.jsonl", format="json_lines")
    assert_frame_equal(belt.raw().select(VALUES).sort(VALUES), inbox.raw(FEED).select(VALUES).sort(VALUES), check_row_order=True)
    said = ["code", "column", "payload"]
    refused = inbox.refused(FEED)
    assert belt.refused().select(said).sort(said).rows() == (refused.select(said).sort(said).rows() if refused.height else [])
    assert belt.off_by() == 0
    assert belt.position() == len(lines)


def test_levels_of_the_topic_fill_columns(tmp_path: Path) -> None:
    columns = {
        "sensor_id": "topic_3",
        "lane": {"from": "topic_4"},
        "observed_at": "t",
        "interval_s": {"constant": 60},
        "vehicle_count": "n",
    }
    belt = Belt(tmp_path, FEED, block={"columns": columns})
    body = b'{"t": "2026-05-01T08:00:00Z", "n": 5, "topic_3": "not this"}'
    topics = ["city/flow/D7/2", "city/flow/D8/1", "city/flow"]
    belt.land(messages([body, body + b"\n" + body.replace(b"08:00", b"08:01"), body], topics=topics))
    assert sorted(belt.raw().select("sensor_id", "lane").rows()) == [("D7", 2), ("D8", 1), ("D8", 1)]
    assert belt.refused().select("code", "column").rows() == [("missing", "sensor_id")]


def test_documents_are_rows_arrays_or_envelopes(tmp_path: Path) -> None:
    belt = Belt(tmp_path, FEED, block={"format": "json", "records": "data.items"})
    pretty = json.dumps(event("pretty"), indent=2).encode()
    batch = json.dumps([event("a1"), event("a2"), 7]).encode()
    envelope = json.dumps({"id": "n:1", "data": {"items": [event("e1"), event("e2", vehicle_count=-3)]}}, indent=1).encode()
    empty = json.dumps({"data": {"items": []}}).encode()
    broken = b'{\n"sensor_id":\n"x"'
    belt.land(messages([pretty, batch, envelope, empty, broken, b"\xff\n\xfe", b""], 10))
    assert belt.raw().sort("_position", "sensor_id").select("sensor_id", "_position").rows() == [
        ("pretty", 10), ("a1", 11), ("a2", 11), ("e1", 12),
    ]  # fmt: skip
    assert belt.refused().select("_position", "code", "payload").rows() == [
        (11, "malformed", "7"),
        (12, "out_of_range", json.dumps(event("e2", vehicle_count=-3), separators=(",", ":"))),
        (14, "malformed", '{ "sensor_id": "x"'),
        (15, "not_utf8", "\\xff \\xfe"),
    ]
    assert belt.off_by() == 0


def test_a_message_over_the_limit_costs_itself(tmp_path: Path) -> None:
    belt = Belt(tmp_path, FEED, limits=Limits(line_bytes=1000))
    belt.land(messages([GOOD[0], b'{"x": "' + b"y" * 5000 + b'"}', GOOD[1]]))
    assert sorted(belt.raw()["sensor_id"]) == ["d0", "d1"]
    assert belt.refused().select("code", "_position", "payload").rows() == [("over_limit", 1, None)]


def test_a_batch_without_rows_moves_on_all_the_same(tmp_path: Path) -> None:
    belt = Belt(tmp_path, FEED)
    belt.land(messages([b"", b"\n"]))
    assert (belt.position(), belt.raw().height, belt.off_by()) == (2, 0, 0)


@pytest.mark.parametrize(
    ("block", "found"),
    [
        ({"uri": "replay://x", "format": "csv"}, "csv"),
        ({"uri": "replay://x", "format": "json_lines", "append_only": True}, "broker is no file"),
        ({"uri": "amqp://x", "format": "json"}, "unknown scheme"),
    ],
)
def test_what_a_live_source_cannot_be(tmp_path: Path, block: dict, found: str) -> None:
    Belt(tmp_path, FEED)
    from pipelines.sources.declared import parse
    from schemas.registry import feed

    with pytest.raises(SettingsError, match=found):
        parse(feed(FEED), "x", block, tmp_path)


def test_late_rows_are_counted_by_each_rows_own_receipt(tmp_path: Path) -> None:
    belt = Belt(tmp_path, FEED)
    belt.land(messages([json.dumps(event("a", 0)).encode(), json.dumps(event("b", 30)).encode()]))
    books = belt.lake.scan("ledger")
    assert books is not None
    # received at 9:00:00 and 9:00:01: of 8:00 that is exactly timely, of 8:30 it is too
    assert books.select(pl.col("late").sum()).collect().item() == 0
    belt.land(messages([json.dumps(event("c", 0)).encode()] * 3, 2))
    assert belt.lake.scan("ledger").select(pl.col("late").sum()).collect().item() == 2  # type: ignore[union-attr]
