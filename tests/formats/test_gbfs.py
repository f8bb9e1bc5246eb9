"""GBFS 1.1, 2.3 and 3.0, written from the standard's own text: what a station says arrives, whatever the version.

How documents are cut and packed is tested in tests/landing; what stations amount to, in tests/metrics.
"""

import gzip
import json
import shutil
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.measure import measure
from assets.refined import refine
from dagster_project import way
from dagster_project.settings import load as load_settings
from pipelines.formats.documents import gbfs
from pipelines.formats.lines import Lines
from pipelines.reference import load
from pipelines.sources.declared import of_reference, parse
from schemas.errors import SourceError
from schemas.registry import feed, references
from tests.landing.driver import Inbox
from tests.live.belt import RECEIVED_US, Belt, messages

FEED = "bike_stations"
AT, POSIX = "2026-05-01T08:20:00+00:00", 1777623600
GOOD = {"station_id": "s", "is_installed": True, "is_renting": True, "is_returning": True, "last_reported": POSIX}
GOOD |= {"num_bikes_available": 1, "num_docks_available": 2}
VALUES = [
    "vehicles_available",
    "docks_available",
    "vehicles_disabled",
    "docks_disabled",
    "is_installed",
    "is_renting",
    "is_returning",
]


def document(*stations: Any, version: str = "2.3", updated: Any = POSIX + 60, ttl: int = 60) -> str:
    return json.dumps({"last_updated": updated, "ttl": ttl, "version": version, "data": {"stations": list(stations)}})


def landed(inbox: Inbox, text: str | bytes, **block: Any) -> pl.DataFrame:
    inbox.put("station_status.json", text)
    inbox.land(FEED, uri="station_status.json", format="gbfs", **block)
    assert inbox.off_by() == 0
    return inbox.raw(FEED)


STATIONS = {
    "1.1": {
        "station_id": 72,
        "num_bikes_available": 3,
        "num_bikes_disabled": 1,
        "num_docks_available": 16,
        "num_docks_disabled": 0,
    }
    | {"is_installed": 1, "is_renting": 1, "is_returning": 0, "last_reported": str(POSIX)},
    "2.3": {"station_id": "72", "num_bikes_available": 3, "num_bikes_disabled": 1, "num_docks_available": 16}
    | {"num_docks_disabled": 0, "is_installed": True, "is_renting": True, "is_returning": False, "last_reported": POSIX}
    | {"vehicle_types_available": [{"vehicle_type_id": "abc123", "count": 3}]},
    "3.0": {"station_id": "72", "num_vehicles_available": 3, "num_vehicles_disabled": 1, "num_docks_available": 16}
    | {"num_docks_disabled": 0, "is_installed": True, "is_renting": True, "is_returning": False}
    | {"last_reported": "2026-05-01T10:20:00+02:00"},
}


@pytest.mark.parametrize("version", STATIONS)
def test_every_version_says_the_same(inbox: Inbox, version: str) -> None:
    updated = "2026-05-01T10:21:00+02:00" if version == "3.0" else POSIX + 60
    raw = landed(inbox, document(STATIONS[version], version=version, updated=updated))
    assert raw.select("station_id", pl.col("reported_at").cast(pl.String)).rows() == [("72", "2026-05-01 08:20:00.000000+00:00")]
    assert raw.select(VALUES).rows() == [(3, 16, 1, 0, True, True, False)]


TIMES = [
    (POSIX, AT),
    (str(POSIX), AT),
    (POSIX + 0.25, "2026-05-01T08:20:00.250000+00:00"),
    ("2026-05-01T08:20:00Z", AT),
    ("2026-05-01T03:50:00.25-04:30", "2026-05-01T08:20:00.250000+00:00"),
    (POSIX * 1000, "wrong_type"),
    ("yesterday", "wrong_type"),
    (None, "missing"),
    (0, "implausible_time"),
    (POSIX + 10**9, "from_future"),
]


@pytest.mark.parametrize(("said", "meant"), TIMES, ids=[str(t) for t, _ in TIMES])
def test_a_time_says_by_its_looks_how_it_is_written(inbox: Inbox, said: Any, meant: str) -> None:
    raw = landed(inbox, document(GOOD | {"last_reported": said}))
    if raw.height:
        assert raw["reported_at"][0] == datetime.fromisoformat(meant)
    else:
        assert inbox.codes(FEED) == [(meant, "reported_at")]


def test_docks_without_end_are_no_number_of_docks(inbox: Inbox) -> None:
    bare = {k: v for k, v in GOOD.items() if k != "num_docks_available"}
    raw = landed(inbox, document(GOOD | {"num_docks_available": 999}, bare, GOOD | {"num_docks_available": "999"}))
    assert raw["docks_available"].to_list() == [None] * 3


def test_a_bad_station_costs_itself_alone(inbox: Inbox) -> None:
    odd = [7, None, GOOD | {"station_id": None}, GOOD | {"num_bikes_available": -1}, GOOD | {"num_bikes_available": "many"}]
    raw = landed(inbox, document(*[GOOD] * 500, *odd, *[GOOD] * 500))
    assert raw.height == 1000
    refused = [("malformed", None)] * 2 + [("missing", "station_id")]
    refused += [("out_of_range", "vehicles_available"), ("wrong_type", "vehicles_available")]
    assert inbox.codes(FEED) == refused
    assert json.loads(inbox.refused(FEED)["payload"][4]) == odd[4]


def test_a_station_twice_in_one_document_is_settled_when_refining(inbox: Inbox) -> None:
    later = GOOD | {"last_reported": POSIX + 30, "num_bikes_available": 9}
    landed(inbox, document(GOOD, GOOD, later, GOOD | {"station_id": "t"}, GOOD | {"station_id": "t", "num_bikes_available": 5}))
    (done,) = refine(inbox.lake, inbox.city, FEED)
    assert (done.taken, done.kept, done.repeated, done.superseded) == (5, 3, 1, 1)
    rows = inbox.lake.scan("refined", FEED).collect().sort("station_id", "reported_at")
    assert rows.select("station_id", "vehicles_available").rows() == [("s", 1), ("s", 9), ("t", 5)]


def test_what_the_envelope_says_can_be_asked_for(inbox: Inbox) -> None:
    silent = {k: v for k, v in GOOD.items() if k != "last_reported"}
    raw = landed(inbox, document(silent, GOOD), columns={"reported_at": "last_updated"}, where="version = '2.3' AND ttl = '60'")
    assert [str(t) for t in raw["reported_at"]] == ["2026-05-01 08:21:00+00:00"] * 2
    inbox.put("other.json", document(GOOD, version="2.2"))
    inbox.land(FEED, uri="other.json", format="gbfs", where="version = '2.3'")
    assert inbox.raw(FEED).height == 2


WHOLES = [
    (b'{"data": {"stations": [{"station_id": "s1"', "malformed"),
    (b"\xff\xfe{}", "not_utf8"),
    (b"[]", "malformed"),
    (b'{"data": {"feeds": []}}', "malformed"),
    (b'{"data": {"stations": ' + b"[" * 2000 + b"]" * 2000 + b"}}", "over_limit"),
]


@pytest.mark.parametrize(("body", "code"), WHOLES, ids=[c for _, c in WHOLES])
def test_a_document_that_is_none_is_one_refused_row(inbox: Inbox, body: bytes, code: str) -> None:
    assert landed(inbox, body).height == 0
    assert inbox.codes(FEED) == [(code, None)]


def test_a_system_without_stations_refuses_nothing(inbox: Inbox) -> None:
    assert landed(inbox, document()).height == 0
    assert inbox.codes(FEED) == []


def test_a_byte_order_mark_is_skipped(inbox: Inbox) -> None:
    assert landed(inbox, b"\xef\xbb\xbf" + document(GOOD).encode()).height == 1


def test_polls_repeat_what_stations_said_before(tmp_path: Path) -> None:
    belt = Belt(tmp_path, FEED, block={"format": "gbfs"})
    seconds = RECEIVED_US // 1_000_000
    polls = [
        document(*(GOOD | {"station_id": f"s{i}", "last_reported": seconds - 600 + 60 * (poll // 5 * 5)} for i in range(3)))
        for poll in range(10)
    ]
    belt.land(messages([p.encode() for p in polls[:7]], 0))
    belt.land(messages([p.encode() for p in polls[7:]], 7))
    assert belt.raw().height == 30
    done = refine(belt.lake, belt.landing.city, FEED)
    assert (sum(d.kept for d in done), sum(d.repeated for d in done)) == (6, 24)


def test_thousands_of_documents_at_once_say_what_they_say_one_by_one(tmp_path: Path) -> None:
    made = [document(*[GOOD | {"station_id": f"{i}-{k}"} for k in range(i % 4)], ttl=i) for i in range(2000)]
    made[100:100] = ["{", '{"data": {}}']
    source = parse(feed(FEED), "t", {"uri": "x.json", "format": "gbfs", "where": "ttl >= '0'"}, tmp_path)
    together = gbfs.decode(of(made), source, feed(FEED))
    assert together.count == len(together.documents) == 2000 // 4 * 6 + 2
    assert (np.diff(together.documents) >= 0).all()
    frame, at = together.frames[0], 0
    for i in (0, 1, 99, 100, 101, 103, 2001):
        alone = gbfs.decode(of(made[i : i + 1]), source, feed(FEED))
        at = int(np.searchsorted(together.documents, i))
        assert (together.documents == i).sum() == alone.count
        same = frame.filter(pl.col("_position").is_between(at, at + alone.count - 1))
        assert same.drop("_position").equals(alone.frames[0].drop("_position"))
    assert together.payloads(together.faults["_position"]).to_list() == made[100:102]


def of(texts: list[str]) -> Lines:
    bodies = [t.encode() for t in texts]
    ends = np.cumsum([len(b) for b in bodies])
    return Lines.between(b"".join(bodies), ends - [len(b) for b in bodies], ends)


PLACES = {
    "1.1": {"station_id": 72, "name": "Broadway", "lat": 40.5, "lon": -73.9, "capacity": 19, "region_id": 3},
    "2.3": {"station_id": "72", "name": "Broadway", "lat": 40.5, "lon": -73.9, "capacity": 19, "region_id": "3"},
    "3.0": {"station_id": "72", "name": [{"text": "Broadway", "language": "en"}, {"text": "Breitweg", "language": "de"}]}
    | {"lat": 40.5, "lon": -73.9, "capacity": 19, "region_id": "3"},
}


@pytest.mark.parametrize("version", PLACES)
def test_station_information_is_a_reference_table(inbox: Inbox, version: str) -> None:
    path = inbox.put("station_information.json", document(PLACES[version], version=version, updated=POSIX))
    source = of_reference(references()["stations"], {"uri": path.name, "format": "gbfs"}, path.parent)
    assert load(inbox.lake, inbox.city, references()["stations"], source) == 1
    (row,) = inbox.lake.scan("reference", "stations").collect().to_dicts()
    assert row == {
        "station_id": "72", "valid_from": datetime.fromisoformat(AT), "name": "Broadway", "district": "3", "capacity": 19,
        "lat": 40.5, "lon": -73.9, "report_ttl_s": None, "clock_offset_s": 0,
    }  # fmt: skip


def test_a_wrong_place_refuses_the_whole_table(inbox: Inbox) -> None:
    path = inbox.put("station_information.json", document(PLACES["2.3"], PLACES["2.3"] | {"station_id": "73", "lat": 405}))
    source = of_reference(references()["stations"], {"uri": path.name, "format": "gbfs"}, path.parent)
    with pytest.raises(SourceError, match="out_of_range in lat"):
        load(inbox.lake, inbox.city, references()["stations"], source)


def test_stations_that_no_information_describes_are_measured(inbox: Inbox) -> None:
    at = datetime(2026, 5, 1, 8, 0, tzinfo=UTC).timestamp()
    landed(inbox, document(*(GOOD | {"last_reported": at + 1800 * k, "num_bikes_available": k % 2} for k in range(3))))
    refine(inbox.lake, inbox.city, FEED)
    measure(inbox.lake, inbox.city, "bike_availability", [date(2026, 5, 1)])
    hours = inbox.lake.scan("metrics", "bike_availability").collect().filter(pl.col("n") > 0).sort("bin_at")
    assert hours.select("n", "empty_share", "full_share", "district").rows() == [
        (2, 0.5, 0.0, "unknown"),
        (1, 1.0, 0.0, "unknown"),
    ]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good document with some bytes cut out, put in or exchanged."""
    body = bytearray(document(*draw(st.lists(st.sampled_from(list(STATIONS.values())), max_size=3))).encode())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(body)


@given(st.lists(mutated(), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_mutated_documents_keep_the_books(bodies: list[bytes]) -> None:
    inbox = Inbox(Path(tempfile.mkdtemp(prefix="citylake-")))
    try:
        for i, body in enumerate(bodies):
            inbox.put(f"{i}.json", body)
        inbox.land(FEED, uri="*.json", format="gbfs")
        assert inbox.off_by() == 0
    finally:
        shutil.rmtree(inbox.folder)


TOML = """
[city]
name = "Testville"
time_zone = "Europe/Berlin"
[reference]
stations = { uri = "station_information.json", format = "gbfs" }
[feeds.bike_stations.sources.saved]
uri = "station_status*.json.gz"
format = "gbfs"
[feeds.bike_stations.sources.polled]
uri = "https://bikes.example/gbfs/2.3/station_status.json"
format = "gbfs"
ttl_path = "ttl"
"""


def test_a_system_needs_no_more_than_where_it_is(inbox: Inbox) -> None:
    inbox.put("station_information.json", document(PLACES["2.3"]))
    inbox.put("station_status.1.json.gz", gzip.compress(document(STATIONS["2.3"]).encode()))
    city = load_settings(inbox.put("citylake.toml", TOML), str(inbox.folder / "city"))
    assert way.load_references(city) == {"stations": 1}
    way.land(city)
    assert [s.name for s in city.live_of(FEED)] == ["polled"]
    refine(city.lake, city.city, FEED)
    (row,) = city.lake.scan("refined", FEED).collect().to_dicts()
    assert (row["station_id"], row["vehicles_available"]) == ("72", 3)
    assert row["h3_cell"] is not None  # the place is the reference table's
