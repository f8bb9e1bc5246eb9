"""The analysts' file: metrics and what to trust of them as native tables, everything else as views over the lake's files.

Comments on every table, column and macro come from the contracts. Which tables there are is said by the snapshot, the schema
`quality` and the macros by files of their own.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

import duckdb

from assets.duck import aligned, connect, literal, quoted
from assets.exports.aside import aside
from assets.exports.macros import Macro, macros
from assets.exports.quality import FEED, Made, gates, quality, thresholds
from assets.exports.relocatable import lake_place, listed
from assets.exports.snapshot import Table, combined
from schemas.city import City
from schemas.column import Column
from schemas.contract import QUARANTINE
from schemas.lake import Lake

DUCKDB = "citylake.duckdb"
STORAGE = "v1.0.0"
"""Storage format: every DuckDB since 1.0 reads it, and so do drivers of BI tools that lag behind."""
FORM = f"1 in {STORAGE}"
"""Raised where the same lake gives another file: nothing of one of another form is kept."""
METRICS, QUALITY = "metrics", "quality"
REFUSED_ROWS = "Refused rows of all feeds, as they came, with the reason. Counts are in quality.refused."


def digest(lake: Lake, city: City, tables: list[Table], path: Path) -> str:
    """Changes when the file would be another: with what is held, said, judged and asked."""
    said = [FORM, lake_place(lake, path), [s for m in all_macros(city, tables) for s in m.statements()]]
    judged = [gates(lake, tables).rows(), thresholds(lake).rows()]
    own = hashlib.sha256(json.dumps([said, judged], default=str).encode()).hexdigest()
    return combined([own, *(t.digest for t in tables)])


def write_duckdb(
    lake: Lake, city: City, tables: list[Table], path: Path, kept: Mapping[str, AbstractSet[str]] | None = None
) -> None:
    """Write the file aside and swap it in; who has the old one open reads it to the end.

    Views look for the lake's files of this moment, wherever the lake then is (`assets.exports.relocatable`).

    Args:
        kept: of each metric the months (YYYY-MM) that the present file holds as they are now, and that are not written again.
    """
    kept = {name: months for name, months in (kept or {}).items() if months} if path.is_file() else {}
    with aside(path) as half:
        if kept:
            shutil.copyfile(path, half)
        with connect(lake) as con:
            con.execute(f"ATTACH {literal(str(half))} AS export (STORAGE_VERSION {literal(STORAGE)})")
            con.execute("USE export")
            if kept:
                _clear(con, kept)
            for layer in dict.fromkeys(t.layer for t in tables):
                con.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(layer)}")
            place_of_lake = lake_place(lake, path)
            for table in tables:
                if table.layer == METRICS:
                    _fill(con, table, kept.get(table.name, set()))
                else:
                    _create(con, lake, table, place_of_lake)
            for made in quality(con, lake, tables):
                made.create(con)
                _explain(con, "TABLE", f"quality.{quoted(made.name)}", made.doc, made.columns)
            con.execute(refused_rows(tables))
            _explain(con, "VIEW", "quality.refused_rows", REFUSED_ROWS, (FEED, *QUARANTINE))
            con.execute(";".join(["BEGIN", *(s for m in all_macros(city, tables) for s in m.statements()), "COMMIT"]))
            con.execute("USE memory")
            con.execute("DETACH export")
        # a log that a writing reader left belongs to the old file, and would be played into the new one
        path.with_name(f"{path.name}.wal").unlink(missing_ok=True)


def _clear(con: duckdb.DuckDBPyConnection, kept: Mapping[str, AbstractSet[str]]) -> None:
    """Leave of a copied file the metrics of which something is kept, and drop what else there is."""
    con.execute("BEGIN")
    here = "database_name = 'export' AND NOT internal"
    for schema, name, kind in con.sql(
        f"SELECT schema_name, function_name, function_type FROM duckdb_functions() WHERE {here}"
    ).fetchall():
        con.execute(f"DROP {'MACRO TABLE' if kind == 'table_macro' else 'MACRO'} {quoted(schema)}.{quoted(name)}")
    for (schema,) in con.sql(f"SELECT schema_name FROM duckdb_schemas() WHERE {here}").fetchall():
        if schema not in (METRICS, "main"):
            con.execute(f"DROP SCHEMA {quoted(schema)} CASCADE")
    for schema, name in con.sql(f"SELECT schema_name, table_name FROM duckdb_tables() WHERE {here}").fetchall():
        if schema != METRICS or name not in kept:
            con.execute(f"DROP TABLE {quoted(schema)}.{quoted(name)}")
    con.execute("COMMIT")


def _fill(con: duckdb.DuckDBPyConnection, table: Table, kept: AbstractSet[str]) -> None:
    """Bring a metric's table up to date, a month at a time: memory holds one month, and unchanged ones stay where they are.

    Rows lie by day and key, so that a span of days is read alone.
    """
    if kept:
        months = ", ".join(map(literal, sorted(kept)))
        con.execute(f"DELETE FROM {place(table)} WHERE strftime(event_date, '%Y-%m') NOT IN ({months})")
    else:
        rows, _ = aligned(con, [], table.columns, table.hive)
        con.execute(f"CREATE TABLE {place(table)} AS {rows}")
        _explain(con, "TABLE", place(table), _doc(table), table.columns)
    order = ", ".join(map(quoted, table.order))
    for month, part in table.months().items():
        if month not in kept:
            rows, _ = aligned(con, part.uris, part.columns, part.hive)
            con.execute(f"INSERT INTO {place(table)} {rows} ORDER BY {order}")


def all_macros(city: City, tables: list[Table]) -> list[Macro]:
    """The macros of the file."""
    return macros(city, [t.name for t in tables if t.layer == "metrics"])


def made_tables(lake: Lake, tables: list[Table], path: Path) -> list[tuple[Made, int]]:
    """The tables that no file of the lake holds, and how many rows each has in the file."""
    with duckdb.connect(str(path), read_only=True) as con:
        held = "SELECT table_name, estimated_size FROM duckdb_tables() WHERE schema_name = 'quality'"
        rows = dict(con.execute(held).fetchall())
        return [(m, rows[m.name]) for m in quality(con, lake, tables)]


def place(table: Table) -> str:
    """Where the table is in the file: `layer.name`."""
    return f"{quoted(table.layer)}.{quoted(table.name)}"


def refused_rows(tables: list[Table]) -> str:
    """SQL of the view of refused rows of all feeds; it reads the views of the schema `quarantine`."""
    parts = [f"SELECT {literal(t.name)} AS feed, * FROM {place(t)}" for t in tables if t.layer == "quarantine"]
    return f"CREATE VIEW quality.refused_rows AS {' UNION ALL '.join(parts)}"


def _create(con: duckdb.DuckDBPyConnection, lake: Lake, table: Table, place_of_lake: str) -> None:
    kind = "TABLE" if table.layer == QUALITY else "VIEW"
    files = listed(lake, table.uris, place_of_lake) if kind == "VIEW" else None
    rows, _ = aligned(con, table.uris, table.columns, table.hive, files)
    con.execute(f"CREATE {kind} {place(table)} AS {rows}")
    _explain(con, kind, place(table), _doc(table), table.columns)


def _doc(table: Table) -> str:
    return table.doc + (f" Sources: {'; '.join(table.sources)}." if table.sources else "")


def _explain(con: duckdb.DuckDBPyConnection, kind: str, where: str, doc: str, columns: tuple[Column, ...]) -> None:
    said = [f"COMMENT ON {kind} {where} IS {literal(doc)}"]
    said += [f"COMMENT ON COLUMN {where}.{quoted(c.name)} IS {literal(c.label)}" for c in columns]
    con.execute(";".join(["BEGIN", *said, "COMMIT"]))  # one commit instead of one per column: ten times as fast
