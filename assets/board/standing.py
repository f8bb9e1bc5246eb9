"""What stands in the city, from the reference tables of the exported file: places with a point, and areas with an outline.

Which tables they are follows from their columns; how shapes are drawn is said in `shapes`.
"""

from datetime import datetime

import duckdb
import polars as pl

from assets.duck import quoted
from assets.refine.places import OUTLINE, cell
from schemas import registry
from schemas.contract import Contract

PLACES = {"kind": pl.String, "id": pl.String, "name": pl.String, "district": pl.String, "lat": pl.Float64, "lon": pl.Float64}


def point_tables() -> dict[str, Contract]:
    """Reference tables whose rows say where something stands."""
    return {n: c for n, c in registry.references().items() if "lat" in c and "lon" in c}


def area_tables() -> dict[str, Contract]:
    """Reference tables whose rows say where an area ends."""
    return {n: c for n, c in registry.references().items() if OUTLINE in c}


def places(con: duckdb.DuckDBPyConnection, at: datetime, resolution: int) -> pl.DataFrame:
    """Every place as it stands at an instant: PLACES and `h3_cell`; kind is the reference table's name.

    A thing that is in force only later stands where its first row says.
    """
    found = [pl.DataFrame(schema=PLACES)]
    for table, contract in point_tables().items():
        rows = in_force(con, table, contract, at)
        rows = rows.filter(pl.col("lat").is_not_null() & pl.col("lon").is_not_null())
        said = {"kind": pl.lit(table), "id": pl.col(contract.key[0]).cast(pl.String)}
        said |= {c: pl.col(c) if c in contract else pl.lit(None, pl.String) for c in ("name", "district")}
        found.append(rows.select(pl.col("lat"), pl.col("lon"), **said).select(*PLACES))
    every = pl.concat(found).sort("kind", "id")
    return every.with_columns(cell(resolution).alias("h3_cell"))


def areas(con: duckdb.DuckDBPyConnection, at: datetime) -> pl.DataFrame:
    """Every area with an outline at an instant: kind (the column that names it), id, name, wkt."""
    schema = {"kind": pl.String, "id": pl.String, "name": pl.String, "wkt": pl.String}
    found = [pl.DataFrame(schema=schema)]
    for table, contract in area_tables().items():
        rows = in_force(con, table, contract, at).filter(pl.col(OUTLINE).is_not_null())
        name = pl.col("name") if "name" in contract else pl.lit(None, pl.String)
        found.append(
            rows.select(
                pl.lit(contract.key[0]).alias("kind"),
                pl.col(contract.key[0]).alias("id"),
                name.fill_null(pl.col(contract.key[0])).alias("name"),
                pl.col(OUTLINE).alias("wkt"),
            )
        )
    return pl.concat(found).sort("kind", "id")


def in_force(con: duckdb.DuckDBPyConnection, table: str, contract: Contract, at: datetime) -> pl.DataFrame:
    """One row of each thing of a reference table, told apart by the first column of its key."""
    rows = f"SELECT * FROM reference.{quoted(table)}"
    if "valid_from" in contract:
        order = "(valid_from > $at), CASE WHEN valid_from > $at THEN valid_from END, valid_from DESC"
        rows += f" QUALIFY row_number() OVER (PARTITION BY {quoted(contract.key[0])} ORDER BY {order}) = 1"
        return con.execute(rows, {"at": at}).pl()
    return con.execute(f"{rows} QUALIFY row_number() OVER (PARTITION BY {quoted(contract.key[0])}) = 1").pl()
