"""Metrics as Parquet for other tools: parquet/<metric>/event_month=YYYY-MM/<metric>.parquet, one file a month.

Names stay, so that a tool which was pointed at the folder finds new months by itself. What a column means is in the files:
`doc`, `unit` and `formula` of every field, as Arrow keeps them, and `citylake` of the file, in JSON. Which months are written
again is decided in `assets.exports.catalog`.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from assets.duck import aligned, quoted
from assets.exports.aside import aside
from assets.exports.snapshot import Table
from schemas.column import Column
from schemas.contract import arrow

FORM = "2"
"""Changes when the same rows would be written otherwise: every month is then written again."""
ROWS = 122_880
"""Rows of a row group: DuckDB's own default."""


def month_file(folder: Path, table: Table, month: str) -> Path:
    """Where one month of a metric is."""
    return folder / "parquet" / table.name / f"event_month={month}" / f"{table.name}.parquet"


def described(table: Table, columns: Sequence[Column]) -> pa.Schema:
    """Columns as an Arrow schema that says what they mean, and what the table is."""
    fields = []
    for field, column in zip(arrow(tuple(columns)), columns, strict=True):
        said = {"doc": column.doc, "unit": column.unit, "formula": column.formula}
        fields.append(field.with_metadata({k: v for k, v in said.items() if v}))
    what = {
        "table": f"{table.layer}.{table.name}",
        "doc": table.doc,
        "key": table.order,
        "contract_version": table.version,
        "sources": table.sources,
    }
    return pa.schema(fields, {"citylake": json.dumps(what, ensure_ascii=False)})


def write_month(con: duckdb.DuckDBPyConnection, table: Table, path: Path) -> None:
    """Write one month's rows, sorted by day and key; the same rows give the same bytes."""
    rows, _ = aligned(con, table.uris, table.columns, table.hive)
    schema = described(table, table.columns)
    batches = con.sql(f"{rows} ORDER BY {', '.join(map(quoted, table.order))}").to_arrow_reader(ROWS)
    with aside(path) as half, pq.ParquetWriter(half, schema, compression="zstd") as out:
        for batch in batches:
            out.write_batch(batch.cast(schema), row_group_size=ROWS)


def drop_other_months(folder: Path, table: Table, months: set[str]) -> None:
    """Remove months that the lake no longer holds."""
    for old in (folder / "parquet" / table.name).glob("event_month=*"):
        if old.name.removeprefix("event_month=") not in months:
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
