"""The lake: a step is visible once or not at all, days are replaced whole, and nothing of others is touched."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from schemas import upkeep
from schemas.errors import LakeError
from schemas.lake import Lake, Part, Step

SCHEMA = pa.schema([("event_date", pa.date32()), ("x", pa.int64())])
MAY_1, MAY_2, MAY_3 = date(2026, 5, 1), date(2026, 5, 2), date(2026, 5, 3)


def part(lake: Lake, day: date | None, stem: str, *values: int, layer: str = "raw") -> Part:
    return lake.write_part(layer, "doors", day, stem, pl.DataFrame({"x": values}, schema={"x": pl.Int64}))


def version(lake: Lake, layer: str = "raw") -> int:
    table = lake.open(layer, "doors")
    assert table is not None
    return table.version()


def seen(lake: Lake, layer: str = "raw", days: list[date] | None = None) -> list[tuple[date | None, int]]:
    scan = lake.scan(layer, "doors", days)
    return [] if scan is None else scan.select("event_date", "x").sort("event_date", "x", nulls_last=True).collect().rows()


def test_a_table_that_was_never_written_is_empty(lake: Lake) -> None:
    assert lake.open("raw", "doors") is None
    assert lake.files("raw", "doors") == []
    assert lake.scan("raw", "doors") is None
    assert lake.tables() == []
    assert lake.landed_up_to("raw", "doors", ["a"]) == {"a": 0}


def test_an_unknown_layer_is_refused(lake: Lake) -> None:
    with pytest.raises(LakeError, match="layer cooked: there is no such layer; use one of raw"):
        lake.uri("cooked", "doors")


def test_what_is_written_is_not_visible_before_its_commit(lake: Lake) -> None:
    written = part(lake, MAY_1, "a", 1, 2)
    assert (written.rows, written.event_date) == (2, MAY_1)
    assert written.bytes == os.path.getsize(f"{lake.uri('raw', 'doors')}/{written.path}")
    assert seen(lake) == []
    assert lake.append("raw", "doors", SCHEMA, [Step("a", 0, 1, (written,))])
    assert seen(lake) == [(MAY_1, 1), (MAY_1, 2)]
    assert lake.landed_up_to("raw", "doors", ["a", "b"]) == {"a": 1, "b": 0}


def test_rows_without_a_day_have_a_place_of_their_own(lake: Lake) -> None:
    lake.append("raw", "doors", SCHEMA, [Step("a", 0, 1, (part(lake, None, "a", 7), part(lake, MAY_1, "a", 1)))])
    assert seen(lake) == [(MAY_1, 1), (None, 7)]
    assert seen(lake, days=[MAY_1]) == [(MAY_1, 1)]
    assert {f.event_date for f in lake.files("raw", "doors")} == {None, MAY_1}


def test_files_are_told_with_their_rows_and_can_be_opened(lake: Lake) -> None:
    lake.append("raw", "doors", SCHEMA, [Step("a", 0, 1, (part(lake, MAY_1, "a b%c=d", 1, 2, 3),))])
    (file,) = lake.files("raw", "doors")
    assert (file.rows, file.bytes) == (3, os.path.getsize(file.uri))
    assert pl.read_parquet(file.uri, hive_partitioning=False).columns == ["x"]
    assert seen(lake) == [(MAY_1, 1), (MAY_1, 2), (MAY_1, 3)]


def test_the_same_step_twice_is_visible_once(lake: Lake) -> None:
    first = Step("a", 0, 5, (part(lake, MAY_1, "a", 1),))
    assert lake.append("raw", "doors", SCHEMA, [first]) == [first]
    assert lake.append("raw", "doors", SCHEMA, [first]) == []
    assert lake.append("raw", "doors", SCHEMA, [replace(first, parts=(part(lake, MAY_1, "other", 1),))]) == []
    assert seen(lake) == [(MAY_1, 1)]


def test_of_several_steps_only_the_open_ones_are_done(lake: Lake) -> None:
    done = Step("a", 0, 1, (part(lake, MAY_1, "a", 1),))
    lake.append("raw", "doors", SCHEMA, [done])
    due = [Step("a", 1, 2, (part(lake, MAY_1, "a2", 2),)), Step("b", 0, 9, (part(lake, MAY_2, "b", 3),))]
    assert lake.append("raw", "doors", SCHEMA, [done, *due]) == due
    assert seen(lake) == [(MAY_1, 1), (MAY_1, 2), (MAY_2, 3)]
    assert lake.landed_up_to("raw", "doors", ["a", "b"]) == {"a": 2, "b": 9}


def test_a_step_made_of_an_outdated_position_is_not_done(lake: Lake) -> None:
    lake.append("raw", "doors", SCHEMA, [Step("a", 0, 10, (part(lake, MAY_1, "a", 1),))])
    assert lake.append("raw", "doors", SCHEMA, [Step("a", 5, 20, (part(lake, MAY_1, "late", 2),))]) == []
    assert seen(lake) == [(MAY_1, 1)]


def test_a_step_may_complete_a_source_that_gave_no_row(lake: Lake) -> None:
    lake.append("raw", "doors", SCHEMA, [Step("empty file", 0, 1)])
    assert lake.landed_up_to("raw", "doors", ["empty file"]) == {"empty file": 1}
    assert seen(lake) == []


def test_days_are_replaced_whole_and_others_left_alone(lake: Lake) -> None:
    lake.replace("refined", "doors", SCHEMA, [part(lake, d, "a", 1, 2, layer="refined") for d in (MAY_1, MAY_2)])
    assert lake.replace("refined", "doors", SCHEMA, [part(lake, MAY_2, "b", 9, layer="refined")]) == [MAY_2]
    assert seen(lake, "refined") == [(MAY_1, 1), (MAY_1, 2), (MAY_2, 9)]


def test_the_same_parts_again_make_no_new_version(lake: Lake) -> None:
    parts = [part(lake, d, "a", 1, layer="refined") for d in (MAY_1, MAY_2)]
    assert lake.replace("refined", "doors", SCHEMA, parts) == [MAY_1, MAY_2]
    before = version(lake, "refined")
    assert lake.replace("refined", "doors", SCHEMA, parts) == []
    assert version(lake, "refined") == before
    assert lake.replace("refined", "doors", SCHEMA, [parts[0], part(lake, MAY_2, "b", 2, layer="refined")]) == [MAY_2]
    assert version(lake, "refined") == before + 1


def test_a_reader_keeps_the_files_it_began_with(lake: Lake) -> None:
    lake.replace("refined", "doors", SCHEMA, [part(lake, MAY_1, "a", 1, layer="refined")])
    reader = lake.scan("refined", "doors")
    assert reader is not None
    lake.replace("refined", "doors", SCHEMA, [part(lake, MAY_1, "b", 2, layer="refined")])
    assert reader.collect()["x"].to_list() == [1]
    assert seen(lake, "refined") == [(MAY_1, 2)]


def test_writers_that_replace_different_days_at_once_lose_nothing(lake: Lake) -> None:
    days = [date(2026, 5, d) for d in range(1, 9)]
    lake.ensure("refined", "doors", SCHEMA)
    with ThreadPoolExecutor(4) as pool:
        done = list(
            pool.map(lambda d: lake.replace("refined", "doors", SCHEMA, [part(lake, d, "a", d.day, layer="refined")]), days)
        )
    assert done == [[d] for d in days]
    assert seen(lake, "refined") == [(d, d.day) for d in days]


@pytest.mark.parametrize("filled", [False, True], ids=["empty day", "filled day"])
def test_writers_that_replace_the_same_day_at_once_leave_one_of_them(lake: Lake, filled: bool) -> None:
    lake.ensure("refined", "doors", SCHEMA)
    for round_ in range(5):
        day = date(2026, 6, round_ + 1)
        if filled:
            lake.replace("refined", "doors", SCHEMA, [part(lake, day, "before", 0, layer="refined")])
        parts = [part(lake, day, f"w{i}", i, layer="refined") for i in range(6)]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda p: lake.replace("refined", "doors", SCHEMA, [p]), parts))
        (file,) = lake.files("refined", "doors", [day])
        assert file.path in {p.path for p in parts}


def test_writers_that_replace_a_table_at_once_leave_one_of_them(lake: Lake) -> None:
    bare = pa.schema([("x", pa.int64())])
    parts = [part(lake, None, f"w{i}", i, layer="reference") for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda p: lake.replace_table("reference", "doors", bare, p), parts))
    assert len(lake.files("reference", "doors")) == 1


def test_writers_that_gain_the_same_column_at_once_gain_it_once(lake: Lake) -> None:
    lake.ensure("raw", "doors", SCHEMA)
    wider = SCHEMA.append(pa.field("y", pa.string()))
    with ThreadPoolExecutor(6) as pool:
        tables = list(pool.map(lambda _: lake.ensure("raw", "doors", wider), range(6)))
    assert [[f.name for f in t.schema().fields] for t in tables] == [["event_date", "x", "y"]] * 6


def test_a_swap_replaces_only_the_files_of_its_prefix_and_days(lake: Lake) -> None:
    def swap(*parts: Part) -> None:
        lake.swap("quarantine", "doors", SCHEMA, [MAY_1, MAY_2], "mine-", parts)

    others = [part(lake, d, "other", 1, layer="quarantine") for d in (MAY_1, MAY_3)]
    lake.append("quarantine", "doors", SCHEMA, [Step("a", 0, 1, (*others, part(lake, MAY_3, "mine-3", 3, layer="quarantine")))])
    swap(part(lake, MAY_1, "mine-1", 10, layer="quarantine"), part(lake, MAY_2, "mine-1", 20, layer="quarantine"))
    assert seen(lake, "quarantine") == [(MAY_1, 1), (MAY_1, 10), (MAY_2, 20), (MAY_3, 1), (MAY_3, 3)]
    before = version(lake, "quarantine")
    second = part(lake, MAY_1, "mine-2", 11, layer="quarantine")
    swap(second)
    swap(second)
    assert seen(lake, "quarantine") == [(MAY_1, 1), (MAY_1, 11), (MAY_3, 1), (MAY_3, 3)]
    assert version(lake, "quarantine") == before + 1


def test_an_unpartitioned_table_is_replaced_whole(lake: Lake) -> None:
    bare = pa.schema([("x", pa.int64())])
    for stem, value in (("a", 1), ("b", 2), ("b", 2)):
        lake.replace_table("reference", "doors", bare, part(lake, None, stem, value, layer="reference"))
    scan = lake.scan("reference", "doors")
    assert scan is not None
    assert scan.collect().rows() == [(2,)]
    assert version(lake, "reference") == 2


def test_columns_that_the_schema_gained_are_added_and_old_rows_have_none(lake: Lake) -> None:
    lake.append("raw", "doors", SCHEMA, [Step("a", 0, 1, (part(lake, MAY_1, "a", 1),))])
    wider = SCHEMA.append(pa.field("y", pa.string()))
    new = lake.write_part("raw", "doors", MAY_1, "b", pl.DataFrame({"x": [2], "y": ["new"]}))
    lake.append("raw", "doors", wider, [Step("a", 1, 2, (new,))])
    scan = lake.scan("raw", "doors")
    assert scan is not None
    assert scan.select("x", "y").sort("x").collect().rows() == [(1, None), (2, "new")]
    table = lake.ensure("raw", "doors", wider)
    assert [f.name for f in table.schema().fields] == ["event_date", "x", "y"]
    assert lake.ensure("raw", "doors", wider).version() == table.version()


def test_tables_are_found_on_disk(lake: Lake) -> None:
    lake.ensure("raw", "doors", SCHEMA)
    lake.ensure("ledger", "", pa.schema([("x", pa.int64())]))
    (Path(lake.root) / "exports" / "x" / "_delta_log").mkdir(parents=True)
    assert sorted(lake.tables()) == [("ledger", ""), ("raw", "doors")]


def test_tidying_keeps_every_row_and_sweeps_what_was_never_committed(lake: Lake) -> None:
    for i in range(5):
        lake.append("raw", "doors", SCHEMA, [Step("a", i, i + 1, (part(lake, MAY_1, f"a{i}", i),))])
    orphan = Path(lake.uri("raw", "doors"), part(lake, MAY_2, "orphan", 99).path)
    half = orphan.with_name("killed.parquet.1.2.half")
    half.write_bytes(b"PAR1")
    upkeep.tidy(lake, "raw", "doors")
    assert orphan.exists(), "a part that was just written may be about to be committed"
    upkeep.tidy(lake, "raw", "doors", keep_hours=0)
    assert seen(lake) == [(MAY_1, i) for i in range(5)]
    assert lake.landed_up_to("raw", "doors", ["a"]) == {"a": 5}
    assert len(lake.files("raw", "doors")) == 5, "few files are left alone"
    assert not orphan.exists()
    assert not half.exists()


def test_a_lake_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    lake = Lake(tmp_path / "file")
    with pytest.raises(LakeError, match="check that the folder can be read and written"):
        part(lake, MAY_1, "a", 1)
    with pytest.raises(LakeError, match="check that the folder can be read and written"):
        lake.ensure("raw", "doors", SCHEMA)


def test_many_identities_are_read_at_once_as_each_alone(lake: Lake) -> None:
    schema = pa.schema([("event_date", pa.date32()), ("n", pa.int64())])
    for version in range(1, 121):  # over two checkpoints, and commits after the last
        lake.append("raw", "doors", schema, [Step(f"file {version % 70}", version - 70 if version > 70 else 0, version)])
    table = lake.open("raw", "doors")
    asked = [f"file {i}" for i in range(72)]
    assert lake.landed_up_to("raw", "doors", asked) == {a: table.transaction_version(a) or 0 for a in asked}
    assert sorted(lake.landed_up_to("raw", "doors", asked).values())[:3] == [0, 0, 51]
