"""Joining small files: the same rows and the same weight in fewer files, whoever else writes meanwhile."""

import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import ledger, parts, upkeep
from schemas.column import POLARS
from schemas.lake import Lake, Step
from schemas.ledger import Tally

SCHEMA = pa.schema([("event_date", pa.date32()), ("x", pa.int64())])
MAY_1, MAY_2 = date(2026, 5, 1), date(2026, 5, 2)
NOW = datetime(2026, 5, 3, 12, 30, tzinfo=UTC)


def append(lake: Lake, number: int, *days: date, layer: str = "raw", stem: str = "p") -> None:
    frame = pl.DataFrame({"x": [number]}, schema={"x": pl.Int64})
    written = tuple(lake.write_part(layer, "doors", d, f"{stem}{number}", frame) for d in days)
    lake.append(layer, "doors", SCHEMA, [Step(f"a{stem}", number, number + 1, written)])


def rows(lake: Lake, layer: str = "raw") -> list[tuple[date, int]]:
    scan = lake.scan(layer, "doors")
    assert scan is not None
    return scan.select("event_date", "x").sort("event_date", "x").collect().rows()


def weights(lake: Lake) -> dict[date | None, int]:
    files = lake.files("raw", "doors")
    return {d: parts.weigh(f.path for f in files if f.event_date == d) for d in {f.event_date for f in files}}


def test_joined_files_hold_the_same_rows_and_weigh_the_same(lake: Lake) -> None:
    for i in range(upkeep.FEW):
        append(lake, i, MAY_1, *([MAY_2] if i < 3 else []))
    before, weight = rows(lake), weights(lake)
    assert upkeep.join(lake, "raw", "doors") == upkeep.FEW
    assert [f.event_date for f in lake.files("raw", "doors")] == [MAY_1, MAY_2, MAY_2, MAY_2], "three files are too few to join"
    assert rows(lake) == before
    assert weights(lake) == weight
    assert lake.landed_up_to("raw", "doors", ["ap"]) == {"ap": upkeep.FEW}
    for i in range(upkeep.FEW, 2 * upkeep.FEW):
        append(lake, i, MAY_1)
    before, weight = rows(lake), weights(lake)
    assert upkeep.join(lake, "raw", "doors") == upkeep.FEW + 1, "a joined file that is still small is joined again"
    assert (rows(lake), weights(lake)) == (before, weight)
    assert upkeep.join(lake, "raw", "doors") == 0


@given(st.lists(st.text("abcdef0123456789", min_size=1, max_size=8), min_size=2, max_size=12, unique=True), st.randoms())
@settings(max_examples=50, deadline=None)
def test_the_weight_does_not_depend_on_how_files_were_joined(names: list[str], chance: object) -> None:
    files = [f"event_date=2026-05-01/{n}.parquet" for n in names]
    whole = parts.weigh(files)
    while len(files) > 1:
        chance.shuffle(files)  # type: ignore[attr-defined]
        taken, files = files[:2], files[2:]
        files.append(f"event_date=2026-05-01/{parts.joined_name(taken, '0a')}.parquet")
        assert parts.weigh(files) == whole
    assert parts.weigh([*files, "another.parquet"]) != whole


def test_writers_and_joiners_at_once_lose_and_double_nothing(lake: Lake) -> None:
    append(lake, 0, MAY_1, stem="first")
    stop = threading.Event()

    def write(stem: str) -> None:
        for i in range(70):
            append(lake, i, MAY_1, stem=stem)

    def join() -> None:
        while not stop.is_set():
            upkeep.join(lake, "raw", "doors")

    writers = [threading.Thread(target=write, args=(s,)) for s in "xy"]
    joiners = [threading.Thread(target=join) for _ in range(2)]
    for thread in (*writers, *joiners):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in joiners:
        thread.join()
    assert rows(lake) == sorted([(MAY_1, 0), *((MAY_1, i) for _ in "xy" for i in range(70))])
    assert lake.landed_up_to("raw", "doors", ["ax", "ay"]) == {"ax": 70, "ay": 70}


def test_files_that_refining_replaces_are_left_alone(lake: Lake) -> None:
    for i in range(upkeep.FEW):
        append(lake, i, MAY_1, layer="quarantine", stem="refine-")
    assert upkeep.join(lake, "quarantine", "doors") == 0


def test_sweeping_deletes_what_was_joined_and_keeps_what_is_visible(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(upkeep.FEW):
        append(lake, i, MAY_1)
    before = rows(lake)
    upkeep.join(lake, "raw", "doors")
    assert upkeep.sweep(lake, "raw", "doors") == 0, "a reader of the last hour may need them"
    monkeypatch.setattr(upkeep, "LOG_HOURS", 0)
    assert upkeep.sweep(lake, "raw", "doors") == upkeep.FEW
    assert rows(lake) == before
    assert len(list(Path(lake.uri("raw", "doors")).glob("event_date=*/*.parquet"))) == 1
    append(lake, upkeep.FEW, MAY_1)
    assert len(rows(lake)) == upkeep.FEW + 1


def test_every_kind_of_column_survives_joining(lake: Lake) -> None:
    at = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
    values = {
        "string": "é",
        "int": 2**62,
        "float": 0.1,
        "bool": True,
        "instant": at,
        "local_time": at.replace(tzinfo=None),
        "date": MAY_1,
    }
    assert set(values) == set(POLARS)
    frame = pl.DataFrame([values, dict.fromkeys(values)], schema=POLARS)
    schema = pl.DataFrame(schema={"event_date": pl.Date, **POLARS}).to_arrow().schema
    for i in range(upkeep.FEW):
        lake.append("raw", "doors", schema, [Step("a", i, i + 1, (lake.write_part("raw", "doors", MAY_1, f"a{i}", frame),))])
    assert upkeep.join(lake, "raw", "doors") == upkeep.FEW
    scan = lake.scan("raw", "doors")
    assert scan is not None
    assert_frame_equal(scan.select(*POLARS).collect().unique().sort("int", nulls_last=True), frame)
    assert scan.select(pl.len()).collect().item() == 2 * upkeep.FEW


def test_old_books_are_summed_by_the_hour_and_say_the_same(lake: Lake) -> None:
    old, fresh = NOW - timedelta(hours=3), NOW - timedelta(minutes=5)
    for i in range(upkeep.FEW):
        tally = Tally("land", "doors", MAY_1 if i % 2 else MAY_2, 10, 8, 2, source="belt", late=1, received_date=MAY_2)
        ledger.record(lake, f"b{i}", [tally], fresh if i >= 30 else old + timedelta(seconds=i))
    before = ledger.lines(lake)
    assert upkeep.join(lake, "ledger", now=NOW) == upkeep.FEW
    after = ledger.lines(lake)
    assert after.height == 2 + 2, "one line for each day of the old hour, and the fresh ones"
    sums = [pl.col("taken", "kept", "rejected", "late", "filtered").sum()]
    key = ["source", "event_date", "contract_version"]
    assert_frame_equal(after.group_by(key).agg(sums).sort(key), before.group_by(key).agg(sums).sort(key))


def test_of_the_metrics_only_what_is_appended_is_joined(lake: Lake) -> None:
    for name, joined in (("doors", 0), (upkeep.ALERTS[1], upkeep.FEW)):
        for i in range(upkeep.FEW):
            written = lake.write_part("metrics", name, MAY_1, f"p{i}", pl.DataFrame({"x": [i]}, schema={"x": pl.Int64}))
            lake.append("metrics", name, SCHEMA, [Step("a", i, i + 1, (written,))])
        assert upkeep.join(lake, "metrics", name) == joined
