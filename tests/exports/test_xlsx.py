"""Workbooks, read back by openpyxl: typed cells, local times, no formulas, withheld values, and Excel's limits told first."""

import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import polars as pl
import pytest

from assets.exports import xlsx
from assets.exports.selection import Selection
from assets.exports.xlsx import write_xlsx
from schemas.errors import CitylakeError
from schemas.lake import Lake
from schemas.registry import metrics, references, table_contracts
from tests.good_rows import CITY, DAY, good_rows, put

BINS = metrics()["traffic_15min"]
TABLE, KEY, TEXT = f"metrics.{BINS.name}", BINS.key[0], "road"
FLOAT = next(c.name for c in BINS.columns if c.kind == "float" and c.nullable)
AT = datetime(2025, 3, 2, 11, 30, tzinfo=UTC)
NASTY = [
    "=1+1", "+SUM(A1)", "-2+3", "@x", "\t=1", '=cmd|" /C calc"!A0', "http://example.org", "mailto:a@b", "<r><t>x</t></r>",
    "<r></is></c><c><f>1+1</f></c></r>", "a & b < c", " spaced ", "two\nlines", "\x01\x1f", "_x0041_", "12", "1e5", "TRUE", "",
    "Zürich 🚲",
]  # fmt: skip


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "of a city.xlsx"


def rows(path: Path, sheet: str) -> list[dict[str, Any]]:
    """The rows of a sheet, by head."""
    head, *body = openpyxl.load_workbook(path)[sheet].iter_rows(values_only=True)
    return [dict(zip(map(str, head), r, strict=True)) for r in body]


def filled(lake: Lake, frame: pl.DataFrame | None = None, day: date = DAY) -> pl.DataFrame:
    frame = good_rows(BINS, "metrics", day) if frame is None else frame
    put(lake, BINS, "metrics", frame, day)
    return frame.sort("event_date", *BINS.key)


def test_cells_are_typed_and_equal_to_the_lake(lake: Lake, book: Path) -> None:
    want = filled(lake)
    said = write_xlsx(lake, CITY, book, Selection((TABLE,)), AT)
    assert said["sheets"] == [{"table": TABLE, "sheet": BINS.name, "rows": 20}]
    assert said["bytes"] == book.stat().st_size
    got = rows(book, BINS.name)
    assert len(got) == want.height
    for row, held in zip(got, want.iter_rows(named=True), strict=True):
        for column in BINS.stage_columns("metrics"):
            value, cell = held[column.name], row[column.name]
            if column.kind == "instant":
                local = value.astimezone(ZoneInfo(CITY.zone)).replace(tzinfo=None)
                assert abs(cell - local) < timedelta(milliseconds=1)
                assert cell - timedelta(hours=row[f"{column.name}_utc_offset_h"]) == value.replace(tzinfo=None)
            elif column.kind == "date":
                assert cell == datetime(value.year, value.month, value.day)
            elif column.kind == "float" and value is not None:
                assert cell == pytest.approx(value, rel=1e-15)
            else:
                assert cell == value
                assert type(cell) is type(value)


def test_head_is_frozen_filtered_and_wide_enough(lake: Lake, book: Path) -> None:
    filled(lake)
    write_xlsx(lake, CITY, book, Selection((TABLE,)), AT)
    page = openpyxl.load_workbook(book)[BINS.name]
    assert page.freeze_panes == "A2"
    assert page.auto_filter.ref == page.dimensions
    formats = {str(c[0].value): (c[1].number_format, page.column_dimensions[c[0].column_letter].width) for c in page.iter_cols()}
    assert formats["bin_at"] == ("yyyy-mm-dd hh:mm:ss.000", pytest.approx(23, abs=1))
    assert formats["event_date"][0] == "yyyy-mm-dd"
    assert all(width > len(name) for name, (_, width) in formats.items())


def test_units_and_sources_are_in_sheets_of_their_own(lake: Lake, book: Path) -> None:
    filled(lake)
    write_xlsx(lake, CITY, book, Selection((TABLE,), DAY, DAY, "n >= 0"), AT)
    assert openpyxl.load_workbook(book).sheetnames == [BINS.name, "Columns", "Sources"]
    said = {r["column"]: r for r in rows(book, "Columns")}
    assert list(said) == list(rows(book, BINS.name)[0])
    for column in BINS.stage_columns("metrics"):
        assert said[column.name]["meaning"] == column.doc
        assert said[column.name]["formula"] == column.formula
        if column.kind in ("int", "float"):
            assert said[column.name]["unit"] == column.unit
    assert said["bin_at"]["unit"] == "wall clock of Europe/Berlin"
    pairs = [r[:2] for r in openpyxl.load_workbook(book)["Sources"].iter_rows(values_only=True)]
    facts = dict(pairs)
    assert facts["city"] == "Testville"
    assert facts["made at"] == "2025-03-02T12:30:00+01:00"
    assert facts["rows asked for"] == "n >= 0"
    assert facts["days"] == "2025-03-01 to 2025-03-01"
    assert facts["sources"] == "\n".join(BINS.sources)
    assert facts["a row is"] == BINS.doc


def test_the_hour_that_comes_twice_stays_two(lake: Lake, book: Path) -> None:
    day = date(2025, 10, 26)
    frame = good_rows(BINS, "metrics", day, 2).with_columns(
        pl.lit("one").alias(KEY),
        pl.Series("bin_at", [datetime(2025, 10, 26, 0, 30, tzinfo=UTC), datetime(2025, 10, 26, 1, 30, tzinfo=UTC)]).cast(
            pl.Datetime("us", "UTC")
        ),
    )
    filled(lake, frame, day)
    write_xlsx(lake, CITY, book, Selection((TABLE,)), AT)
    got = [(r["bin_at"], r["bin_at_utc_offset_h"]) for r in rows(book, BINS.name)]
    assert got == [(datetime(2025, 10, 26, 2, 30), 2), (datetime(2025, 10, 26, 2, 30), 1)]


def test_texts_are_texts_whatever_they_say(lake: Lake, book: Path) -> None:
    filled(lake, good_rows(BINS, "metrics").with_columns(pl.Series(TEXT, NASTY, pl.String)))
    write_xlsx(lake, CITY, book, Selection((TABLE,)), AT)
    with zipfile.ZipFile(book) as files:
        xml = files.read("xl/worksheets/sheet1.xml").decode()
        assert not [n for n in files.namelist() if "rels" in n and b"example.org" in files.read(n)]
    assert "<f>" not in xml
    page = openpyxl.load_workbook(book, rich_text=False)[BINS.name]
    column = next(c for c in page.iter_cols() if c[0].value == TEXT)[1:]
    read = [openpyxl.utils.escape.unescape(c.value or "") if c.value is not None else "" for c in column]
    keys = (
        good_rows(BINS, "metrics").with_columns(pl.Series(TEXT, NASTY, pl.String)).sort("event_date", *BINS.key)[TEXT].to_list()
    )
    assert read == keys
    assert all(c.data_type in ("s", "inlineStr", "n") and not c.hyperlink for c in column)
    quoted = {c.value: c.quotePrefix for c in column if isinstance(c.value, str) and c.value.startswith(("=", "+", "-", "@"))}
    assert len(quoted) == 5
    assert all(quoted.values())


def gated() -> Any:
    """A metric of few columns that passes the gate, with a key and a count that is always there."""
    return next(c for c in metrics().values() if c.is_gated and c.period == "day" and not c.publish.largest_share and "n" in c)


def test_what_is_withheld_says_so(lake: Lake, book: Path) -> None:
    contract = gated()
    frame = good_rows(contract, "metrics", rows=3).with_columns(pl.Series("n", [2, 3, 1], pl.Int64))
    put(lake, contract, "metrics", frame)
    write_xlsx(lake, CITY, book, Selection((f"metrics.{contract.name}",)), AT)
    got = rows(book, contract.name)
    assert {r["release"] for r in got} == {"suppressed"}
    for row in got:
        kept = {*contract.key, "event_date", "release", "withheld_columns", "null_reason", "local_time"}
        offsets = {c for c in row if c.endswith("_utc_offset_h")}
        assert {v for c, v in row.items() if c not in kept | offsets} == {"withheld"}
    assert "2" not in {str(v) for r in got for c, v in r.items() if c == "n"}


def test_days_and_condition_choose_rows(lake: Lake, book: Path) -> None:
    for n in range(4):
        filled(lake, day=DAY + timedelta(days=n))
    write_xlsx(lake, CITY, book, Selection((TABLE,), DAY + timedelta(days=1), DAY + timedelta(days=2), f"{KEY} = '{KEY}-3'"), AT)
    got = rows(book, BINS.name)
    assert [(r["event_date"].date(), r[KEY]) for r in got] == [(DAY + timedelta(days=n), f"{KEY}-3") for n in (1, 2)]


def test_a_month_is_in_where_any_of_its_days_is(lake: Lake, book: Path) -> None:
    contract = next(c for c in metrics().values() if c.period == "month" and not c.is_gated)
    put(lake, contract, "metrics", good_rows(contract, "metrics", rows=2))
    chosen = Selection((f"metrics.{contract.name}",), date(2025, 3, 20), date(2025, 3, 25))
    assert write_xlsx(lake, CITY, book, chosen, AT)["sheets"][0]["rows"] == 2


def test_empty_and_reference_tables_have_sheets_too(lake: Lake, book: Path) -> None:
    reference = next(iter(references().values()))
    frame = good_rows(reference, "reference", rows=2)
    part = lake.write_part("reference", reference.name, None, "a", frame)
    lake.replace_table("reference", reference.name, reference.arrow_schema("reference"), part)
    said = write_xlsx(lake, CITY, book, Selection((TABLE, f"reference.{reference.name}", TABLE)), AT)
    assert [s["rows"] for s in said["sheets"]] == [0, 2]
    assert rows(book, BINS.name) == []
    assert len(rows(book, reference.name)) == 2


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({TEXT: pl.lit("x" * 32_768)}, "32,768 characters"),
        ({TEXT: pl.lit("🚲" * 16_384)}, "32,768 characters"),
        ({FLOAT: pl.lit(float("nan"))}, "no number"),
        ({FLOAT: pl.lit(float("inf"))}, "infinite"),
        ({"n": pl.lit(10**15)}, "more than 15 digits"),
        ({"n": pl.lit(-(2**63))}, "more than 15 digits"),
        ({"local_time": pl.lit(datetime(1900, 2, 28))}, "before 1900-03-01"),
    ],
)
def test_what_excel_cannot_hold_is_told_before_writing(lake: Lake, book: Path, change: dict[str, pl.Expr], found: str) -> None:
    frame = good_rows(BINS, "metrics")
    filled(lake, frame.with_columns(e.cast(frame.schema[c]).alias(c) for c, e in change.items()))
    book.write_bytes(b"old")
    with pytest.raises(CitylakeError, match=found) as error:
        write_xlsx(lake, CITY, book, Selection((TABLE,)), AT)
    assert TABLE in error.value.where
    assert next(iter(change)) in error.value.where
    assert book.read_bytes() == b"old"


def test_too_many_rows_are_told_before_writing(lake: Lake, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(lake)
    monkeypatch.setattr(xlsx, "ROWS", 20)
    with pytest.raises(CitylakeError, match="20 rows, and a sheet holds 19"):
        write_xlsx(lake, CITY, book, Selection((TABLE,)), AT)
    assert write_xlsx(lake, CITY, book, Selection((TABLE,), where=f"{KEY} < '{KEY}-19'"), AT)["sheets"][0]["rows"] < 20


@pytest.mark.parametrize("layer", ["raw", "refined", "quarantine", "published"])
def test_only_what_was_released_can_be_named(lake: Lake, book: Path, layer: str) -> None:
    feed = next(n for n in table_contracts() if n.startswith("raw.")).split(".")[1]
    with pytest.raises(CitylakeError):
        write_xlsx(lake, CITY, book, Selection((f"{layer}.{feed}",)), AT)
    assert not book.exists()


def test_a_wrong_name_is_told_with_the_near_ones(lake: Lake, book: Path) -> None:
    with pytest.raises(CitylakeError) as error:
        write_xlsx(lake, CITY, book, Selection((f"{TABLE}x",)), AT)
    assert TABLE in error.value.remedy
    with pytest.raises(CitylakeError, match="does not end in"):
        write_xlsx(lake, CITY, book.with_suffix(".xls"), Selection((TABLE,)), AT)


@pytest.mark.parametrize(
    "where",
    [
        "",
        "n >",
        "n = 1; DROP TABLE this",
        "n IN (SELECT n FROM read_parquet('x'))",
        "EXISTS (FROM this)",
        "1 = 1) UNION ALL SELECT * FROM read_csv('/etc/hostname') WHERE (1 = 1",
        "1 = 1) GROUP BY ALL HAVING (true",
        "1 = 1) ORDER BY (1",
        "1 = 1) -- ",
        "no_such_column = 1",
        "n = ?",
    ],
)
def test_a_condition_is_a_condition_and_nothing_more(lake: Lake, book: Path, where: str) -> None:
    filled(lake)
    with pytest.raises(CitylakeError) as error:
        write_xlsx(lake, CITY, book, Selection((TABLE,), where=where), AT)
    assert error.value.where.startswith("--where")
    assert not book.exists()


def test_the_same_rows_give_the_same_bytes(lake: Lake, tmp_path: Path) -> None:
    filled(lake)
    for name in ("a.xlsx", "b.xlsx"):
        write_xlsx(lake, CITY, tmp_path / name, Selection((TABLE,)), AT)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["a.xlsx", "b.xlsx"]
