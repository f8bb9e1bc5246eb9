"""Which metrics lead to places, and their rows summed by day, H3 cell and district, so that a map can colour them.

They are found from contracts: a cell or district of their own, a key that names something of a reference table with a
point, or a key whose values are cells and districts. How shapes are drawn is said in `shapes`.
"""

from dataclasses import dataclass

import duckdb
import polars as pl
import polars_h3

from assets.board.standing import PLACES, point_tables
from assets.dependencies import dependencies
from assets.duck import literal, quoted
from schemas import registry
from schemas.contract import Contract

NONE = "CAST(NULL AS VARCHAR)"
KNOWN = "board_places"
"""The relation of places in a connection; its columns are those of `standing.places`."""


@dataclass(frozen=True)
class Placed:
    """How a metric's rows `m` come to a place.

    Attributes:
        cell, district: SQL of texts; NONE where there is none.
        join: SQL after FROM metrics.x AS m.
        used: key columns that say the place.
        kinds: reference tables that the join looks into.
    """

    cell: str
    district: str
    join: str = ""
    used: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


def opened(con: duckdb.DuckDBPyConnection, places: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    """A connection of its own to the same file, in which KNOWN is there."""
    own = con.cursor()
    own.execute("SET TimeZone = 'UTC'")
    columns = ", ".join(f"{c} {'DOUBLE' if t == pl.Float64 else 'VARCHAR'}" for c, t in (*PLACES.items(), ("h3_cell", pl.String)))
    own.execute(f"CREATE OR REPLACE TEMP TABLE {KNOWN} ({columns})")
    own.register("board_given", places.select(*PLACES, "h3_cell").to_arrow())
    own.execute(f"INSERT INTO {KNOWN} SELECT * FROM board_given")
    own.unregister("board_given")
    return own


def placed(con: duckdb.DuckDBPyConnection, contract: Contract, areas: frozenset[str]) -> Placed | None:
    """How a metric leads to places, or None where it does not.

    Args:
        con: of `opened`.
        areas: names of the districts.
    """
    has_cell, has_district = "h3_cell" in contract, "district" in contract
    own = tuple(c for c in ("h3_cell", "district") if c in contract.key)
    device = _device(contract)
    district = "m.district" if has_district else NONE
    if has_cell:
        return Placed("m.h3_cell", district, used=own)
    if device is not None:
        column, condition, kinds = device
        join = f"LEFT JOIN {KNOWN} AS p ON p.id = CAST(m.{quoted(column)} AS VARCHAR) AND {condition}"
        own_first = (
            "coalesce(m.district, p.district)" if has_district else "p.district"
        )  # of a withheld row only the key is there
        return Placed("p.h3_cell", own_first, join, (*own, column), kinds)
    if has_district:
        return Placed(NONE, district, used=own)
    return _by_values(con, contract, areas)


def _device(contract: Contract) -> tuple[str, str, tuple[str, ...]] | None:
    """The key column that names something with a point, and which table's it is as a condition on `p.kind`."""
    points, strings = point_tables(), [c for c in contract.key if contract[c].kind == "string"]
    if "feed" in strings and len(strings) == 2:  # a device of a feed, which the feed's contract names
        described = {f: c.described.table for f, c in registry.feeds().items() if c.described and c.described.table in points}
        cases = " ".join(f"WHEN {literal(f)} THEN {literal(t)}" for f, t in described.items())
        return (
            next(c for c in strings if c != "feed"),
            f"p.kind = CASE m.feed {cases} END",
            tuple(sorted(set(described.values()))),
        )
    for column in strings:
        tables = [t for t, c in points.items() if c.key[0] == column]
        if len(tables) > 1 and contract.name in registry.metrics():
            tables = [t for t in tables if f"reference.{t}" in dependencies(contract.name)]
        if len(tables) == 1:
            return column, f"p.kind = {literal(tables[0])}", (tables[0],)
    return None


def _by_values(con: duckdb.DuckDBPyConnection, contract: Contract, areas: frozenset[str]) -> Placed | None:
    """A key column whose values are all cells or districts."""
    for column in (c for c in contract.key if contract[c].kind == "string"):
        values = con.sql(f"SELECT DISTINCT {quoted(column)} AS v FROM metrics.{quoted(contract.name)} ORDER BY 1").pl()["v"]
        cells = set(values.to_frame().filter(is_cell("v"))["v"])
        if cells and set(values) <= cells | areas | {"unknown"}:
            known = ", ".join(map(literal, sorted(areas))) or "NULL"
            value = f"m.{quoted(column)}"
            cell = f"CASE WHEN {value} NOT IN ({known}, 'unknown') THEN {value} END"
            return Placed(cell, f"CASE WHEN {value} IN ({known}) THEN {value} END", used=(column,))
    return None


def is_cell(column: str) -> pl.Expr:
    """Whether a text is an H3 cell."""
    shaped = pl.col(column).str.contains("^[0-9a-f]{15}$")
    safe = pl.when(shaped).then(pl.col(column)).otherwise(pl.lit("8009fffffffffff"))
    return shaped & polars_h3.is_valid_cell(safe)


def parents(cells: pl.Series, resolution: int) -> pl.Series:
    """The coarser cells that hold cells, as text."""
    frame = cells.to_frame("cell")
    return frame.select(polars_h3.cell_to_parent(pl.col("cell"), resolution).cast(pl.String))["cell"]
