"""Times of day without a date, as dispatch systems export them: `after` gives them the day they belong to."""

from datetime import UTC, datetime

import polars as pl
import pytest

from pipelines.times import Clock
from schemas.errors import SettingsError
from tests.landing.driver import Inbox

HEAD = "call;unit;type;date;received;dispatched;en route;on scene;clear\n"
COLUMNS = {
    "incident_id": "call",
    "unit_id": "unit",
    "call_type": "type",
    "received_at": {"from": ["date", "received"], "format": "%m/%d/%Y %H:%M:%S"},
    **{
        f"{column}_at": {"from": name, "format": "%H:%M:%S", "after": "received_at"}
        for column, name in (
            ("dispatched", "dispatched"),
            ("en_route", "en route"),
            ("on_scene", "on scene"),
            ("cleared", "clear"),
        )
    },
}
CAD = {
    "uri": "*.csv",
    "format": "csv",
    "delimiter": ";",
    "time_zone": "America/New_York",
    "columns": COLUMNS,
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def land(inbox: Inbox, *lines: str, **more: object) -> pl.DataFrame:
    inbox.put("cad.csv", HEAD + "\n".join(lines) + "\n")
    inbox.land("emergency_calls", **{**CAD, **more})
    return inbox.raw("emergency_calls").sort("incident_id", "unit_id")


def test_times_after_midnight_are_of_the_next_day(inbox: Inbox) -> None:
    rows = land(
        inbox,
        "1;E1;FIRE;05/01/2026;23:58:30;23:59:10;00:00:20;00:04:00;01:10:00",
        "1;E2;FIRE;05/01/2026;23:58:30;23:59:10;;;",
        "1;;FIRE;05/01/2026;23:58:30;;;00:04:00;12:30:00",
        "2;M1;EMS;05/01/2026;08:00:00;08:01:00;08:03:00;08:02:30;09:00:00",  # on scene before en route
    )
    assert inbox.codes("emergency_calls") == []
    times = rows.select("unit_id", "dispatched_at", "en_route_at", "on_scene_at", "cleared_at").rows()
    assert times == [
        ("E1", *(at(f"2026-05-{t}-04:00") for t in ("01T23:59:10", "02T00:00:20", "02T00:04:00", "02T01:10:00"))),
        ("E2", at("2026-05-01T23:59:10-04:00"), None, None, None),
        ("none", None, None, at("2026-05-02T00:04:00-04:00"), at("2026-05-02T12:30:00-04:00")),
        ("M1", *(at(f"2026-05-01T{t}-04:00") for t in ("08:01:00", "08:03:00", "08:02:30", "09:00:00"))),
    ]


def test_a_time_shortly_before_the_call_is_refused_and_not_a_day_long(inbox: Inbox) -> None:
    rows = land(inbox, "1;E1;FIRE;05/01/2026;08:00:00;07:59:58;;;", "2;E1;FIRE;05/01/2026;08:00:00;06:59:59;;;")
    assert inbox.codes("emergency_calls") == [("rule_broken", "dispatched_at_after_receipt")]
    assert rows["dispatched_at"].to_list() == [at("2026-05-02T06:59:59-04:00")]


def test_what_is_no_time_of_day_is_a_fault_of_its_row_alone(inbox: Inbox) -> None:
    rows = land(inbox, "1;E1;FIRE;05/01/2026;08:00:00;8 o'clock;;;", "2;E1;FIRE;05/01/2026;08:00:00;08:01:00;;;")
    assert (inbox.codes("emergency_calls"), rows.height) == ([("wrong_type", "dispatched_at")], 1)


NEW_YORK = Clock(zone="America/New_York")


@pytest.mark.parametrize(
    ("time", "anchor", "expected"),
    [
        # 2026-11-01: 01:00 to 02:00 comes twice, first at -04:00
        ("01:10", "2026-11-01T00:50:00-04:00", "2026-11-01T01:10:00-04:00"),
        ("01:50", "2026-11-01T01:40:00-04:00", "2026-11-01T01:50:00-04:00"),
        ("01:10", "2026-11-01T01:50:00-04:00", "2026-11-01T01:10:00-05:00"),
        ("01:20", "2026-11-01T01:10:00-05:00", "2026-11-01T01:20:00-05:00"),
        ("00:30", "2026-11-01T23:30:00-05:00", "2026-11-02T00:30:00-05:00"),
        # 2026-03-08: 02:00 to 03:00 does not come
        ("03:05", "2026-03-08T01:59:00-05:00", "2026-03-08T03:05:00-04:00"),
        ("02:30", "2026-03-08T01:59:00-05:00", None),
        ("01:30", "2026-03-07T23:30:00-05:00", "2026-03-08T01:30:00-05:00"),
        # a time that tells its date keeps it, even where it is before
        ("2026-03-01T05:00:00", "2026-03-07T23:30:00-05:00", "2026-03-01T05:00:00-05:00"),
        ("24:01", "2026-03-07T23:30:00-05:00", None),
        ("00:10:00.5", None, None),
    ],
)
def test_the_day_of_a_time_is_told_by_the_clock_of_the_zone(time: str, anchor: str | None, expected: str | None) -> None:
    anchors = pl.Series([at(anchor) if anchor else None], dtype=pl.Datetime("us", "UTC"))
    found = NEW_YORK.instants_after(pl.Series([time]), anchors)
    assert found.to_list() == [at(expected) if expected else None]


def test_a_skipped_time_is_said_to_be_one(inbox: Inbox) -> None:
    land(inbox, "1;E1;FIRE;03/08/2026;01:59:00;02:30:00;;;")
    assert inbox.codes("emergency_calls") == [("no_such_local_time", "dispatched_at")]


@pytest.mark.parametrize(
    ("column", "mapping", "said"),
    [
        ("dispatched_at", {"from": "dispatched", "after": "cleared_at"}, "'cleared_at' has no date of its own; use received_at"),
        ("dispatched_at", {"from": "dispatched", "after": "call_type"}, "'call_type' has no date of its own"),
        ("dispatched_at", {"from": "dispatched", "format": "epoch_s", "after": "received_at"}, "epoch_s tells the day"),
        ("priority", {"from": "type", "after": "received_at"}, "a string that follows an instant"),
    ],
)
def test_what_a_time_follows_is_checked_before_any_work(inbox: Inbox, column: str, mapping: dict, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        land(inbox, "1;E1;FIRE;05/01/2026;08:00:00;;;;", columns={**COLUMNS, column: mapping})
