"""The lake as a person asks it in SQL: one view per table, over the files that are current now.

The analysts' file with native tables is `assets.exports.duckdb_file`; nothing is written here.
"""

import duckdb

from assets.duck import aligned, connect, quoted
from assets.exports.duckdb_file import place
from assets.exports.snapshot import snapshot
from schemas.lake import Lake

# a question about the lake itself needs every view
ABOUT = ("show", "describe", "summarize", "information_schema", "duckdb_", "pragma")


def open_views(lake: Lake, sql: str = "") -> duckdb.DuckDBPyConnection:
    """A DuckDB with the lake's tables as views: `metrics.traffic_hourly`, `quarantine.traffic_flow`, `ledger`, ...

    Args:
        sql: the question; views of tables that it does not name are not made, for each reads its files' footers.
    """
    text = sql.lower()
    con = connect(lake)
    tables = snapshot(lake)
    named = [t for t in tables if (t.name or t.layer) in text]
    for table in tables if not named or any(a in text for a in ABOUT) else named:
        rows, _ = aligned(con, table.uris, table.columns, table.hive)
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.layer)}")
        con.execute(f"CREATE VIEW {place(table)} AS {rows}")
        if not table.name:  # also under the name that `citylake tables` gives it
            con.execute(f"CREATE VIEW {quoted(table.layer)}.{quoted(table.layer)} AS FROM {place(table)}")
    return con
