"""The lake as a person asks it in SQL: one view per table, over the files that are current now.

The analysts' file with native tables is `assets.exports.duckdb_file`; nothing is written here.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import duckdb

from assets.duck import aligned, connect, literal, quoted
from assets.quality_views import read_by_macros
from schemas.errors import LakeError
from schemas.lake import LAYERS, PARTITIONED, Lake
from schemas.tables import Named, every

# a question about the lake itself needs every view
ABOUT = re.compile(r"\bshow\b|\bdescribe\s*(;|$)|information_schema|duckdb_(tables|views|columns|schemas)|pragma")


def asked(sql: str) -> list[Named]:
    """The tables that a question names, as `layer.name` or by a macro; all of them, where it asks what there is."""
    known, macros = every().values(), read_by_macros(sql)
    if asks_what_there_is(sql):
        return list(known)
    return [t for t in known if t.title in macros or _names(t).search(sql.lower())]


def asks_what_there_is(sql: str) -> bool:
    """Whether a question is about the lake itself, such as SHOW ALL TABLES."""
    return ABOUT.search(sql.lower()) is not None


def _names(table: Named) -> re.Pattern[str]:
    if not table.name:
        return re.compile(rf"\b{table.layer}\b")
    return re.compile(rf'\b{table.layer}"?\s*\.\s*"?{table.name}\b')


def open_views(
    lake: Lake, tables: Collection[Named] | None = None, into: Path | None = None, without: list[str] | None = None
) -> tuple[duckdb.DuckDBPyConnection, list[str]]:
    """A DuckDB with the lake's tables as views: `metrics.traffic_hourly`, `quarantine.traffic_flow`, `ledger`, ...

    Metrics about people are as the lake has them; what may be told of them is in `published`.

    Args:
        tables: of which views are made; of all, if None. Each reads its files' footers.
        into: a new DuckDB file to make them in, instead of in memory.
        without: takes the titles of tables that cannot be read, such as of a lake as it was; without it they are errors.

    Returns:
        the connection, and the uris of the files that the views read.
    """
    con = connect(lake)
    if into is not None:
        con.execute(f"ATTACH {literal(str(into))} AS {quoted(into.stem)}")
        con.execute(f"USE {quoted(into.stem)}")
    uris: list[str] = []
    for layer in LAYERS:  # a layer without tables is still no mistake in a question
        con.execute(f"CREATE SCHEMA {quoted(layer)}")
    for table in every().values() if tables is None else tables:
        try:
            found = [f.uri for f in lake.files(table.layer, table.name)]
        except LakeError:
            if without is None:
                raise
            without.append(table.title)
            continue
        for statement in statements(con, table, found):
            con.execute(statement)
        uris += found
    return con, uris


def statements(con: duckdb.DuckDBPyConnection, table: Named, uris: list[str]) -> Iterator[str]:
    """The SQL that makes the view of a table over these files."""
    rows, _ = aligned(con, uris, table.columns, table.layer in PARTITIONED)
    yield f"CREATE VIEW {quoted(table.layer)}.{quoted(table.name or table.layer)} AS {rows}"
    if not table.name:  # also without the layer
        yield f"CREATE VIEW main.{quoted(table.layer)} AS FROM {quoted(table.layer)}.{quoted(table.layer)}"
