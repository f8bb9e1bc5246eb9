"""Parquet: typed columns in row groups. A file that is no Parquet is one fault; its rows cannot be told."""

import json
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.formats.decoded import Decoded, faults
from pipelines.sources.source import Source
from schemas.rejection import Code


def read(handle: Any, group: int, first_row: int, source: Source) -> Decoded:
    """A row group of a file as wire columns; one that cannot be read is one fault."""
    try:
        table = pq.ParquetFile(handle).read_row_group(group)
        table.validate(full=True)  # Polars takes texts that are no UTF-8 as they are
        frame = pl.DataFrame(pl.from_arrow(table))
    except (pa.ArrowException, OSError, UnicodeError, pl.exceptions.PolarsError) as error:
        why = " ".join(str(error).split())[:200]
        at = pl.Series([first_row], dtype=pl.Int64)
        return Decoded((), faults(at, Code.UNREADABLE_FILE, "a row group that can be read", why))
    return decode(frame, first_row, source)


def decode(group: pl.DataFrame, first_row: int, source: Source) -> Decoded:
    """A row group as wire columns; positions are row numbers."""
    wanted = [w for w in source.wire_names if w in group.columns] if source.unpivot is None else group.columns
    positions = pl.Series("_position", range(first_row, first_row + group.height), dtype=pl.Int64)
    frame = group.select(_plain(w, group.schema[w]) for w in wanted).with_columns(positions)

    def payloads(at: pl.Series) -> pl.Series:
        rows = group[(at - first_row).to_list()]
        return pl.Series(
            "payload", [json.dumps(r, default=str, ensure_ascii=False) for r in rows.iter_rows(named=True)], dtype=pl.String
        )

    return Decoded((frame,), payloads=payloads, fields=group)


def _plain(name: str, dtype: pl.DataType) -> pl.Expr:
    """Wire types reduced to text, Int64, Float64, Boolean and timestamps."""
    column = pl.col(name)
    if dtype.is_integer():
        return column.cast(pl.Int64, strict=False)
    if dtype.is_float() or dtype.is_decimal():
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Datetime) or dtype in (pl.String, pl.Boolean):
        return column
    if dtype == pl.Date:
        return column.cast(pl.Datetime("us"))
    if dtype.is_nested():
        return pl.struct(column).struct.json_encode().alias(name)
    return column.cast(pl.String, strict=False)


def row_groups(file: pq.ParquetFile) -> list[tuple[int, int]]:
    """(first row, rows) of every row group."""
    out, first = [], 0
    for i in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(i).num_rows
        out.append((first, rows))
        first += rows
    return out
