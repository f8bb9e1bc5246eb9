"""`h3_cells_within(outline, cell)`: the H3 cells whose middle lies within an outline (WKT), at the resolution of a cell.

So each place is in one cell, and each cell in one of outlines that do not overlap. NULL for what is no outline or no cell.
Source: Uber H3 4.x, polygonToCells.
"""

import duckdb
import polars as pl
import polars_h3 as h3
import pyarrow as pa
import shapely
from duckdb.func import ARROW, SPECIAL
from duckdb.sqltypes import VARCHAR

LIST = duckdb.list_type(VARCHAR)


def within(outlines: pa.Array, cells: pa.Array) -> pa.Array:
    """Outlines (WKT, longitude before latitude) and cells (text) to lists of cells (text), sorted."""
    shapes = shapely.make_valid(shapely.from_wkt(pl.Series(pl.from_arrow(outlines)).to_numpy(), on_invalid="ignore"))
    frame = pl.DataFrame({"cell": pl.from_arrow(cells)}, schema={"cell": pl.String})
    frame = frame.with_columns(
        pl.Series("shape", shapely.to_wkb(shapes).tolist(), dtype=pl.Binary), h3.get_resolution("cell").alias("resolution")
    ).with_row_index()
    found = [
        part.select("index", h3.polygon_to_cells("shape", of).alias("cells"))
        for (of,), part in frame.drop_nulls().group_by("resolution", maintain_order=True)
    ]
    if not found:
        return pa.nulls(frame.height, pa.list_(pa.string()))
    all_cells = frame.select("index").join(pl.concat(found), on="index", how="left", maintain_order="left")
    texts = all_cells.select(pl.col("cells").list.eval(h3.int_to_str(pl.element())).list.sort())["cells"]
    return texts.to_arrow(compat_level=pl.CompatLevel.oldest())


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Make the function known to a connection."""
    con.create_function("h3_cells_within", within, [VARCHAR, VARCHAR], LIST, type=ARROW, null_handling=SPECIAL)
