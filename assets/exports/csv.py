"""Metrics as CSV for spreadsheets: csv/<metric>.csv.gz, RFC 4180, UTF-8, instants in ISO 8601 with Z.

The file is a chain of gzip members (RFC 1952), a header and one per month, so that unchanged months are copied
as they are. An absent value is an empty field, an empty text is "". What has changed is decided in
`assets.exports.catalog`.
"""

import gzip
from pathlib import Path
from typing import BinaryIO

import duckdb
import polars as pl

from assets.duck import aligned, quoted
from assets.exports.aside import aside
from assets.exports.snapshot import Table
from schemas.column import Column

LEVEL = 5
CRLF = "\r\n"


def header_size(table: Table) -> int:
    """Bytes before the first month."""
    return len(_header(table))


def write_csv(con: duckdb.DuckDBPyConnection, table: Table, path: Path, kept: dict[str, tuple[int, int]]) -> dict[str, int]:
    """Write a metric's file; the same rows give the same bytes.

    Args:
        kept: month to (offset, bytes) of its member in the present file, for the months that have not changed.

    Returns:
        month to the bytes of its member, in the order of the file.
    """
    sizes: dict[str, int] = {}
    with aside(path) as half, half.open("wb") as out:
        out.write(_header(table))
        for month, part in table.months().items():
            start = out.tell()
            if month in kept:
                _copy(path, *kept[month], out)
            else:
                _write_month(con, part, out)
            sizes[month] = out.tell() - start
    return sizes


def _header(table: Table) -> bytes:
    return _member(",".join(c.name for c in table.columns) + CRLF)


def _member(text: str) -> bytes:
    return gzip.compress(text.encode(), LEVEL, mtime=0)


def _copy(path: Path, offset: int, size: int, out: BinaryIO) -> None:
    with path.open("rb") as old:
        old.seek(offset)
        left = size
        while left > 0 and (block := old.read(min(left, 1 << 20))):
            out.write(block)
            left -= len(block)


def _write_month(con: duckdb.DuckDBPyConnection, table: Table, out: BinaryIO) -> None:
    """One gzip member, a day at a time: memory holds one day."""
    with gzip.GzipFile("", "wb", LEVEL, out, mtime=0) as member:
        for day in table.days():
            rows, _ = aligned(con, day.uris, day.columns, day.hive)
            frame = con.sql(f"{rows} ORDER BY {', '.join(map(quoted, day.order))}").pl()
            text = frame.select(_as_text(c) for c in day.columns)
            member.write(text.write_csv(include_header=False, line_terminator=CRLF).encode())


def _as_text(column: Column) -> pl.Expr:
    value = pl.col(column.name)
    forms = {"instant": "%Y-%m-%dT%H:%M:%S%.fZ", "local_time": "%Y-%m-%dT%H:%M:%S%.f"}
    return value.dt.strftime(forms[column.kind]) if column.kind in forms else value
