"""Event logs of signal controllers, written from their formats' definition: Econolite's .dat and .datZ, MaxTime's XML.

What events amount to is tested in tests/metrics; real logs of agencies in tests/integration.
"""

import struct
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.refined import refine
from pipelines.formats.documents import econolite, maxtime
from pipelines.formats.lines import Lines
from pipelines.sources.declared import parse
from schemas.city import City
from schemas.registry import feed
from schemas.rejection import Code
from tests.landing.driver import Inbox

FEED = "signal_events"
SAMPLES = Path(__file__).parents[1] / "samples" / FEED
GOOD = {
    m: [p.read_bytes() for p in sorted((SAMPLES / m.__name__.rpartition(".")[2]).glob("*.pass.*"))] for m in (econolite, maxtime)
}
STAMP = "5-1-2026 08:00:00.0"


def dat(*records: tuple[int, int, int], begins: str = "5/1/2026,08:00:00.0", rest: bytes = b"") -> bytes:
    header = f"{STAMP},Intersection #:,7115\n{STAMP},IP Address:,192.0.2.15\n"
    header += f"{STAMP},Controller Data Log Beginning:,{begins}\n{STAMP},Phases in use:,2,6\n"
    return header.encode() + b"".join(struct.pack(">BBH", *r) for r in records) + rest


def xml(*events: str, controller: str = "1015") -> str:
    inner = "\n".join(f"<Event {e}/>" for e in events)
    told = f"<Description><IntersectionNumber>{controller}</IntersectionNumber><IP>192.0.2.1</IP></Description>"
    return f"<EventResponse>{told}{inner}</EventResponse>"


def log(*responses: str) -> bytes:
    return f"<?xml version='1.0'?><EventResponses>{''.join(responses)}</EventResponses>".encode()


def decoded(module, *documents: bytes):
    source = parse(feed(FEED), "t", {"uri": "x", "format": module.__name__.rpartition(".")[2]}, Path())
    sizes = np.array([len(d) for d in documents])
    ends = np.cumsum(sizes)
    return module.decode(Lines.between(b"".join(documents), ends - sizes, ends), source, feed(FEED))


def test_econolite_events_stand_tenths_after_the_begin_of_their_log():
    found = decoded(econolite, dat((82, 4, 15), (10, 2, 0x0A0D), (255, 255, 65535), begins="5/1/2026,23:59:58.5"))
    (frame,) = found.frames
    at = datetime(2026, 5, 1, 23, 59, 58, 500_000)
    assert frame["Timestamp"].to_list() == [at + timedelta(milliseconds=100 * t) for t in (15, 0x0A0D, 65535)]
    assert frame["EventCode"].to_list() == [82, 10, 255]
    assert frame["EventParam"].to_list() == [4, 2, 255]
    assert frame["Intersection #"].to_list() == ["7115"] * 3
    assert found.payloads(pl.Series([1], dtype=pl.Int64)).to_list() == ["0a020a0d"]


def test_several_logs_keep_their_headers_their_rows_and_their_faults_apart():
    broken, empty, cut = b"no header", dat(), dat((1, 2, 3), rest=b"\x01\x02")
    found = decoded(econolite, dat((82, 1, 0), (81, 1, 5)), broken, empty, zlib.compress(dat((8, 2, 7))), cut)
    (frame,) = found.frames
    assert frame["_position"].to_list() == [0, 1, 3, 4]
    assert frame["EventCode"].to_list() == [82, 81, 8, 1]
    assert found.faults.select("_position", "code").rows() == [(2, Code.MALFORMED), (5, Code.MALFORMED)]
    assert found.documents.tolist() == [0, 0, 1, 3, 4, 4]
    assert found.payloads(pl.Series([2, 5, 3], dtype=pl.Int64)).to_list() == ["no header", "0102", "08020007"]


def test_a_compressed_log_that_grows_without_bound_is_refused():
    bomb = zlib.compress(dat() + bytes(econolite.INFLATED_BYTES))
    assert decoded(econolite, bomb).faults["code"].to_list() == [Code.OVER_LIMIT]


def test_the_controller_may_be_named_by_the_file_instead_of_the_header(inbox: Inbox):
    inbox.put("4895_ECON_192.0.2.15_2026_05_01_0800.dat", dat((82, 4, 15)))
    inbox.put("other.dat", dat((82, 4, 15)))
    columns = {"controller_id": {"from": "_file", "pattern": "^([0-9]+)_ECON_"}}
    inbox.land(FEED, uri="*.dat", format="econolite", time_zone="America/Denver", columns=columns)
    assert inbox.raw(FEED).select("controller_id", "occurred_at").rows() == [
        ("4895", datetime(2026, 5, 1, 14, 0, 1, 500_000, tzinfo=UTC))
    ]
    assert inbox.codes(FEED) == [("missing", "controller_id")]


def test_the_wall_clock_of_a_log_is_that_of_the_source(inbox: Inbox):
    """01:30 comes twice on the night when summer time ends: such a log is refused, or read as the source says."""
    inbox.put("a.dat", dat((82, 4, 15), begins="11/01/2026,01:30:00.0"))
    inbox.land(FEED, uri="a.dat", format="econolite", time_zone="America/Denver")
    assert inbox.codes(FEED) == [("no_such_local_time", "occurred_at")]
    inbox.put("b.dat", dat((82, 4, 15), begins="11/01/2025,01:30:00"))
    inbox.land(FEED, uri="b.dat", format="econolite", time_zone="America/Denver")
    assert inbox.raw(FEED)["occurred_at"].to_list() == [datetime(2025, 11, 1, 7, 30, 1, 500_000, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("7-22-2024 13:33:19.3", "2024-07-22T13:33:19.3"),
        ("7-22-2024 13:33:19", "2024-07-22T13:33:19"),
        ("7-2-2024 3:3:9.25", "2024-07-02T03:03:09.25"),
        ("07/02/2024 03:03:09", "2024-07-02T03:03:09"),
        ("yesterday", "yesterday"),
    ],
)
def test_maxtime_writes_times_month_first_padded_or_not(written, iso):
    (frame,) = decoded(maxtime, log(xml(f'ID="1" TimeStamp="{written}" EventTypeID="1" Parameter="2"')))
    assert frame["TimeStamp"].to_list() == [iso]


def test_an_event_that_lacks_something_costs_itself_and_moves_no_other(inbox: Inbox):
    events = [f'ID="{i}" TimeStamp="5-1-2026 08:{i // 60:02}:{i % 60}" EventTypeID="82" Parameter="{i}"' for i in range(1000)]
    events[500] = 'ID="500" TimeStamp="5-1-2026 08:08:20" Parameter="500"'
    inbox.put("a.xml", log(xml(*events)))
    inbox.land(FEED, uri="a.xml", format="maxtime")
    rows = inbox.raw(FEED)
    assert rows["parameter"].to_list() == [i for i in range(1000) if i != 500]
    assert (rows["occurred_at"] - datetime(2026, 5, 1, 8, tzinfo=UTC)).dt.total_seconds().to_list() == rows["parameter"].to_list()
    assert inbox.codes(FEED) == [("missing", "code")]
    assert inbox.refused(FEED)["payload"].to_list() == ['<Event ID="500" TimeStamp="5-1-2026 08:08:20" Parameter="500"/>']
    assert inbox.off_by() == 0


def test_controllers_of_one_document_and_broken_documents_beside_them_stay_apart():
    one = 'ID="1" TimeStamp="5-1-2026 08:00:00.1" EventTypeID="1" Parameter="2"'
    two = log(xml(one, one, controller="7"), xml(one, controller="8"))
    found = decoded(maxtime, two, b"<EventResponses><EventResponse>", log(), log(xml(one)))
    (frame,) = found.frames
    assert frame["IntersectionNumber"].to_list() == ["7", "7", "8", "1015"]
    assert frame["_position"].to_list() == [0, 1, 2, 4]
    assert found.faults["_position"].to_list() == [3]
    assert found.documents.tolist() == [0, 0, 0, 1, 3]
    assert found.payloads(pl.Series([2, 3], dtype=pl.Int64)).to_list()[1] == "<EventResponses><EventResponse>"


def test_events_out_of_order_and_sent_twice_are_refined_in_order_and_once(tmp_path: Path):
    box = Inbox(tmp_path, City("Test", "UTC"))
    told = [("08:00:09.9", 82), ("08:00:09.1", 8), ("08:00:10", 81), ("08:00:09.1", 8)]
    events = [f'ID="{i}" TimeStamp="5-1-2026 {t}" EventTypeID="{c}" Parameter="4"' for i, (t, c) in enumerate(told)]
    box.put("a.xml", log(xml(*events)))
    box.put("b.xml", log(xml(*events[:2])))
    box.land(FEED, uri="*.xml", format="maxtime")
    (done,) = refine(box.lake, box.city, FEED)
    assert (done.taken, done.kept, done.repeated) == (6, 3, 3)
    assert box.lake.scan("refined", FEED).collect()["code"].to_list() == [8, 82, 81]


@given(st.sampled_from([econolite, maxtime]), st.data())
@settings(max_examples=150, deadline=None)
def test_mutated_logs_are_read_or_refused_and_every_row_is_accounted_for(module, data):
    documents = []
    for _ in range(data.draw(st.integers(1, 3))):
        good = bytearray(data.draw(st.sampled_from(GOOD[module])))
        for _ in range(data.draw(st.integers(0, 4))):
            at = data.draw(st.integers(0, len(good) - 1))
            good[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))
        documents.append(bytes(good) or b"\0")
    found = decoded(module, *documents)
    rows = found.frames[0]["_position"].to_list() + found.faults["_position"].to_list()
    assert sorted(rows) == list(range(len(found.documents)))
    assert (np.diff(found.documents) >= 0).all()
    assert found.payloads(pl.Series(sorted(rows), dtype=pl.Int64)).len() == len(rows)
