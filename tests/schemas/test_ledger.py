"""The books: they close, and they say by how much where a row or a file is missing."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from schemas import ledger
from schemas.lake import Lake, Part, Step
from schemas.ledger import Tally

SCHEMA = pa.schema([("event_date", pa.date32()), ("x", pa.int64())])
REFUSED = pa.schema([("event_date", pa.date32()), ("stage", pa.string()), ("x", pa.int64())])
MAY_1, MAY_2 = date(2026, 5, 1), date(2026, 5, 2)
NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)


def land(lake: Lake, source: str, rows: dict[date, int], refused: int = 0, claim: int = 0, hide: int = 0) -> None:
    """Land rows per day and book them; `claim` more are booked than are there, `hide` fewer are quarantined."""
    parts = tuple(part(lake, "raw", day, source, n) for day, n in rows.items())
    tallies = [Tally("land", "doors", day, n + claim, n + claim, source=source) for day, n in rows.items()]
    if refused:
        tallies.append(Tally("land", "doors", None, refused, 0, refused, source=source))
        wrong = (part(lake, "quarantine", None, source, refused - hide),)
        lake.append("quarantine", "doors", REFUSED, [Step(source, 0, 1, wrong)])
    book(lake, source, tallies)
    lake.append("raw", "doors", SCHEMA, [Step(source, 0, 1, parts)])


def part(lake: Lake, layer: str, day: date | None, stem: str, rows: int) -> Part:
    frame = pl.DataFrame({"x": range(rows)}, schema={"x": pl.Int64})
    return lake.write_part(
        layer, "doors", day, stem, frame.with_columns(stage=pl.lit("land")) if layer == "quarantine" else frame
    )


def book(lake: Lake, source: str, tallies: list[Tally]) -> None:
    lake.append("ledger", "", ledger.arrow_schema(), [Step(source, 0, 1, (ledger.write(lake, source, tallies, NOW),))])


def refine(lake: Lake, day: date, taken: int, kept: int, at: datetime = NOW, repeated: int = 0) -> None:
    stem = f"{day}-{at:%H%M}"
    lake.replace("refined", "doors", SCHEMA, [part(lake, "refined", day, stem, kept)])
    ledger.record(lake, f"refine-{stem}", [Tally("refine", "doors", day, taken, kept, repeated=repeated)], at)


def off(lake: Lake) -> dict[tuple[str, date | None], int]:
    return {(s, d): n for s, d, n in ledger.balance(lake).select("stage", "event_date", "off_by").rows()}


def test_a_tally_knows_what_is_unaccounted_for() -> None:
    assert Tally("land", "doors", MAY_1, 10, 7, 1, 1, 1).off_by == 0
    assert Tally("land", "doors", MAY_1, 10, 7, 1).off_by == 2
    assert Tally("land", "doors", MAY_1, 10, 11).off_by == -1


def test_an_empty_lake_balances(lake: Lake) -> None:
    assert ledger.lines(lake).height == 0
    assert ledger.balance(lake).columns == ["feed", "stage", "event_date", *ledger.COUNTS, "off_by"]
    assert ledger.balance(lake).height == 0


def test_books_that_close(lake: Lake) -> None:
    land(lake, "a", {MAY_1: 3, MAY_2: 2}, refused=4)
    land(lake, "b", {MAY_1: 5})
    refine(lake, MAY_1, taken=8, kept=6, repeated=2)
    assert ledger.balance(lake).rows() == [
        ("doors", "land", MAY_1, 8, 8, 0, 0, 0, 0),
        ("doors", "land", MAY_2, 2, 2, 0, 0, 0, 0),
        ("doors", "land", None, 4, 0, 4, 0, 0, 0),
        ("doors", "refine", MAY_1, 8, 6, 0, 2, 0, 0),
    ]


def test_a_file_that_left_the_table_is_missed(lake: Lake) -> None:
    land(lake, "a", {MAY_1: 3, MAY_2: 2})
    DeltaTable(lake.uri("raw", "doors")).delete("event_date = '2026-05-02'")
    assert off(lake) == {("land", MAY_1): 0, ("land", MAY_2): 2}


def test_a_table_with_fewer_or_more_rows_than_booked_is_seen(lake: Lake) -> None:
    land(lake, "a", {MAY_1: 3}, claim=1)
    land(lake, "b", {MAY_2: 3}, claim=-1)
    assert off(lake) == {("land", MAY_1): 1, ("land", MAY_2): 1}


@pytest.mark.parametrize("hide", [1, -1])
def test_a_quarantine_with_fewer_or_more_rows_than_booked_is_seen(lake: Lake, hide: int) -> None:
    land(lake, "a", {MAY_1: 3}, refused=4, hide=hide)
    assert off(lake) == {("land", MAY_1): 0, ("land", None): 1}


def test_rows_that_nobody_booked_are_seen(lake: Lake) -> None:
    lake.append("raw", "doors", SCHEMA, [Step("stray", 0, 1, (part(lake, "raw", MAY_1, "stray", 2),))])
    assert off(lake) == {("land", MAY_1): 2}


def test_errors_of_two_lines_do_not_cancel_out(lake: Lake) -> None:
    tallies = [Tally("land", "doors", MAY_1, 10, 9), Tally("land", "doors", MAY_1, 10, 11)]
    lake.append("raw", "doors", SCHEMA, [Step("a", 0, 1, (part(lake, "raw", MAY_1, "a", 20),))])
    book(lake, "a", tallies)
    assert off(lake)[("land", MAY_1)] == 2


def test_the_latest_statement_of_a_refined_day_is_in_force(lake: Lake) -> None:
    refine(lake, MAY_1, taken=3, kept=3)
    refine(lake, MAY_1, taken=5, kept=4, repeated=1, at=NOW + timedelta(hours=1))
    assert off(lake) == {("refine", MAY_1): 0}
    assert ledger.lines(lake)["taken"].to_list() == [5]
    assert ledger.balance(lake)["taken"].to_list() == [5]


def test_the_same_step_is_booked_once(lake: Lake) -> None:
    for _ in range(2):
        land(lake, "a", {MAY_1: 3}, refused=1)
    assert off(lake) == {("land", MAY_1): 0, ("land", None): 0}
    assert ledger.lines(lake).height == 2


def test_lines_carry_the_day_of_receipt(lake: Lake) -> None:
    ledger.record(lake, "a", [Tally("land", "doors", None, 1, 0, 1)], NOW)
    line = ledger.lines(lake).row(0, named=True)
    assert (line["received_date"], line["recorded_at"]) == (NOW.date(), NOW)


@pytest.mark.parametrize("how", ["gone", "cut"])
def test_a_data_file_that_disappears_from_disk_is_not_passed_over(lake: Lake, how: str) -> None:
    """The log still counts the file: reading it must fail aloud, never give fewer rows."""
    land(lake, "a", {MAY_1: 3, MAY_2: 2})
    file = Path(next(f.uri for f in lake.files("raw", "doors", [MAY_2])))
    file.unlink() if how == "gone" else file.write_bytes(file.read_bytes()[:20])
    scan = lake.scan("raw", "doors")
    assert scan is not None
    with pytest.raises((OSError, pl.exceptions.PolarsError)):
        scan.collect()
