"""Rows of the lake on their way into PostgreSQL: read by DuckDB month by month, streamed in the order of the key.

Which partitions are due is decided in `assets.exports.postgres`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import duckdb
import pyarrow as pa

from assets.duck import aligned, quoted, relation
from assets.exports.postgres_session import PostgresError, Session
from assets.exports.snapshot import Table
from schemas.errors import LakeError

BATCH_ROWS = 65_536
NUL_BECOMES = "\ufffd"  # PostgreSQL has no text with NUL


def ingest(session: Session, con: duckdb.DuckDBPyConnection, schema: str, name: str, parts: Sequence[Table]) -> int:
    """Append partitions of one table; memory holds what DuckDB may sort in, and a batch. Returns how many rows.

    Raises:
        LakeError: where a file cannot be read, or is not as long as the lake says.
        PostgresError: where the server refuses.
    """
    table = replace(parts[0], files=tuple(f for part in parts for f in part.files))
    failed: list[Exception] = []

    def read() -> Iterator[pa.RecordBatch]:
        try:
            yield from _batches(con, table.months().values() if table.hive else [table])
        except Exception as error:  # the driver would tell it in its own words
            failed.append(error)
            raise

    like = con.sql(_select(relation([], table.columns, hive=False), table)).to_arrow_reader(1).schema
    where = f"{table.layer}.{table.name}"
    try:
        rows = session.ingest(schema, name, pa.RecordBatchReader.from_batches(like, read()))
    except PostgresError:
        if not failed:
            raise
        text = " ".join(str(failed[0]).split())[:300]
        raise LakeError(where, text, "check that the lake's files can be read, and export again") from failed[0]
    wanted = sum(f.rows for f in table.files)
    if rows != wanted:
        raise LakeError(where, f"{rows} rows were read of {wanted}", "export again; if it stays so, check the lake's disk")
    return rows


def _batches(con: duckdb.DuckDBPyConnection, parts: Iterable[Table]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        rows, _ = aligned(con, part.uris, part.columns, part.hive)
        order = f" ORDER BY {', '.join(map(quoted, part.order))}" if part.order else ""
        yield from con.sql(_select(rows, part) + order).to_arrow_reader(BATCH_ROWS)


def _select(rows: str, table: Table) -> str:
    columns = (
        f"replace({quoted(c.name)}, chr(0), '{NUL_BECOMES}') AS {quoted(c.name)}" if c.kind == "string" else quoted(c.name)
        for c in table.columns
    )
    return f"SELECT {', '.join(columns)} FROM ({rows})"
