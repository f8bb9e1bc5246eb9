"""CSV: every field as text; a line with the wrong number of fields costs itself, not its neighbours.

Numbers, times and sentinels are read later (`pipelines.mapping`). Lines are rows: a quoted field
holds no newline, so that files can be read in ranges and one stray quote cannot swallow a file.
"""

import csv
import io
from typing import Any

import numpy as np
import polars as pl

from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.lines import Lines
from pipelines.sources.source import Source
from schemas.rejection import Code

QUOTED = r'"(?:[^"]|"")*"'


def decode(lines: Lines, source: Source, header: tuple[str, ...]) -> Decoded:
    """Decode a batch of lines into text columns named by `header`."""
    plain = lines.encoding == "utf-8" and lines.is_utf8 and b'"' not in lines.data and b"\0" not in lines.data
    if plain and _fit(_delimiters(lines, source.delimiter), header, source).all():
        frame = _parse(lines.data, lines.positions, source, header, quoted=False)
        if frame is not None:
            return Decoded((frame,), payloads=lines.payloads)
    return _triage(lines, source, header)


def _delimiters(lines: Lines, delimiter: str) -> np.ndarray:
    starts, ends = lines.bounds
    marks = np.flatnonzero(np.frombuffer(lines.data, np.uint8) == ord(delimiter))
    return np.searchsorted(marks, ends) - np.searchsorted(marks, starts)


def _fit(delimiters: Any, header: tuple[str, ...], source: Source) -> Any:
    """Whether lines with so many delimiters have the header's fields; Polars reads fields left out at the end as null."""
    return delimiters < len(header) if source.short_lines else delimiters == len(header) - 1


def _parse(data: bytes, positions: pl.Series, source: Source, header: tuple[str, ...], quoted: bool) -> pl.DataFrame | None:
    if positions.len() == 0:
        return pl.DataFrame(schema={**dict.fromkeys(header, pl.String()), "_position": pl.Int64()})
    # a header of our own: Polars takes a first line such as "x^2" for the start of a compressed file
    names = [f"c{i}" for i in range(len(header))]
    own = source.delimiter.join(names).encode() + b"\n"
    try:
        parsed = pl.read_csv(
            io.BytesIO(own + data.removeprefix(b"\xef\xbb\xbf")),
            schema=dict.fromkeys(names, pl.String()),
            separator=source.delimiter,
            quote_char='"' if quoted else None,
        )
    except pl.exceptions.PolarsError:
        return None
    parsed.columns = list(header)
    return parsed.with_columns(positions.alias("_position")) if parsed.height == positions.len() else None


def _triage(lines: Lines, source: Source, header: tuple[str, ...]) -> Decoded:
    table = pl.DataFrame({"_position": lines.positions, "line": lines.texts()})
    no_text = table["line"].is_null() | table["line"].str.contains("\0", literal=True).fill_null(False)
    found = [faults(table["_position"].filter(no_text), Code.NOT_UTF8, f"{source.encoding} text without NUL")]
    table = table.filter(~no_text)
    bare = table["line"].str.replace_all(QUOTED, "")
    delimiters = bare.str.count_matches(source.delimiter, literal=True).cast(pl.Int64)  # a file without header wants -1
    fits = _fit(delimiters, header, source) & ~bare.str.contains('"', literal=True)
    bad = table.filter(~fits)
    counted = (delimiters.filter(~fits) + 1).cast(pl.String) + " fields: " + bad["line"]
    found.append(faults(bad["_position"], Code.MALFORMED, f"{len(header)} fields, quotes closed", counted))
    frames, odd = _halved(table.filter(fits), source, header)
    found.append(faults(odd["_position"], Code.MALFORMED, f"{len(header)} fields", odd["line"]))
    return Decoded(frames, pl.concat(found).sort("_position"), lines.payloads)


def _halved(table: pl.DataFrame, source: Source, header: tuple[str, ...]) -> tuple[tuple[pl.DataFrame, ...], pl.DataFrame]:
    """Parse; where the parser disagrees about some line, halve until that line stands alone."""
    joined = table["line"].str.join("\n").item() if table.height else ""
    frame = _parse(joined.encode(), table["_position"], source, header, quoted=True)
    if frame is not None:
        return (frame,), table.clear()
    if table.height == 1:
        return (), table
    half = table.height // 2
    first, odd = _halved(table[:half], source, header)
    second, odder = _halved(table[half:], source, header)
    return first + second, pl.concat([odd, odder])


def read_header(first_line: bytes, source: Source) -> tuple[str, ...]:
    """The wire names: from the first line, or column_1.. where the file has no header."""
    text = first_line.removeprefix(b"\xef\xbb\xbf").decode(source.encoding, "replace").rstrip("\r\n")
    if not text:
        return ()
    try:
        row = next(csv.reader([text.replace("\r", " ")], delimiter=source.delimiter), [])
    except csv.Error:  # a field longer than the reader takes
        row = text.split(source.delimiter)
    numbered = [f"column_{i}" for i in range(1, len(row) + 1)]
    if not source.header:
        return tuple(numbered)
    names = [name.strip() or number for name, number in zip(row, numbered, strict=True)]
    # of two columns of one name the first keeps it
    return tuple(n if n not in names[:i] else numbered[i] for i, n in enumerate(names))
