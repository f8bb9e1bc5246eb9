"""A workbook of a selection: a sheet per table with typed cells, then `Columns` (unit, meaning, formula) and `Sources`.

Excel knows no time zones: an instant is written as the city's wall clock, and beside it by how many hours that was ahead of
UTC, so that the hour which comes twice in autumn stays two. What Excel cannot hold is told before anything is written.
How cells are written is in `assets.exports.sheets`, what may be asked for in `assets.exports.selection`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from assets.duck import connect, literal, quoted
from assets.exports.aside import aside
from assets.exports.selection import Selection, picked, rows_of
from assets.exports.sheets import Book, Field, Sheet
from assets.exports.snapshot import Table
from assets.publishing.gate import release
from schemas.city import City
from schemas.column import Column
from schemas.errors import CitylakeError
from schemas.lake import Lake

ROWS, COLUMNS, CHARACTERS, WHOLE = 1_048_576, 16_384, 32_767, 10**15 - 1
"""What a sheet, a cell and a number hold: Microsoft, Excel specifications and limits."""
SPECIFICATION = "Excel's own limit"
DAY_US, EPOCH_DAY = 86_400_000_000, 25569
"""1970-01-01 is day 25569 of Excel's calendar, in which 1900 had a leap day: it is right from 1900-03-01 on."""
FIRST_DAY = "1900-03-01"
TASK = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
BATCH = 10_000


@dataclass(frozen=True)
class Planned:
    """A sheet to be, and the SQL of its cells."""

    sheet: Sheet
    sql: str


def write_xlsx(
    lake: Lake, city: City, path: Path, selection: Selection, at: datetime | None = None, task: TASK | None = None
) -> dict[str, Any]:
    """Write a workbook of what was released, and say what is in it: file, bytes, and rows by table.

    Args:
        at: the instant to call it made at.
        task: opens a progress bar of so many rows.

    Raises:
        CitylakeError: a table or condition that is none, or more than Excel can hold.
        LakeError: the lake cannot be read or the file not written; an old file then stays.
    """
    if path.suffix.lower() != ".xlsx":
        raise CitylakeError(f"--xlsx {path.name}", "its name does not end in .xlsx", "Excel opens no other: name it so")
    release(lake)
    tables = picked(lake, selection)
    with connect(lake) as con:
        plans = _plans(con, city, tables, selection)
        rows = sum(p.sheet.rows for p in plans)
        with (task or _silent)("writing the workbook", rows) as advance, aside(path) as half:
            made = at or datetime.now(UTC)
            with Book(half, city, made) as book:
                for plan in plans:
                    cursor = con.execute(plan.sql)
                    book.write(plan.sheet, iter(lambda c=cursor: c.fetchmany(BATCH), []), advance)  # type: ignore[misc]
                book.explain([p.sheet for p in plans], selection)
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "sheets": [{"table": p.sheet.full_name, "sheet": p.sheet.name, "rows": p.sheet.rows} for p in plans],
    }


def _silent(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:  # noqa: ARG001
    return nullcontext(lambda _: None)


def _plans(con: duckdb.DuckDBPyConnection, city: City, tables: list[Table], selection: Selection) -> list[Planned]:
    """What each table becomes, after everything that Excel could not hold has been looked for."""
    out, names = [], _sheet_names(tables)
    for table, name in zip(tables, names, strict=True):
        full = f"{table.layer}.{table.name}"
        rows = rows_of(con, table, selection.where)
        fields = [f for c in table.columns for f in _fields(c, city)]
        if len(fields) > COLUMNS:
            raise _too_much(full, f"{len(fields):,} columns, and a sheet holds {COLUMNS:,}")
        count, widths = _measure(con, full, rows, table.columns, city)
        order = f" ORDER BY {', '.join(map(quoted, table.order))}" if table.order else ""
        cells = ", ".join(f"{f.sql} AS {quoted(f.name)}" for f in fields)
        out.append(
            Planned(
                Sheet(full, name, table, tuple(fields), count, widths),
                f"SELECT {cells} FROM ({rows}){order}",
            )
        )
    return out


def _fields(column: Column, city: City) -> list[Field]:
    """The columns of the sheet that a column becomes."""
    name, doc, formula = quoted(column.name), column.doc, column.formula
    if column.kind == "instant":
        local = f"timezone({literal(city.zone)}, {name})"
        hours = f"(epoch_us({local}) - epoch_us({name})) / 3.6e9"
        ahead = f"hours by which {column.name} is ahead of UTC; {column.name} - this / 24 is the time in UTC"
        return [
            Field(column.name, "time", f"wall clock of {city.zone}", doc, formula, _serial(local)),
            Field(f"{column.name}_utc_offset_h", "number", "h", ahead, None, hours),
        ]
    if column.kind == "local_time":
        return [Field(column.name, "time", "wall clock", doc, formula, _serial(name))]
    if column.kind == "date":
        return [Field(column.name, "date", "day", doc, formula, _serial(f"{name}::TIMESTAMP"))]
    if column.kind == "string":
        # two characters that XML cannot hold; control characters are escaped as Excel does
        fit = f"translate({name}, chr(65534) || chr(65535), chr(65533) || chr(65533))"
        return [Field(column.name, "text", column.unit, doc, formula, fit)]
    kind = {"int": "whole number", "float": "number", "bool": "true or false"}[column.kind]
    return [Field(column.name, kind, column.unit, doc, formula, name)]


def _serial(timestamp: str) -> str:
    """A wall-clock time as the days of Excel's calendar."""
    return f"(epoch_us({timestamp}) / {DAY_US}.0 + {EPOCH_DAY})"


def _measure(
    con: duckdb.DuckDBPyConnection, full: str, rows: str, columns: tuple[Column, ...], city: City
) -> tuple[int, dict[str, int]]:
    """The rows there are, and the widest text of each column, in characters.

    Raises CitylakeError for what Excel cannot hold.
    """
    asked = ["count(*)"]
    for c in columns:
        name = quoted(c.name)
        # beyond the first 65 536 characters of Unicode each counts twice
        units = rf"length({name}) + length(regexp_replace({name}, '[^\x{{10000}}-\x{{10FFFF}}]', '', 'g'))"
        local = f"timezone({literal(city.zone)}, {name})" if c.kind == "instant" else name
        asked.append(
            {
                "string": f"max(CASE WHEN length({name}) > {CHARACTERS // 2} THEN {units} ELSE length({name}) END)",
                "int": f"max(abs({name}::HUGEINT))",
                "float": f"count(*) FILTER (NOT isfinite({name}))",
                "bool": "0",
            }.get(c.kind, f"count(*) FILTER ({local} < '{FIRST_DAY}' OR {local} >= '9999-12-31')")
        )
    count, *found = con.sql(f"SELECT {', '.join(asked)} FROM ({rows})").fetchall()[0]
    if count > ROWS - 1:
        raise _too_much(full, f"{count:,} rows, and a sheet holds {ROWS - 1:,}")
    for c, value in zip(columns, found, strict=True):
        where = f"{full}, column {c.name}"
        if c.kind == "string" and (value or 0) > CHARACTERS:
            raise _too_much(where, f"a text of {value:,} characters, and a cell holds {CHARACTERS:,}")
        if c.kind == "int" and (value or 0) > WHOLE:
            raise _too_much(where, "a number of more than 15 digits, of which Excel keeps 15")
        if c.kind == "float" and value:
            raise _too_much(where, f"{value:,} values that are infinite or no number")
        if c.kind in ("instant", "local_time", "date") and value:
            raise _too_much(where, f"{value:,} times before {FIRST_DAY} or after 9999, where Excel's calendar is wrong or ends")
    return count, {c.name: int(v or 0) for c, v in zip(columns, found, strict=True) if c.kind == "string"}


def _too_much(where: str, found: str) -> CitylakeError:
    remedy = "narrow it with --from, --to or --where, or take the Parquet or CSV file"
    return CitylakeError(where, f"{found} ({SPECIFICATION})", remedy)


def _sheet_names(tables: list[Table]) -> list[str]:
    """A name for each: of 31 characters at most, none of []:*?/\\, no other's in any case, and none of ours."""
    out: list[str] = []
    taken = {"columns", "sources", "history"}  # Excel keeps the last for itself
    for table in tables:
        plain = "".join("_" if c in "[]:*?/\\'" else c for c in table.name)[:31]
        name, number = plain, 1
        while name.lower() in taken:
            number += 1
            name = f"{plain[: 30 - len(str(number))]}_{number}"
        taken.add(name.lower())
        out.append(name)
    return out
