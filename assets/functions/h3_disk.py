"""`h3_disk(cell)`: an H3 cell and its neighbours, as a list. What is counted in them is the metrics'.

Five or six neighbours: beside a pentagon one is missing. NULL for what is no cell. Source: Uber H3 4.x, gridDisk with k = 1.
"""

import duckdb
import polars as pl
import polars_h3 as h3
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL
from duckdb.sqltypes import VARCHAR

LIST = duckdb.list_type(VARCHAR)


def disk(cells: pa.Array) -> pa.Array:
    """Cells (text) to lists of cells (text), sorted."""
    found = pl.DataFrame({"cell": pl.from_arrow(cells)}, schema={"cell": pl.String})
    return found.select(h3.grid_disk("cell", 1).list.sort())["cell"].to_arrow(compat_level=pl.CompatLevel.oldest())


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Make the function known to a connection."""
    con.create_function("h3_disk", disk, [VARCHAR], LIST, type=ARROW, null_handling=SPECIAL)
