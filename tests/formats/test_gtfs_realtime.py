"""GTFS-Realtime as protobuf and as JSON, written from the reference's own text: what vehicles and trips say arrives.

What is made of it is tested in tests/metrics; files of agencies in tests/integration.
"""

import json
import os
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from google.protobuf import json_format
from google.transit import gtfs_realtime_pb2 as standard
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.refined import refine
from pipelines.formats.documents import gtfs_realtime
from pipelines.formats.lines import Lines
from pipelines.sources.declared import parse
from schemas.registry import feed
from tests.landing.driver import Inbox
from tests.live.belt import RECEIVED_US, Belt, messages

FEED = "transit_vehicles"
POSIX = 1777623600
AT = datetime(2026, 5, 1, 8, 20, tzinfo=UTC)
VALUES = [n for n in feed(FEED).names if n != "header_at"]


def vehicle(name: str = "bus 12", at: int | None = POSIX, **more: Any) -> dict[str, Any]:
    said = {
        "trip": {"trip_id": "t-100", "route_id": "12", "direction_id": 0, "start_date": "20260501"},
        "vehicle": {"id": name, "label": "12"},
        "position": {"latitude": 52.5, "longitude": 13.375, "bearing": 270.0, "speed": 8.5},
        "stop_id": "s-7",
        "current_stop_sequence": 7,
        "current_status": "STOPPED_AT",
        "occupancy_status": "FEW_SEATS_AVAILABLE",
        "occupancy_percentage": 60,
    }
    return {"id": f"v {name}", "vehicle": said | ({} if at is None else {"timestamp": at}) | more}


def update(trip: str = "t-100", at: int = POSIX, **more: Any) -> dict[str, Any]:
    stops = [
        {"stop_sequence": 7, "stop_id": "s-7", "schedule_relationship": "SKIPPED"},
        {"stop_sequence": 8, "stop_id": "s-8", "schedule_relationship": "NO_DATA"},
        {"stop_sequence": 9, "stop_id": "s-9", "arrival": {"delay": 95}, "departure": {"delay": 80}},
        {"stop_sequence": 10, "stop_id": "s-10", "arrival": {"delay": 60}},
    ]
    said = {"trip": {"trip_id": trip, "route_id": "12"}, "vehicle": {"id": "bus 12"}, "timestamp": at, "stop_time_update": stops}
    return {"id": f"u {trip}", "trip_update": said | more}


def message(*entities: dict[str, Any], at: int = POSIX + 9) -> dict[str, Any]:
    return {"header": {"gtfs_realtime_version": "2.0", "timestamp": at}, "entity": list(entities)}


def protobuf(told: dict[str, Any]) -> bytes:
    return json_format.ParseDict(told, standard.FeedMessage()).SerializeToString()


def plain(told: dict[str, Any]) -> bytes:
    return json.dumps(told).encode()


def camel(told: dict[str, Any]) -> bytes:
    return json_format.MessageToJson(json_format.ParseDict(told, standard.FeedMessage())).encode()


def landed(inbox: Inbox, *documents: bytes) -> pl.DataFrame:
    for i, document in enumerate(documents):
        name = f"{i:03d}.bin"
        os.utime(inbox.put(name, document), (POSIX + 100 + i, POSIX + 100 + i))
    inbox.land(FEED, uri="*.bin", format="gtfs_realtime")
    assert inbox.off_by() == 0
    return inbox.raw(FEED)


def decoded(*documents: bytes) -> Any:
    source = parse(feed(FEED), "test", {"uri": "a", "format": "gtfs_realtime"}, Path.cwd())
    ends = np.cumsum([len(d) for d in documents])
    starts = ends - [len(d) for d in documents]
    return gtfs_realtime.decode(Lines.between(b"".join(documents), starts, ends), source, feed(FEED))


@pytest.mark.parametrize("form", [protobuf, plain, camel])
def test_a_position_and_an_update_in_every_form(inbox: Inbox, form: Any) -> None:
    position, said = landed(inbox, form(message(vehicle(), update()))).select(VALUES).rows(named=True)
    assert position == {
        "vehicle_id": "bus 12", "observed_at": AT, "said_by": "vehicle", "trip_id": "t-100", "route_id": "12", "direction_id": 0,
        "service_date": date(2026, 5, 1), "lat": 52.5, "lon": 13.375, "bearing_deg": 270.0, "speed_kmh": 30.6, "delay_s": None,
        "stop_id": "s-7", "stop_sequence": 7, "stop_status": "stopped_at", "occupancy": "FEW_SEATS_AVAILABLE",
        "occupancy_share": 0.6,
    }  # fmt: skip
    assert said == {
        **dict.fromkeys(VALUES), "vehicle_id": "bus 12", "observed_at": AT, "said_by": "trip_update t-100", "trip_id": "t-100",
        "route_id": "12", "delay_s": 80, "stop_id": "s-9", "stop_sequence": 9,
    }  # fmt: skip
    assert inbox.raw(FEED)["header_at"].unique().to_list() == [AT + timedelta(seconds=9)]


@pytest.mark.parametrize("form", [protobuf, plain, camel])
def test_an_empty_poll_is_no_row_and_an_entity_about_nothing_is_refused(inbox: Inbox, form: Any) -> None:
    assert landed(inbox, form(message()), form(message({"id": "x"})), form(message({"id": "y", "is_deleted": True}))).is_empty()
    assert inbox.codes(FEED) == [("malformed", None)]


def test_entities_about_other_things_are_left_out(inbox: Inbox) -> None:
    alert = {"id": "a", "alert": {"header_text": {"translation": [{"text": "Works"}]}}}
    assert landed(inbox, protobuf(message(alert, vehicle())), plain(message(vehicle("b"), alert))).height == 2
    assert inbox.refused(FEED).is_empty()


@pytest.mark.parametrize("form", [protobuf, plain])
@pytest.mark.parametrize("stamp", [None, 0])
def test_the_header_dates_what_has_no_time_of_its_own(inbox: Inbox, form: Any, stamp: int | None) -> None:
    assert landed(inbox, form(message(vehicle(at=stamp))))["observed_at"].to_list() == [AT + timedelta(seconds=9)]


@pytest.mark.parametrize("form", [protobuf, plain])
def test_a_vehicle_may_be_a_minute_ahead_of_its_header_and_no_more(inbox: Inbox, form: Any) -> None:
    rows = landed(inbox, form(message(vehicle("a"), vehicle("b", POSIX + 1), vehicle("c"), at=POSIX - 60)))
    assert rows["vehicle_id"].to_list() == ["a", "c"]
    (fault,) = inbox.refused(FEED).to_dicts()
    assert (fault["code"], fault["column"], fault["found"], fault["_position"]) == (
        "from_future",
        "observed_at",
        str(POSIX + 1),
        1,
    )
    assert fault["event_date"] is None


@pytest.mark.parametrize("form", [protobuf, plain])
def test_milliseconds_are_refused_and_nothing_stands_in_for_them(inbox: Inbox, form: Any) -> None:
    assert landed(inbox, form(message(vehicle(at=POSIX * 1000)))).is_empty()
    assert inbox.codes(FEED) == [("wrong_type", "observed_at")]


@pytest.mark.parametrize("form", [protobuf, plain])
def test_who_speaks_where_no_vehicle_is_named(inbox: Inbox, form: Any) -> None:
    label = vehicle("a", vehicle={"label": "12"})
    rows = landed(inbox, form(message(label, update("t-1", vehicle={}), vehicle("b", vehicle={}, trip={}))))
    assert rows["vehicle_id"].to_list() == ["12", "t-1", "v b"]


def test_one_broken_entity_costs_itself(inbox: Inbox) -> None:
    whole = bytearray(protobuf(message(*(vehicle(f"bus {i}") for i in range(1000)))))
    at = whole.index(b"bus 500") + 9  # the key of a field of vehicle 500 becomes one that cannot be
    whole[at - 2 : at] = b"\xff\xff"
    rows = landed(inbox, bytes(whole))
    assert rows.height == 999
    assert rows["_position"].to_list() == [i for i in range(1000) if i != 500]
    (fault,) = inbox.refused(FEED).to_dicts()
    assert (fault["code"], fault["_position"]) == ("malformed", 500)
    assert bytes.fromhex(fault["payload"]).startswith(b"\n\tv bus 500")


def test_a_message_cut_short_keeps_what_is_whole(inbox: Inbox) -> None:
    assert landed(inbox, protobuf(message(vehicle("a"), vehicle("b")))[:-5])["vehicle_id"].to_list() == ["a"]
    assert inbox.codes(FEED) == [("malformed", None)]
    assert b"v b" in bytes.fromhex(inbox.refused(FEED)["payload"][0])


@pytest.mark.parametrize("document", [b"<html>502</html>", b"{}", b"[]", b"{", b"\x00\x01", b"\xff" * 30, b'{"entity": 3}'])
def test_what_is_no_message_is_one_row_refused(inbox: Inbox, document: bytes) -> None:
    rows = landed(inbox, document, protobuf(message(vehicle())))
    assert rows.height == 1
    assert inbox.codes(FEED) == [("malformed", None)]


def test_messages_of_both_forms_in_one_batch() -> None:
    first, second = message(vehicle("a"), update()), message(vehicle("b"), {"id": "x"})
    batch = decoded(plain(first), protobuf(second), plain(message()), protobuf(message(vehicle("c"))), b"{")
    assert batch.documents.tolist() == [0, 0, 1, 1, 3, 4]
    assert sorted(p for f in batch for p in f["_position"]) == [0, 1, 2, 4]
    assert batch.faults["_position"].to_list() == [3, 5]
    shown = batch.payloads(pl.Series([5, 1, 3], dtype=pl.Int64)).to_list()
    assert shown[0] == "{"
    assert json.loads(shown[1])["id"] == "u t-100"
    assert bytes.fromhex(shown[2]) == b"\n\x01x"


def test_polls_that_repeat_an_observation_are_repeats_whatever_their_header(inbox: Inbox) -> None:
    polls = [protobuf(message(vehicle(), update("t-1"), update("t-2"), at=POSIX + 9 + 15 * i)) for i in range(4)]
    assert landed(inbox, *polls).height == 12
    (day,) = refine(inbox.lake, inbox.city, FEED)
    assert (day.taken, day.kept, day.repeated, day.superseded) == (12, 3, 9, 0)
    kept = inbox.lake.scan("refined", FEED).collect().sort("said_by")  # type: ignore[union-attr]
    assert kept["said_by"].to_list() == ["trip_update t-1", "trip_update t-2", "vehicle"]
    assert kept["header_at"].unique().to_list() == [AT + timedelta(seconds=54)]
    assert kept["lat"].to_list() == [None, None, 52.5]


def test_polls_of_an_address_land_as_messages_do(tmp_path: Path) -> None:
    belt = Belt(tmp_path, FEED, block={"format": "gtfs_realtime"})
    at = RECEIVED_US // 1_000_000
    polls = [message(vehicle(f"bus {poll % 2}", at - 60), update(f"t-{poll}", at - 60), at=at - 50) for poll in range(5)]
    belt.land(messages([protobuf(p) for p in polls[:3]], 0))
    belt.land(messages([plain(polls[3]), b"<html>", protobuf(polls[4]), protobuf(message())], 3))
    assert belt.raw().height == 10
    done = refine(belt.lake, belt.landing.city, FEED)
    assert (sum(d.kept for d in done), sum(d.repeated for d in done)) == (7, 3)


def test_a_header_that_goes_back_and_speeds_that_cannot_be_are_told(inbox: Inbox) -> None:
    fast = vehicle("b", position={"latitude": 1.0, "longitude": 1.0, "speed": 27.0})
    polls = [message(vehicle(), fast, at=POSIX + at) for at in (-5, 30, 15)]
    this = landed(inbox, *map(plain, polls))
    engine = duckdb.connect()
    engine.register("this", this.to_arrow())
    counted = {r.name: engine.sql(r.broken).fetchone() for r in feed(FEED).table_rules}
    assert counted == {"speed_is_possible": (3,), "not_ahead_of_its_header": (2,), "header_goes_forward": (2,)}


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=50)
def test_mutated_messages_lose_no_row(seed: int, as_json: bool) -> None:
    rng = random.Random(seed)
    form = plain if as_json else protobuf
    documents = []
    for _ in range(rng.randrange(1, 4)):
        made = bytearray(form(message(*(vehicle(f"b{i}") for i in range(rng.randrange(3))), update())))
        for _ in range(rng.randrange(4)):
            at = rng.randrange(len(made))
            made[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(4))
        documents.append(bytes(made) or b"x")
    batch = decoded(*documents)
    numbers = sorted([p for f in batch for p in f["_position"]] + batch.faults["_position"].to_list())
    assert numbers == list(range(len(batch.documents)))
    assert (np.diff(batch.documents) >= 0).all()
    assert batch.payloads(pl.Series(numbers, dtype=pl.Int64)).null_count() == 0


def test_a_page_of_errors_is_shown_as_it_came(inbox) -> None:
    page = "<html>\n503 Service Unavailable</html>\n"
    inbox.put("poll.pb", page)
    inbox.land(FEED, uri="poll.pb", format="gtfs_realtime")
    assert inbox.refused(FEED).select("code", "found", "payload").rows() == [("malformed", page, page)]
