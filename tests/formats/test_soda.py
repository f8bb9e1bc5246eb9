"""SODA, written from the text of dev.socrata.com: rows whose values are texts and whose names are the data set's.

How documents are cut and packed is tested in tests/landing.
"""

import json
from typing import Any

import pytest

from schemas.errors import SettingsError
from tests.formats.decoding import read
from tests.landing.driver import Inbox

FEED = "service_requests"
ROW = {
    "unique_key": "6001",
    "created_date": "2026-05-01T22:15:00.000",
    "complaint_type": "Street Light Condition",
    "status": "Open",
}
BLOCK: dict[str, Any] = {
    "uri": "*.json",
    "format": "soda",
    "time_zone": "America/New_York",
    "nulls": ["1900-01-01T00:00:00.000"],
    "columns": {
        "request_id": "unique_key",
        "updated_at": {"from": ["closed_date", "created_date"], "combine": "latest"},
        "service_code": "complaint_type",
        "status": {"from": "status", "values": {"Open": "open", "Closed": "closed"}},
        "requested_at": "created_date",
        "closed_at": "closed_date",
        "lat": "location.lat",
        "lon": "location.lon",
    },
}


def land(inbox: Inbox, *rows: Any, **block: Any) -> list[dict[str, Any]]:
    inbox.put("rows.json", json.dumps(rows))
    inbox.land(FEED, **(BLOCK | block))
    assert inbox.off_by() == 0
    return inbox.raw(FEED).to_dicts()


def test_times_without_offset_are_the_publishers_and_absent_values_are_none(inbox: Inbox) -> None:
    (row,) = land(inbox, ROW)
    assert f"{row['requested_at']:%Y-%m-%dT%H:%M:%SZ}" == "2026-05-02T02:15:00Z"
    assert (row["closed_at"], row["lat"], row["updated_at"]) == (None, None, row["requested_at"])


def test_the_latest_of_several_times_is_taken_and_1900_is_none(inbox: Inbox) -> None:
    dates = ["2026-05-03T09:00:00.000", "2026-05-01T22:15:00.000", "1900-01-01T00:00:00.000"]
    rows = land(inbox, *(ROW | {"unique_key": str(n), "closed_date": d} for n, d in enumerate(dates)))
    assert [f"{r['updated_at']:%d %H}" for r in rows] == ["03 13", "02 02", "02 02"]
    assert [r["closed_at"] is None for r in rows] == [False, False, True]


@pytest.mark.parametrize(
    "place",
    [{"type": "Point", "coordinates": [-73.5, 40.5]}, {"latitude": "40.5", "longitude": "-73.5", "human_address": "{}"}],
)
def test_places_of_both_editions_are_read(inbox: Inbox, place: dict[str, Any]) -> None:
    (row,) = land(inbox, ROW | {"location": place})
    assert (row["lat"], row["lon"]) == (40.5, -73.5)


def test_system_fields_have_their_names() -> None:
    found = read(FEED, "soda", [":id", ":updated_at"], [ROW | {":id": "row-1", ":updated_at": "2026-05-05T03:11:09.123Z"}])
    assert found.wire.row(0)[1:] == ("row-1", "2026-05-05T03:11:09.123Z")


def test_a_bad_row_costs_itself_and_a_bad_answer_only_itself() -> None:
    found = read(FEED, "soda", ["unique_key"], [ROW, "row", ROW], '[{"unique_key": "1"', [])
    assert found.column("unique_key") == ["6001"] * 2
    assert found.codes == ["malformed", "malformed"]


def test_what_the_columns_are_called_must_be_said(inbox: Inbox) -> None:
    inbox.put("rows.json", json.dumps([ROW]))
    inbox.land(FEED, uri="*.json", format="soda")
    assert inbox.codes(FEED) == [("missing", "request_id")]
    with pytest.raises(SettingsError, match="instants"):
        land(inbox, ROW, columns=BLOCK["columns"] | {"district": {"from": ["a", "b"], "combine": "latest"}})
