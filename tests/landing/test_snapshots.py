"""Tables that are published whole, again and again: what a later publication adds, corrects and withdraws.

The same over random publications, against a slow oracle, is in test_snapshots_oracle.
"""

import gzip
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest

from assets.refined import refine, stale_days
from schemas.errors import SettingsError
from tests.landing.driver import Inbox
from tests.live.belt import Belt, messages

HEAD = "crash_id,occurred_at,severity,killed"
DATED = {"from": "_file", "pattern": r"(\d{4}-\d\d-\d\d)", "format": "%Y-%m-%d"}
BLOCK = {
    "format": "csv",
    "columns": {
        "crash_id": "crash_id",
        "occurred_at": "occurred_at",
        "severity": "severity",
        "killed": "killed",
        "snapshot_at": DATED,
    },
}
FIRST = ("a1,2026-05-01T08:00:00Z,O,0", "b1,2026-05-01T09:00:00Z,A,0", "c1,2026-05-02T09:00:00Z,O,0")
SECOND = ("a1,2026-05-01T08:00:00Z,K,1", "c1,2026-05-03T09:00:00Z,O,0", "d1,2026-05-01T10:00:00Z,B,0")


def publish(inbox: Inbox, day: str, *rows: str, name: str = "test", head: str = HEAD, **more: object) -> None:
    """Put a publication into the inbox, land it and refine what it touched."""
    inbox.put(f"{name}/{day}.csv", "\n".join([head, *rows]) + "\n")
    inbox.land("crashes", name=name, uri=f"{name}/*", **(BLOCK | more))
    refine(inbox.lake, inbox.city, "crashes")
    assert inbox.off_by() == 0
    assert stale_days(inbox.lake, inbox.city, "crashes") == []


def versions(inbox: Inbox) -> list[tuple]:
    """(key, day, severity, from, to) of every version, days without their year."""
    scan = inbox.lake.scan("refined", "crashes")
    assert scan is not None
    day = "%m-%d"
    return (
        scan.select(
            "crash_id",
            pl.col("event_date").dt.to_string(day),
            "severity",
            pl.col("valid_from").dt.to_string(day),
            pl.col("valid_to").dt.to_string(day),
        )
        .sort("crash_id", "valid_from", "event_date")
        .collect()
        .rows()
    )


def test_a_later_publication_adds_corrects_moves_and_withdraws(inbox: Inbox) -> None:
    publish(inbox, "2026-06-01", *FIRST)
    publish(inbox, "2026-06-08", *SECOND)
    assert versions(inbox) == [
        ("a1", "05-01", "O", "06-01", "06-08"),  # corrected
        ("a1", "05-01", "K", "06-08", None),
        ("b1", "05-01", "A", "06-01", "06-08"),  # withdrawn
        ("c1", "05-02", "O", "06-01", "06-08"),  # its day was corrected; the old day has no row in the second file
        ("c1", "05-03", "O", "06-08", None),
        ("d1", "05-01", "B", "06-08", None),  # added
    ]


def test_a_row_that_comes_back_is_a_version_of_its_own_and_one_that_stays_is_one(inbox: Inbox) -> None:
    publish(inbox, "2026-06-01", *FIRST)
    publish(inbox, "2026-06-08", FIRST[0], FIRST[0])
    publish(inbox, "2026-06-15", *FIRST[:2])
    assert [v for v in versions(inbox) if v[0] != "c1"] == [
        ("a1", "05-01", "O", "06-01", None),
        ("b1", "05-01", "A", "06-01", "06-08"),
        ("b1", "05-01", "A", "06-15", None),
    ]
    scan = inbox.lake.scan("refined", "crashes")
    assert scan is not None
    assert scan.filter(crash_id="a1").collect()["_versions"].to_list() == [4]


def test_of_rows_that_contradict_each_other_within_a_publication_the_last_wins(inbox: Inbox) -> None:
    publish(inbox, "2026-06-01", *FIRST, "a1,2026-05-01T08:00:00Z,C,0", "a1,2026-05-01T08:00:00Z,C,0")
    assert versions(inbox)[0] == ("a1", "05-01", "C", "06-01", None)
    result = refine(inbox.lake, inbox.city, "crashes", force=True)[0]
    assert (result.taken, result.kept, result.repeated, result.superseded) == (4, 2, 1, 1)


def test_files_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    files = {"2026-06-01": FIRST, "2026-06-08": (*SECOND, "b1,yesterday,A,0"), "2026-06-15": FIRST[:2]}
    seen = set()
    for n, order in enumerate(permutations(files)):
        folder = tmp_path / str(n)
        folder.mkdir()
        inbox = Inbox(folder)
        for day in order:
            publish(inbox, day, *files[day])
        # where the files stand, and since when, is another in each order
        found = inbox.lake.files("refined", "crashes")
        rows = [pl.read_parquet(f.uri).drop("_source", "_received_at") for f in found]
        seen.add("\n".join(f"{f.event_date} {r.write_json()}" for f, r in zip(found, rows, strict=True)))
    assert len(seen) == 1


def test_tables_of_several_sources_do_not_withdraw_each_others_rows(inbox: Inbox) -> None:
    publish(inbox, "2026-06-01", *FIRST[:1], name="police")
    publish(inbox, "2026-06-02", *FIRST[1:2], name="state")
    publish(inbox, "2026-06-03", *FIRST[1:2], name="state")
    assert versions(inbox) == [("a1", "05-01", "O", "06-01", None), ("b1", "05-01", "A", "06-02", None)]


def test_of_two_tables_with_one_key_the_one_that_still_has_it_holds(inbox: Inbox) -> None:
    publish(inbox, "2026-06-01", *FIRST[:1], name="police")
    publish(inbox, "2026-06-02", "a1,2026-05-01T08:00:00Z,A,0", name="state")
    assert versions(inbox) == [("a1", "05-01", "A", "06-02", None)]
    publish(inbox, "2026-06-03", *FIRST[1:2], name="state")
    assert versions(inbox) == [("a1", "05-01", "O", "06-01", None), ("b1", "05-01", "A", "06-03", None)]


def test_a_file_without_rows_withdraws_nothing(inbox: Inbox) -> None:
    publish(inbox, "2026-06-01", *FIRST)
    publish(inbox, "2026-06-08")
    assert [v[-1] for v in versions(inbox)] == [None] * 3


def test_a_file_that_was_not_read_whole_adds_and_corrects_and_withdraws_nothing(inbox: Inbox) -> None:
    publish(inbox, "2026-06-01", *FIRST)
    many = [f"z{i},2026-05-01T08:00:00Z,O,0" for i in range(9000)]
    whole = gzip.compress("\n".join([HEAD, SECOND[0], *many]).encode(), mtime=0)
    inbox.put("test/2026-06-08.csv", whole[: len(whole) // 2])
    inbox.land("crashes", uri="test/*", **BLOCK)
    refine(inbox.lake, inbox.city, "crashes")
    assert inbox.codes("crashes") == [("unreadable_file", None)]
    assert [v for v in versions(inbox) if v[0][0] != "z"] == [
        ("a1", "05-01", "O", "06-01", "06-08"),
        ("a1", "05-01", "K", "06-08", None),
        ("b1", "05-01", "A", "06-01", None),
        ("c1", "05-02", "O", "06-01", None),
    ]
    publish(inbox, "2026-06-15", FIRST[0])
    assert {v[0]: v[-1] for v in versions(inbox) if v[0] in ("b1", "c1")} == {"b1": "06-15", "c1": "06-15"}


@pytest.mark.parametrize("bad", ["b1,soon,A,0", "b1,2026-05-01T09:00:00Z,A,-1", "b1,2026-05-01T09:00:00Z,A,0,one too many"])
def test_a_row_that_was_refused_is_not_withdrawn_and_others_are(inbox: Inbox, bad: str) -> None:
    publish(inbox, "2026-06-01", *FIRST)
    publish(inbox, "2026-06-08", FIRST[0], bad)
    assert {v[0]: v[-1] for v in versions(inbox)} == {"a1": None, "b1": None, "c1": "06-08"}
    publish(inbox, "2026-06-15", FIRST[0], bad)
    assert {v[0]: v[-1] for v in versions(inbox)} == {"a1": None, "b1": None, "c1": "06-08"}
    publish(inbox, "2026-06-22", FIRST[0])
    assert {v[0]: v[-1] for v in versions(inbox)} == {"a1": None, "b1": "06-22", "c1": "06-08"}


def test_a_key_that_cannot_be_seen_in_refused_rows_waits_for_a_publication_without_any(inbox: Inbox) -> None:
    hashed = {"columns": BLOCK["columns"] | {"crash_id": {"from": "crash_id", "hash": True}}}  # type: ignore[operator]
    publish(inbox, "2026-06-01", *FIRST[:2], **hashed)
    publish(inbox, "2026-06-08", FIRST[0], "x9,soon,A,0", **hashed)
    assert [v[-1] for v in versions(inbox)] == [None, None]
    publish(inbox, "2026-06-15", FIRST[0], **hashed)
    assert sorted(v[-1] or "" for v in versions(inbox)) == ["", "06-15"]


def test_a_day_that_a_table_has_no_more_is_built_again_and_days_of_other_tables_are_not(inbox: Inbox) -> None:
    publish(inbox, "2026-06-01", *FIRST, name="police")
    publish(inbox, "2026-06-01", "s1,2026-04-01T09:00:00Z,A,0", name="state")
    inbox.put("police/2026-06-08.csv", "\n".join([HEAD, *FIRST[:2]]) + "\n")
    inbox.land("crashes", name="police", uri="police/*", **BLOCK)
    stale = [str(d) for d in stale_days(inbox.lake, inbox.city, "crashes")]
    assert stale == ["2026-05-01", "2026-05-02"]
    refine(inbox.lake, inbox.city, "crashes")
    publish(inbox, "2026-06-15", *FIRST[:2], name="police")
    inbox.put("police/2026-06-22.csv", "\n".join([HEAD, *FIRST[:2]]) + "\n")
    inbox.land("crashes", name="police", uri="police/*", **BLOCK)
    assert [str(d) for d in stale_days(inbox.lake, inbox.city, "crashes")] == ["2026-05-01"]


def test_a_column_more_in_a_later_file_changes_nothing(inbox: Inbox) -> None:
    publish(inbox, "2026-06-01", *FIRST)
    publish(inbox, "2026-06-08", *(f"{r},wet" for r in FIRST), head=f"{HEAD},surface")
    assert [v[-1] for v in versions(inbox)] == [None] * 3


def test_parts_of_a_table_add_and_correct_and_withdraw_nothing(inbox: Inbox) -> None:
    publish(inbox, "2026-06-01", *FIRST, whole=False)
    publish(inbox, "2026-06-08", SECOND[0], whole=False)
    assert versions(inbox) == [
        ("a1", "05-01", "O", "06-01", "06-08"),
        ("a1", "05-01", "K", "06-08", None),
        ("b1", "05-01", "A", "06-01", None),
        ("c1", "05-02", "O", "06-01", None),
    ]


def test_messages_are_versions_by_their_receipt(tmp_path: Path) -> None:
    belt = Belt(tmp_path, "crashes")
    said = [("m1", "O"), ("m1", "O"), ("m2", "B"), ("m1", "A")]
    row = '{{"crash_id": "{}", "occurred_at": "2026-05-01T06:00:00Z", "severity": "{}"}}'
    belt.land(messages([row.format(*s).encode() for s in said]))
    raw = belt.raw()
    assert raw["_table"].to_list() == [None] * 4
    assert (raw["snapshot_at"] == raw["_received_at"]).all()
    refine(belt.lake, belt.landing.city, "crashes")
    scan = belt.lake.scan("refined", "crashes")
    assert scan is not None
    found = scan.sort("crash_id", "valid_from").select("crash_id", "severity", pl.col("valid_to").is_null()).collect()
    assert found.rows() == [("m1", "O", False), ("m1", "A", True), ("m2", "B", True)]


@pytest.mark.parametrize(
    ("feed", "block", "found"),
    [
        ("traffic_flow", {"uri": "a.csv", "format": "csv", "whole": True}, "no table that is published again"),
        ("crashes", {"uri": "a.csv", "format": "csv", "whole": True, "append_only": True}, "rows that come one by one"),
        ("crashes", {"uri": "mqtt://broker.example", "topic": "a", "format": "json", "whole": True}, "rows that come one by one"),
    ],
)
def test_what_is_no_whole_table_is_not_called_one(inbox: Inbox, feed: str, block: dict, found: str) -> None:
    inbox.put("a.csv", "")
    with pytest.raises(SettingsError, match=found):
        inbox.land(feed, **block)
