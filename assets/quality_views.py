"""The schema `quality` and the macros of citylake.duckdb over the lake as it is now, so that one question works in both.

The views of the lake's own tables are `assets.views_of_lake`'; what quality tables hold is said in `assets.exports.quality`.
"""

import re

import duckdb

from assets.duck import aligned, literal
from assets.exports.macros import Macro, between, macros
from assets.exports.quality import quality
from assets.exports.snapshot import Table, snapshot
from schemas.city import City
from schemas.lake import Lake
from schemas.registry import kernel, metrics

SCHEMA = "quality"


def read_by_macros(sql: str) -> list[str]:
    """The metrics' tables (`metrics.<name>`) that macros named in a question read."""
    return [f"metrics.{name}" for name in metrics() | kernel() if _names(sql, f"{name}_between")]


def add_quality(con: duckdb.DuckDBPyConnection, lake: Lake, city: City, sql: str = "") -> list[str]:
    """Make the macros and the tables of `quality` that a question names, itself or by a macro; of no question, all.

    Tables that the macros read in other schemas must be there (`read_by_macros`).

    Returns:
        uris of the files that its views read.
    """
    uris: list[str] = []
    called, text = _called(macros(city), sql)
    if not sql or _names(text, SCHEMA):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        tables = snapshot(lake)
        for made in quality(con, lake, tables):
            if not sql or _names(text, made.name):
                made.create(con)
        if not sql or _names(text, "ledger"):
            uris += _view(con, f"{SCHEMA}.ledger", [(t, "") for t in tables if t.layer == SCHEMA])
        if not sql or _names(text, "refused_rows"):
            refused = [(t, f"{literal(t.name)} AS feed, ") for t in tables if t.layer == "quarantine"]
            uris += _view(con, f"{SCHEMA}.refused_rows", refused)
    spans = [between(title.partition(".")[2]) for title in read_by_macros(sql)]
    for macro in (*called, *spans):
        con.execute(macro.sql)
    return uris


def _called(known: list[Macro], sql: str) -> tuple[list[Macro], str]:
    """The macros that a question names, with those that they call in turn, and the text of them all."""
    text, called = sql, list[Macro]()
    for macro in reversed(known):  # a macro calls only those before it
        if not sql or _names(text, macro.name):
            text, called = f"{text}\n{macro.sql}", [macro, *called]
    return called, text


def _view(con: duckdb.DuckDBPyConnection, where: str, parts: list[tuple[Table, str]]) -> list[str]:
    """One view of the rows of several tables, each with its own first column; the uris it reads."""
    rows = [f"SELECT {first}* FROM ({aligned(con, t.uris, t.columns, t.hive)[0]})" for t, first in parts]
    con.execute(f"CREATE VIEW {where} AS {' UNION ALL '.join(rows)}")
    return [uri for t, _ in parts for uri in t.uris]


def _names(sql: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", sql, re.IGNORECASE) is not None
