"""split: every row is kept or has exactly one fault, the first; good rows come back as they came."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import registry
from schemas.column import Column
from schemas.conform import FAULT_COLUMNS, FOUND_LENGTH, split
from schemas.contract import Contract, RowRule
from schemas.rejection import Code

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CONTRACT = Contract(
    name="door_counts",
    layer="feed",
    domain="test",
    version=1,
    doc="One door.",
    columns=(
        Column("door_id", "string", "door", nullable=False, pattern="^d[0-9]+$"),
        Column("seen_at", "instant", "instant", nullable=False),
        Column("people", "int", "people", minimum=0, maximum=100),
        Column("warmth", "float", "degrees", maximum=60),
        Column("wind", "float", "metres a second", minimum=0),
        Column("state", "string", "open or shut", allowed=("open", "shut")),
    ),
    key=("door_id", "seen_at"),
    event_time="seen_at",
    row_rules=(RowRule("shut_is_empty", "state <> 'shut' OR people = 0", "nobody passes a shut door"),),
)
GOOD: dict[str, Any] = {"door_id": "d1", "seen_at": NOW, "people": 3, "warmth": 20.0, "wind": 1.0, "state": "open"}


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    """Rows as the good one with changes, at positions 100, 101, ..."""
    schema = {**CONTRACT.polars_schema(), "_position": pl.Int64}
    return pl.DataFrame([{**GOOD, **r, "_position": 100 + i} for i, r in enumerate(rows)], schema=schema)


def judge(*rows: dict[str, Any], contract: Contract = CONTRACT) -> tuple[pl.DataFrame, pl.DataFrame]:
    return split(frame(*rows), contract, NOW)


@pytest.mark.parametrize(
    ("change", "code", "column", "found"),
    [
        ({"door_id": None}, Code.MISSING, "door_id", None),
        ({"seen_at": None}, Code.MISSING, "seen_at", None),
        ({"people": -1}, Code.OUT_OF_RANGE, "people", "-1"),
        ({"people": 101}, Code.OUT_OF_RANGE, "people", "101"),
        ({"warmth": 60.5}, Code.OUT_OF_RANGE, "warmth", "60.5"),
        ({"wind": -0.5}, Code.OUT_OF_RANGE, "wind", "-0.5"),
        ({"warmth": float("nan")}, Code.NOT_FINITE, "warmth", "NaN"),
        ({"warmth": float("-inf")}, Code.NOT_FINITE, "warmth", "-inf"),
        ({"state": "ajar"}, Code.NOT_ALLOWED, "state", "ajar"),
        ({"door_id": "x1"}, Code.WRONG_FORM, "door_id", "x1"),
        ({"seen_at": datetime(1999, 12, 31, tzinfo=UTC)}, Code.IMPLAUSIBLE_TIME, "seen_at", "1999-12-31"),
        ({"seen_at": NOW + timedelta(minutes=11)}, Code.FROM_FUTURE, "seen_at", "2026-05-01 12:11"),
        ({"state": "shut"}, Code.RULE_BROKEN, "shut_is_empty", "people=3"),
    ],
)
def test_each_fault_has_its_code_column_and_finding(change: dict, code: Code, column: str, found: str | None) -> None:
    kept, faults = judge({}, change, {})
    assert kept["_position"].to_list() == [100, 102]
    fault = faults.row(0, named=True)
    assert (faults.height, fault["_position"], fault["code"], fault["column"]) == (1, 101, str(code), column)
    assert fault["expected"]
    if found is None:
        assert fault["found"] is None
    else:
        assert found in fault["found"]


@pytest.mark.parametrize(
    "change",
    [
        {"people": 0},
        {"people": 100},
        {"warmth": 60.0},
        {"wind": 0.0},
        {"seen_at": datetime(2000, 1, 1, tzinfo=UTC)},
        {"seen_at": NOW + timedelta(minutes=10)},
        {"people": None, "warmth": None, "wind": None, "state": None},
        {"state": "shut", "people": None},
        {"state": "shut", "people": 0},
    ],
)
def test_bounds_are_inclusive_and_empty_values_break_no_rule(change: dict) -> None:
    kept, faults = judge(change)
    assert (kept.height, faults.height) == (1, 0)


def test_a_row_with_many_faults_carries_the_first_in_the_contracts_order() -> None:
    _, faults = judge(
        {"people": -1, "state": "ajar"},
        {"door_id": "x", "people": -1},
        {"state": "shut", "seen_at": NOW + timedelta(days=1)},
        {"door_id": None, "seen_at": None},
    )
    assert faults.select("column", "code").rows() == [
        ("people", "out_of_range"),
        ("door_id", "wrong_form"),
        ("seen_at", "from_future"),
        ("door_id", "missing"),
    ]


def test_a_time_that_is_not_believed_dates_nothing_whatever_else_is_wrong() -> None:
    """The door's name is refused first; the year 40000, which no calendar of Python has, must not become its day."""
    wild = pl.lit(1_200_000_000_000_000_000).cast(pl.Datetime("us", "UTC"))
    rows = frame({"door_id": "?"}, {"door_id": "?"}).with_columns(
        pl.when(pl.col("_position") == 100).then(wild).otherwise("seen_at").alias("seen_at")
    )
    _, faults = split(rows.with_columns(pl.col("seen_at").dt.date().alias("event_date")), CONTRACT, NOW)
    assert faults["code"].to_list() == ["wrong_form"] * 2
    assert faults["event_date"].to_list() == [None, NOW.date()]


def test_a_day_reckoned_with_an_interval_that_is_refused_is_none() -> None:
    """The time is good, and the interval ends at it: 35,000 years of it begin where no calendar of Python is."""
    length = Column("length_s", "int", "length", unit="s", nullable=False, minimum=1, maximum=86400)
    contract = replace(CONTRACT, columns=(*CONTRACT.columns, length), interval="length_s", stamped="end")
    rows = frame({}, {"people": -1}).with_columns(
        pl.when(pl.col("_position") == 100).then(10**12).otherwise(60).alias("length_s")
    )
    day = (pl.col("seen_at") - pl.duration(seconds="length_s")).dt.date()
    _, faults = split(rows.with_columns(day.alias("event_date")), contract, NOW)
    assert faults["column"].to_list() == ["length_s", "people"]
    assert faults["event_date"].to_list() == [None, NOW.date()]


def test_rows_without_fault_come_back_as_they_came_and_no_fault_is_typed() -> None:
    rows = frame({}, {"people": None})
    kept, faults = split(rows, CONTRACT, NOW)
    assert_frame_equal(kept, rows)
    assert dict(faults.schema) == FAULT_COLUMNS


def test_an_empty_frame_is_judged_too() -> None:
    kept, faults = judge()
    assert (kept.height, faults.height) == (0, 0)
    assert dict(faults.schema) == FAULT_COLUMNS


def test_when_every_row_is_at_fault_none_is_kept_and_columns_stay() -> None:
    kept, faults = judge({"people": -1}, {"people": 900})
    assert (kept.height, faults.height) == (0, 2)
    assert kept.schema == frame().schema
    assert dict(faults.schema) == FAULT_COLUMNS


def test_what_was_found_is_shortened() -> None:
    _, faults = judge({"door_id": "x" * 10_000})
    assert len(faults["found"][0]) == FOUND_LENGTH


def test_bounds_of_the_contract_are_told() -> None:
    _, faults = judge({"people": -1}, {"warmth": 99.0}, {"wind": -1.0}, {"state": "ajar"})
    assert faults["expected"].to_list() == ["0 to 100", "-inf to 60", "0 to inf", "one of open, shut"]


def test_a_contract_without_bounds_keeps_everything_in_form() -> None:
    bare = replace(CONTRACT, columns=tuple(replace(c, minimum=None, maximum=None) for c in CONTRACT.columns), row_rules=())
    kept, faults = judge({"people": -1}, contract=bare)
    assert (kept.height, faults.height) == (1, 0)


VALUES = {
    "string": st.none() | st.text(max_size=8) | st.sampled_from(["d1", "open", "valid", "total", "delivered", "\x00", "é" * 401]),
    "int": st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 400),
    "float": st.none() | st.floats() | st.floats(0, 1),
    "instant": st.none()
    | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda t: t.replace(tzinfo=UTC))
    | st.integers(-10, 20).map(lambda m: NOW + timedelta(minutes=m)),
    "bool": st.none() | st.booleans(),
    "date": st.none() | st.dates(),
}


@st.composite
def batches(draw: st.DrawFn) -> tuple[Contract, pl.DataFrame]:
    contract = draw(st.sampled_from([CONTRACT, *registry.feeds().values()]))
    row = st.fixed_dictionaries({c.name: VALUES[c.kind] for c in contract.columns})
    rows = [{**r, "_position": i} for i, r in enumerate(draw(st.lists(row, max_size=12)))]
    return contract, pl.DataFrame(rows, schema={**contract.polars_schema(), "_position": pl.Int64})


@given(batches())
def test_the_balance_holds_for_any_rows(batch: tuple[Contract, pl.DataFrame]) -> None:
    contract, rows = batch
    kept, faults = split(rows, contract, NOW)
    assert rows.height == kept.height + faults.height
    assert sorted([*kept["_position"], *faults["_position"]]) == list(range(rows.height))
    assert_frame_equal(kept, rows.filter(pl.col("_position").is_in(kept["_position"].to_list())))
    assert set(faults["code"]) <= {str(c) for c in Code}
    again, none = split(kept, contract, NOW)
    assert (again.height, none.height) == (kept.height, 0)
    one_by_one = [split(rows[i : i + 1], contract, NOW)[1] for i in range(rows.height)]
    if faults.height:
        assert_frame_equal(faults, pl.concat(one_by_one))
