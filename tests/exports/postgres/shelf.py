"""Tables made by hand for an export to PostgreSQL, files and all, and what the server then has of them.

What is expected of them belongs to the tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import duckdb
import polars as pl

from assets.duck import aligned, quoted
from assets.exports.snapshot import Table
from schemas.column import POLARS, Column
from schemas.lake import File

KINDS = (
    Column("event_date", "date", "day", nullable=False),
    Column("id", "string", "key", nullable=False),
    Column('text \' "x";--', "string", 'a hostile name; it\'s \\ "quoted" -- $$ /* %s {0}', unit="ø'\\"),
    Column("n", "int", "a number"),
    Column("x", "float", "a number"),
    Column("is_so", "bool", "a truth"),
    Column("at", "instant", "an instant"),
    Column("local", "local_time", "a wall clock"),
    Column("day", "date", "a day"),
)
"""A column of each kind; the first two are the key."""


@dataclass
class Shelf:
    """A lake that is nothing but these tables; `put` changes one day of one of them."""

    folder: Path
    tables: dict[str, Table] = field(default_factory=dict)
    puts: int = 0

    def add(self, table: Table) -> None:
        self.tables[table.name] = table

    def put(self, name: str, day: date | None, frame: pl.DataFrame) -> None:
        """Make rows a day's partition, in a file of a name of its own."""
        self.puts += 1
        table = self.tables[name]
        part = f"event_date={day}/{self.puts}.parquet" if day else f"{self.puts}.parquet"
        path = self.folder / str(len(name)) / part
        path.parent.mkdir(parents=True, exist_ok=True)
        kinds = {c.name: POLARS[c.kind] for c in table.columns if c.name in frame.columns}
        frame.cast(kinds).drop("event_date", strict=False).write_parquet(path)
        file = File(str(path), part, day, frame.height, path.stat().st_size, 0)
        self.tables[name] = replace(table, files=(*self._others(name, day), file))

    def drop(self, name: str, day: date | None) -> None:
        self.tables[name] = replace(self.tables[name], files=self._others(name, day))

    def _others(self, name: str, day: date | None) -> tuple[File, ...]:
        return tuple(f for f in self.tables[name].files if f.event_date != day)

    def snapshot(self, _: object) -> list[Table]:
        return list(self.tables.values())

    def rows(self, name: str) -> pl.DataFrame:
        """What DuckDB reads of a table, sorted by its key."""
        return lake_rows(self.tables[name])


def lake_rows(table: Table) -> pl.DataFrame:
    """What DuckDB reads of a table, sorted by its key."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        rows, _ = aligned(con, table.uris, table.columns, table.hive)
        return con.sql(f"{rows} ORDER BY {', '.join(map(quoted, table.order))}").pl()


def server_rows(uri: str, schema: str, name: str, order: Sequence[str]) -> pl.DataFrame:
    """What the server has of a table, sorted by its key, with its columns in their own order."""
    with adbc.connect(uri) as con, con.cursor() as cursor:
        by = ", ".join(f'{quoted(c)} COLLATE "C"' if c in text_columns(cursor, schema, name) else quoted(c) for c in order)
        cursor.execute(f"SELECT * FROM {quoted(schema)}.{quoted(name)} ORDER BY {by}")
        return pl.DataFrame(pl.from_arrow(cursor.fetch_arrow_table()))


def text_columns(cursor: adbc.Cursor, schema: str, name: str) -> set[str]:
    cursor.execute(
        "SELECT column_name::text FROM information_schema.columns"
        f" WHERE table_schema::text = '{schema}' AND table_name::text = $${name}$$ AND data_type::text = 'text'"
    )
    return {n for (n,) in cursor.fetchall()}


def some(n: int, start: int = 0) -> pl.DataFrame:
    """Rows that keep the first four of KINDS."""
    return pl.DataFrame({"id": [f"k{i:05d}" for i in range(n)], "n": list(range(start, start + n))})


def written(done: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    """Table to partitions written, kept and removed, of the tables that changed."""
    changed = [t for t in done["tables"] if t["written"] or t["removed"] or t["rebuilt"]]
    return {t["table"]: (t["written"], t["kept"], t["removed"]) for t in changed}
