"""Cells of a workbook, through XlsxWriter: rows are written as they come, so that memory stays flat.

Every text is written as a text, never as a formula or a link. What is asked of the lake is `assets.exports.xlsx`'s.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter

from assets.exports.selection import Selection
from assets.exports.snapshot import Table
from assets.publishing.withheld import is_withheld
from schemas.city import City
from schemas.stages import RELEASED, SUPPRESSED, WITHHELD_COLUMNS

FORMULA_LIKE = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula once somebody edits the cell: OWASP, CSV Injection."""
WITHHELD = "withheld"
NARROWEST, WIDEST, ARROW, BOLD = 8, 48, 3, 1.15
WIDTHS = {"time": 23, "date": 11, "true or false": 8, "number": 12, "whole number": 11}
NOTES = (
    ("withheld", "the value could tell of single people and is not released (docs/privacy.md). It is neither 0 nor unknown."),
    ("empty cell", "nothing is known; the column null_reason, where there is one, says why."),
    ("ratios", "do not average them: add up the columns that their formula names, then divide."),
    ("texts", "cells that begin like a formula are texts."),
    ("numbers", "Excel shows 15 digits and keeps times to the millisecond; the Parquet files are exact."),
)


@dataclass(frozen=True)
class Field:
    """A column of a sheet: its `kind` is time, date, text, whole number, number, or true or false. `sql` makes its cells."""

    name: str
    kind: str
    unit: str | None
    doc: str
    formula: str | None
    sql: str


@dataclass(frozen=True)
class Sheet:
    """A sheet of one table.

    Attributes:
        widths: the longest text of each text column.
    """

    full_name: str
    name: str
    table: Table
    fields: tuple[Field, ...]
    rows: int
    widths: dict[str, int]


class Book:
    """A workbook that is being written; closed, it is whole. The same cells made at the same instant give the same bytes."""

    def __init__(self, path: Path, city: City, at: datetime) -> None:
        self.city, self.at = city, at
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "tmpdir": str(path.parent)}
        self._book = xlsxwriter.Workbook(str(path), options)
        self._book.set_properties({"title": f"{city.name}: metrics", "created": at.replace(tzinfo=None)})
        made = self._book.add_format
        self._head = made({"bold": True, "bottom": 1, "bg_color": "#E8EEF4", "align": "left", "valign": "top"})
        self._plain, self._quoted = made({"valign": "top"}), made({"quote_prefix": True, "valign": "top"})
        self._withheld = made({"italic": True, "font_color": "#7F7F7F", "align": "right"})
        self._prose = made({"text_wrap": True, "valign": "top"})
        self._prose_quoted = made({"text_wrap": True, "valign": "top", "quote_prefix": True})
        self._formats = {
            "time": made({"num_format": "yyyy-mm-dd hh:mm:ss.000", "align": "left"}),
            "date": made({"num_format": "yyyy-mm-dd", "align": "left"}),
            "whole number": made({"num_format": "0"}),
        }

    def __enter__(self) -> "Book":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._book.close()
        else:
            with suppress(Exception):  # what went wrong first is what is told; closing lets go of temporary files
                self._book.close()

    def write(self, sheet: Sheet, batches: Iterable[Sequence[tuple[Any, ...]]], advance: Callable[[int], None]) -> None:
        """Write a table's rows under a frozen head with a filter."""
        page = self._book.add_worksheet(sheet.name)
        self._header(page, [f.name for f in sheet.fields], [_width(f, sheet.widths) for f in sheet.fields], sheet.rows)
        place_of = {f.name: i for i, f in enumerate(sheet.fields)}
        release, listed = place_of.get(RELEASED), place_of.get(WITHHELD_COLUMNS)
        row = 0
        for batch in batches:
            for values in batch:
                row += 1
                hidden = release is not None and values[release] == SUPPRESSED
                some = None if listed is None else values[listed]
                for place, (field, value) in enumerate(zip(sheet.fields, values, strict=True)):
                    if value is not None:
                        self._cell(page, row, place, field.kind, value)
                    elif is_withheld(field.name, hidden, some):
                        page.write_string(row, place, WITHHELD, self._withheld)
            advance(len(batch))

    def explain(self, sheets: Sequence[Sheet], selection: Selection) -> None:
        """Write what columns mean, and where everything is from."""
        page = self._book.add_worksheet("Columns")
        rows = [(s.name, f.name, f.kind, f.unit, f.doc, f.formula) for s in sheets for f in s.fields]
        self._header(page, ["sheet", "column", "type", "unit", "meaning", "formula"], [26, 30, 14, 24, 70, 60], len(rows))
        for number, row in enumerate(rows, 1):
            self._texts(page, number, row)
        page = self._book.add_worksheet("Sources")
        page.set_column(0, 0, 26)
        page.set_column(1, 1, 90)
        for number, (name, value) in enumerate(self._sources(sheets, selection)):
            page.write_string(number, 0, name, self._head)
            if value is not None:
                self._text(page, number, 1, value, self._prose, self._prose_quoted)

    def _sources(self, sheets: Sequence[Sheet], selection: Selection) -> Iterator[tuple[str, str | None]]:
        made = self.at.astimezone(ZoneInfo(self.city.zone)).isoformat(timespec="seconds")
        days = f"{selection.first or 'the first'} to {selection.last or 'the last'}"
        yield from (("city", self.city.name), ("time zone", self.city.zone), ("made at", made), ("days asked for", days))
        yield "rows asked for", selection.where or "all"
        for sheet in sheets:
            dates = sorted({f.event_date for f in sheet.table.files if f.event_date})
            yield "", None
            yield from (("sheet", sheet.name), ("table", sheet.full_name), ("rows", f"{sheet.rows:,}"))
            yield "days", f"{dates[0]} to {dates[-1]}" if dates else "the table has none" if not sheet.table.hive else "none"
            yield from (("a row is", sheet.table.doc), ("key", ", ".join(sheet.table.order)))
            yield "contract version", str(sheet.table.version)
            yield "sources", "\n".join(sheet.table.sources) or "this lake"
        yield "", None
        yield from NOTES

    def _header(self, page: Any, names: Sequence[str], widths: Sequence[int], rows: int) -> None:
        for place, (name, width) in enumerate(zip(names, widths, strict=True)):
            page.set_column(place, place, width)
            page.write_string(0, place, name, self._head)
        page.freeze_panes(1, 0)
        page.autofilter(0, 0, rows, len(names) - 1)
        page.repeat_rows(0)

    def _cell(self, page: Any, row: int, place: int, kind: str, value: Any) -> None:
        if kind == "text":
            self._text(page, row, place, value, None, self._quoted)
        elif kind == "true or false":
            page.write_boolean(row, place, value)
        else:
            page.write_number(row, place, value, self._formats.get(kind))

    def _texts(self, page: Any, row: int, values: Sequence[str | None]) -> None:
        for place, value in enumerate(values):
            if value is not None:
                self._text(page, row, place, value, self._prose, self._prose_quoted)

    @staticmethod
    def _text(page: Any, row: int, place: int, value: str, style: Any, quoted: Any) -> None:
        if value.startswith(FORMULA_LIKE):
            style = quoted
        if value.startswith("<r>") and value.endswith("</r>"):
            # XlsxWriter takes such a text for XML of its own and does not escape it; in pieces it does
            page.write_rich_string(row, place, value[0], quoted, value[1:], style or quoted)
        else:
            page.write_string(row, place, value, style)


def _width(field: Field, widths: dict[str, int]) -> int:
    """Of a column, in characters: the head with the filter's arrow, and what is under it."""
    under = widths.get(field.name, 0) + 1 if field.kind == "text" else WIDTHS[field.kind]
    head = round(len(field.name) * BOLD) + ARROW
    return min(max(head, under, NARROWEST), WIDEST)
