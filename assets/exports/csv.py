"""Metrics as CSV for spreadsheets: csv/<metric>.csv.gz, RFC 4180, UTF-8, instants in ISO 8601 with Z.

An absent value is an empty field, an empty text is "". Wall-clock times (`local_time`) carry no offset, for they are what the
clock showed; the instant stands beside them. The file is one gzip member (RFC 1952), as readers such as Power Query's stop after
the first; within it a segment for the header and one per month, so that unchanged months are copied as they are. What has
changed is decided in `assets.exports.catalog`.
"""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import polars as pl

from assets.duck import aligned, quoted
from assets.exports.aside import aside
from assets.exports.snapshot import Table
from schemas.column import Column

LEVEL = 5
CRLF = "\r\n"
OPENING = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""RFC 1952: gzip, deflate, no flags, no time, unknown system."""
EMPTY_LAST_BLOCK = b"\x03\x00"
BLOCK = 1 << 20


class _Member:
    """One gzip member of segments that stand alone: each ends at a whole byte, and looks at nothing before it (Z_FULL_FLUSH)."""

    def __init__(self, out: BinaryIO) -> None:
        self._out, self._crc, self._size = out, 0, 0
        out.write(OPENING)

    def segment(self, texts: Iterable[bytes]) -> int:
        """Compress texts as one segment; its bytes."""
        start, packer = self._out.tell(), _packer()
        for text in texts:
            self._note(text)
            self._out.write(packer.compress(text))
        self._out.write(packer.flush(zlib.Z_FULL_FLUSH))
        return self._out.tell() - start

    def copied(self, path: Path, offset: int, size: int) -> int:
        """Copy a segment from another file as it is; its bytes. It is unpacked on the way for the checksum of the whole."""
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        with path.open("rb") as old:
            old.seek(offset)
            left = size
            while left > 0 and (block := old.read(min(left, BLOCK))):
                self._note(unpacker.decompress(block))
                self._out.write(block)
                left -= len(block)
        return size

    def close(self) -> None:
        """End the member, with the checksum and the size of what is in it."""
        self._out.write(EMPTY_LAST_BLOCK + self._crc.to_bytes(4, "little") + (self._size % (1 << 32)).to_bytes(4, "little"))

    def _note(self, text: bytes) -> None:
        self._crc, self._size = zlib.crc32(text, self._crc), self._size + len(text)


def _packer() -> Any:
    return zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)


def around(table: Table) -> tuple[int, int]:
    """Bytes of the file before its first month and after its last."""
    packer = _packer()
    head = packer.compress(_header(table)) + packer.flush(zlib.Z_FULL_FLUSH)
    return len(OPENING) + len(head), len(EMPTY_LAST_BLOCK) + 8


def write_csv(con: duckdb.DuckDBPyConnection, table: Table, path: Path, kept: dict[str, tuple[int, int]]) -> dict[str, int]:
    """Write a metric's file; the same rows give the same bytes.

    Args:
        kept: month to (offset, bytes) of its segment in the present file, for the months that have not changed.

    Returns:
        month to the bytes of its segment, in the order of the file.
    """
    sizes: dict[str, int] = {}
    with aside(path) as half, half.open("wb") as out:
        member = _Member(out)
        member.segment([_header(table)])
        for month, part in table.months().items():
            sizes[month] = member.copied(path, *kept[month]) if month in kept else member.segment(_texts(con, part))
        member.close()
    return sizes


def _header(table: Table) -> bytes:
    return (",".join(c.name for c in table.columns) + CRLF).encode()


def _texts(con: duckdb.DuckDBPyConnection, table: Table) -> Iterator[bytes]:
    """Rows as text, a day at a time: memory holds one day."""
    for day in table.days():
        rows, _ = aligned(con, day.uris, day.columns, day.hive)
        frame = con.sql(f"{rows} ORDER BY {', '.join(map(quoted, day.order))}").pl()
        text = frame.select(as_text(c) for c in day.columns)
        yield text.write_csv(include_header=False, line_terminator=CRLF).encode()


def as_text(column: Column) -> pl.Expr:
    """A column with its times in ISO 8601: instants with Z, wall-clock times without an offset."""
    value = pl.col(column.name)
    forms = {"instant": "%Y-%m-%dT%H:%M:%S%.fZ", "local_time": "%Y-%m-%dT%H:%M:%S%.f"}
    return value.dt.strftime(forms[column.kind]) if column.kind in forms else value
