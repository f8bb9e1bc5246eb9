"""Metrics as Parquet for other tools: parquet/<metric>/event_month=YYYY-MM/<metric>.parquet, one file a month.

Which months are written again is decided in `assets.exports.catalog`.
"""

from pathlib import Path

import duckdb

from assets.duck import aligned, literal, quoted
from assets.exports.aside import aside
from assets.exports.snapshot import Table


def month_file(folder: Path, table: Table, month: str) -> Path:
    """Where one month of a metric is."""
    return folder / "parquet" / table.name / f"event_month={month}" / f"{table.name}.parquet"


def write_month(con: duckdb.DuckDBPyConnection, table: Table, path: Path) -> None:
    """Write one month's rows, sorted by day and key; the same rows give the same bytes."""
    rows, _ = aligned(con, table.uris, table.columns, table.hive)
    order = ", ".join(map(quoted, table.order))
    with aside(path) as half:
        con.execute(f"COPY ({rows} ORDER BY {order}) TO {literal(str(half))} (FORMAT parquet, COMPRESSION zstd)")


def drop_other_months(folder: Path, table: Table, months: set[str]) -> None:
    """Remove months that the lake no longer holds."""
    for old in (folder / "parquet" / table.name).glob("event_month=*"):
        if old.name.removeprefix("event_month=") not in months:
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
