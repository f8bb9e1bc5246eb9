"""Times that a row is given: its receipt, the latest of several, a day as an epoch with the time of day beside it.

Which forms of time there are is tested in test_city_csv; what several columns can make otherwise, in test_columns.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from schemas.errors import SettingsError
from tests.landing.driver import Inbox
from tests.live.belt import Belt, messages

AT = datetime(2026, 5, 9, 12, tzinfo=UTC)
ROUTE = {"route_id": "r", "travel_time_s": "s"}


def land(inbox: Inbox, text: str, observed_at: object, **block: object) -> pl.Series:
    """Land a CSV that was received at `AT`."""
    path = inbox.put("a.csv", text)
    os.utime(path, (AT.timestamp(), AT.timestamp()))
    columns = ROUTE | {"observed_at": observed_at}
    inbox.land("travel_time", uri="a.csv", format="csv", columns=columns, **block)
    assert inbox.off_by() == 0
    return inbox.raw("travel_time")["observed_at"]


def test_the_receipt_of_a_file_is_a_column_like_any_other(inbox: Inbox) -> None:
    assert land(inbox, "r,s\na,60\nb,61\n", "_received_at").to_list() == [AT, AT]


def test_the_receipt_stands_in_where_another_time_is_not_told(inbox: Inbox) -> None:
    first = {"from": ["at", "_received_at"], "combine": "first"}
    found = land(inbox, "r,s,at\na,60,2026-05-09T08:00:00Z\nb,61,\n", first)
    assert [f"{t:%H}" for t in found] == ["08", "12"]


@pytest.mark.parametrize("fmt", ["json", "json_lines"])
def test_the_receipt_of_each_message_is_its_own(tmp_path: Path, fmt: str) -> None:
    belt = Belt(tmp_path, "travel_time", block={"format": fmt, "columns": ROUTE | {"observed_at": "_received_at"}})
    belt.land(messages([json.dumps({"r": r, "s": 60}).encode() for r in "abc"]))
    raw = belt.raw()
    assert raw["observed_at"].n_unique() == 3
    assert (raw["observed_at"] == raw["_received_at"]).all()


def test_the_latest_of_several_times_is_taken(inbox: Inbox) -> None:
    latest = {"from": ["x", "y", "z"], "combine": "latest"}
    text = "r,s,x,y\na,60,2026-05-09T08:00:00Z,2026-05-09T07:00:00Z\na,60,,2026-05-09T09:00:00Z\na,60,,\na,60,soon,\n"
    assert [f"{t:%H}" for t in land(inbox, text, latest)] == ["08", "09"]
    assert inbox.codes("travel_time") == [("missing", "observed_at"), ("wrong_type", "observed_at")]


def test_a_day_as_an_epoch_and_the_time_of_day_beside_it(inbox: Inbox) -> None:
    both = {"from": ["d", "t"], "format": "epoch_100s %H:%M"}
    rows = ["17777664,09:41", "17777664,9h", "noon,09:41", "17778528,00:05", "17747424,02:30", "17777664,"]
    found = land(inbox, "r,s,d,t\n" + "".join(f"a,60,{r}\n" for r in rows), both, time_zone="Europe/Berlin")
    assert [f"{t:%m-%d %H:%M}" for t in found] == ["05-03 07:41", "05-03 22:05"]
    wrong = ("wrong_type", "observed_at")
    assert inbox.codes("travel_time") == [wrong, wrong, ("no_such_local_time", "observed_at"), ("missing", "observed_at")]


def test_the_latest_is_for_instants_alone(inbox: Inbox) -> None:
    of_texts = {"from": ["a", "b"], "combine": "latest"}
    with pytest.raises(SettingsError, match="the latest string"):
        inbox.land("travel_time", uri="a.csv", format="csv", columns=ROUTE | {"observed_at": "t", "route_id": of_texts})
