"""Open311 GeoReport v2, written from the standard's text: what a register says of requests; it forgets, and the lake does not.

How documents are cut and packed is tested in tests/landing.
"""

import json
from typing import Any

import polars as pl
import pytest

from assets.refined import refine
from tests.formats.decoding import read
from tests.landing.driver import Inbox

FEED = "service_requests"
OPEN = {
    "service_request_id": "638344",
    "status": "open",
    "service_name": "Street light out",
    "service_code": "006",
    "requested_datetime": "2026-04-14T06:37:38-08:00",
    "updated_datetime": "2026-04-14T06:37:38-08:00",
    "expected_datetime": "2026-04-21T06:37:38-08:00",
    "lat": 37.76,
    "long": -122.46,
}
CLOSED = OPEN | {"status": "closed", "updated_datetime": "2026-04-16T09:00:00-08:00"}


def poll(inbox: Inbox, name: str, *requests: Any) -> pl.DataFrame:
    """Land one answer of a register, and refine."""
    inbox.put(f"{name}.json", json.dumps(requests))
    inbox.land(FEED, uri="*.json", format="open311")
    refine(inbox.lake, inbox.city, FEED)
    assert inbox.off_by() == 0
    scan = inbox.lake.scan("refined", FEED)
    assert scan is not None
    return scan.collect().sort("request_id", "updated_at")


def test_a_request_is_read_without_any_mapping(inbox: Inbox) -> None:
    row = poll(inbox, "a", OPEN).row(0, named=True)
    assert (row["request_id"], row["service_code"], row["status"], row["lat"], row["lon"]) == (
        "638344", "006", "open", 37.76, -122.46,
    )  # fmt: skip
    assert f"{row['expected_at']:%Y-%m-%dT%H:%M:%SZ}" == "2026-04-21T14:37:38Z"
    assert row["closed_at"] is None


def test_a_request_that_is_closed_was_closed_when_it_was_updated_last(inbox: Inbox) -> None:
    told = CLOSED | {"service_request_id": "2", "closed_datetime": "2026-04-15T12:00:00Z"}
    rows = poll(inbox, "a", CLOSED, told, OPEN | {"service_request_id": "3", "closed_datetime": "2026-04-15T12:00:00Z"})
    assert rows["closed_at"].dt.to_string("%d %H:%M").to_list() == ["15 12:00", None, "16 17:00"]
    assert rows["request_id"].to_list() == ["2", "3", "638344"]


def test_polls_that_share_requests_are_repeats_and_a_reopened_one_keeps_its_history(inbox: Inbox) -> None:
    poll(inbox, "a", OPEN)
    poll(inbox, "b", OPEN)
    poll(inbox, "c", CLOSED)
    rows = poll(inbox, "d", OPEN | {"updated_datetime": "2026-04-18T09:00:00-08:00"})
    assert rows.select("status", "_versions").rows() == [("open", 2), ("closed", 1), ("open", 1)]


@pytest.mark.parametrize("absent", [None, ""])
def test_a_request_without_a_number_costs_itself_alone(inbox: Inbox, absent: str | None) -> None:
    rows = poll(inbox, "a", OPEN, OPEN | {"service_request_id": absent, "token": "12345"}, CLOSED)
    assert rows.height == 2
    assert inbox.codes(FEED) == [("missing", "request_id")]


def test_one_that_was_never_updated_or_has_no_place_or_code_is_whole(inbox: Inbox) -> None:
    bare = {k: v for k, v in OPEN.items() if k not in ("updated_datetime", "service_code", "lat", "long")}
    rows = poll(inbox, "a", bare | {"updated_datetime": ""}, OPEN | {"service_request_id": "9", "lat": 0, "long": "0.0"})
    assert rows["updated_at"].n_unique() == 1
    assert rows["service_code"].to_list() == ["Street light out", "006"]
    assert rows["lat"].null_count() == 2


@pytest.mark.parametrize("said", ["Closed", "CLOSED", " closed "])
def test_a_status_is_read_whatever_its_letters(inbox: Inbox, said: str) -> None:
    assert poll(inbox, "a", CLOSED | {"status": said})["status"].to_list() == ["closed"]


@pytest.mark.parametrize("document", [[OPEN], OPEN, []])
def test_an_answer_may_be_one_request_or_none(document: Any) -> None:
    found = read(FEED, "open311", ["service_request_id", "status"], document)
    assert found.codes == []
    assert found.wire.height == (1 if "638344" in json.dumps(document) else 0)


def test_what_is_no_answer_is_one_fault_and_other_answers_are_read() -> None:
    found = read(FEED, "open311", ["service_request_id"], b"\xff", "{", [OPEN, 7], "5", [OPEN])
    assert sorted(found.codes) == ["malformed", "malformed", "malformed", "not_utf8"]
    assert found.column("service_request_id") == ["638344"] * 2
