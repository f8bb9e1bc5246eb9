"""What of the lake is asked for by name: released tables, days, and a condition on rows. Told before anything is written.

How rows are written belongs to the kinds of export.
"""

import json
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from typing import Any

import duckdb

from assets.duck import aligned, literal
from assets.exports.snapshot import Table, snapshot
from schemas.errors import CitylakeError
from schemas.lake import Lake
from schemas.registry import table_contracts

TOLD = ("metrics", "reference")
"""Layers whose rows may leave as they are in a snapshot: metrics as they were released, and tables of devices and areas."""


@dataclass(frozen=True)
class Selection:
    """Tables by their full names, the days from `first` to `last`, both included, and an SQL condition."""

    tables: tuple[str, ...]
    first: date | None = None
    last: date | None = None
    where: str | None = None

    def __post_init__(self) -> None:
        if not self.tables:
            raise CitylakeError("--table", "no table is named", "name one, such as --table metrics.<name>")
        if self.first and self.last and self.first > self.last:
            raise CitylakeError("--from", f"{self.first} is after {self.last}", "swap --from and --to")
        if self.where is not None:
            _only_a_condition(self.where)


def picked(lake: Lake, selection: Selection) -> list[Table]:
    """The tables asked for, each once, with the files of the days asked for. A month is taken where any of its days is."""
    known = {f"{t.layer}.{t.name}": t for t in snapshot(lake)}
    return [_within(_named(name, known), selection) for name in dict.fromkeys(selection.tables)]


def rows_of(con: duckdb.DuckDBPyConnection, table: Table, where: str | None) -> str:
    """SQL of a table's rows that keep the condition.

    Raises CitylakeError where the condition is none of this table's.
    """
    rows, _ = aligned(con, table.uris, table.columns, table.hive)
    if where is None:
        return rows
    kept = f"SELECT * FROM ({rows}) AS this WHERE ({where}\n)"
    try:
        con.sql(kept)
    except duckdb.Error as error:
        found = " ".join(str(error).split("\nLINE")[0].split())[:300]
        remedy = f"write an SQL condition on its columns; `citylake describe {_full(table)}` lists them"
        raise CitylakeError(f"--where, {_full(table)}", found, remedy) from error
    return kept


def _full(table: Table) -> str:
    return f"{table.layer}.{table.name}"


def _named(name: str, known: dict[str, Table]) -> Table:
    table = known.get(name)
    if table is not None and table.layer in TOLD:
        return table
    allowed = [n for n, t in known.items() if t.layer in TOLD]
    if table is not None:
        found = "only what was released leaves the lake"
        remedy = f"name a table of {' or '.join(TOLD)}; `citylake query` reads the rest"
    else:
        near = get_close_matches(name if "." in name else f"metrics.{name}", allowed, 3)
        found = "there is no such table"
        remedy = f"perhaps {' or '.join(near)} is meant" if near else "`citylake tables` lists them"
    raise CitylakeError(f"--table {name}", found, remedy)


def _within(table: Table, selection: Selection) -> Table:
    """The table with the files of the days asked for; one that has no days is taken whole."""
    if not table.hive:
        return table
    contract = table_contracts()[_full(table)]
    first = contract.partition_of(selection.first) if selection.first else date.min
    last = selection.last or date.max
    return replace(table, files=tuple(f for f in table.files if f.event_date is not None and first <= f.event_date <= last))


def _only_a_condition(text: str) -> None:
    """Refuse what is more than a condition on one row, such as a query within, or a clause behind it."""
    with duckdb.connect() as con:
        parsed, plain = (_parsed(con, t) for t in (text, "true"))
    where = "--where"
    if parsed.get("error"):
        found = str(parsed.get("error_message", "it is no SQL"))[:300]
        raise CitylakeError(where, found, "write an SQL condition, such as n > 10")
    shapes = [{k: v for k, v in p["statements"][0]["node"].items() if k != "where_clause"} for p in (parsed, plain)]
    if len(parsed["statements"]) != 1 or _bare(shapes[0]) != _bare(shapes[1]) or '"SUBQUERY"' in json.dumps(parsed):
        raise CitylakeError(where, "it is more than a condition on a row", "write one without SELECT and other clauses")


def _parsed(con: duckdb.DuckDBPyConnection, condition: str) -> dict[str, Any]:
    sql = f"SELECT * FROM this WHERE ({condition}\n)"
    found = con.sql(f"SELECT json_serialize_sql({literal(sql)})").fetchall()[0][0]
    return dict(json.loads(found))


def _bare(node: object) -> object:
    """A parsed statement without the places of its words in the text."""
    if isinstance(node, dict):
        return {k: _bare(v) for k, v in node.items() if k != "query_location"}
    return [_bare(v) for v in node] if isinstance(node, list) else node
