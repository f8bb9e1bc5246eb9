"""The analysts' file: metrics as native tables, everything else as views over the lake's current files.

Comments on every table and column come from the contracts. Which tables there are is said by the snapshot.
"""

from pathlib import Path

import duckdb

from assets.duck import aligned, connect, literal, quoted
from assets.exports.aside import aside
from assets.exports.snapshot import Table
from schemas.lake import Lake


def write_duckdb(lake: Lake, tables: list[Table], path: Path) -> None:
    """Write the file aside and swap it in; who has the old one open reads it to the end.

    Views hold absolute places of files: they follow neither a moved lake nor a later day, until the next export.
    """
    with aside(path) as half:
        with connect(lake) as con:
            con.execute(f"ATTACH {literal(str(half))} AS export")
            con.execute("USE export")
            for table in tables:
                _create(con, table)
            con.execute("USE memory")
            con.execute("DETACH export")
        # a log that a writing reader left belongs to the old file, and would be played into the new one
        path.with_name(f"{path.name}.wal").unlink(missing_ok=True)


def place(table: Table) -> str:
    """Where the table is in the file: `layer.name`; a layer that is one table, under its own name."""
    return f"{quoted(table.layer)}.{quoted(table.name)}" if table.name else f"main.{quoted(table.layer)}"


def _create(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    kind = "TABLE" if table.layer == "metrics" else "VIEW"
    rows, _ = aligned(con, table.uris, table.columns, table.hive)
    order = f" ORDER BY {', '.join(map(quoted, table.order))}" if kind == "TABLE" and table.order else ""
    if table.name:
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.layer)}")
    doc = table.doc + (f" Sources: {'; '.join(table.sources)}." if table.sources else "")
    said = [f"COMMENT ON {kind} {place(table)} IS {literal(doc)}"]
    said += [f"COMMENT ON COLUMN {place(table)}.{quoted(c.name)} IS {literal(c.label)}" for c in table.columns]
    con.execute(f"CREATE {kind} {place(table)} AS {rows}{order}")
    con.execute(";".join(["BEGIN", *said, "COMMIT"]))  # one commit instead of one per column: ten times as fast
