"""Where an event happened: its H3 cell, from its own coordinates or from those of its device; and the areas it lies in.

How areas are drawn is the reference tables'.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import polars_h3 as h3
import shapely

from schemas.contract import Contract
from schemas.errors import LakeError
from schemas.lake import Lake
from schemas.registry import references

OUTLINE = "polygon_wkt"
"""Column of a reference table that says where its areas end."""
ALWAYS, NEVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def cell(resolution: int) -> pl.Expr:
    """The H3 cell of columns lat and lon as text; null where either is null. Source: Uber H3 4.x."""
    known = pl.col("lat").is_not_null() & pl.col("lon").is_not_null()
    found = h3.latlng_to_cell(pl.col("lat"), pl.col("lon"), resolution, return_dtype=pl.String)
    return pl.when(known).then(found)


def locate(rows: pl.DataFrame, contract: Contract, reference: pl.DataFrame, resolution: int) -> pl.DataFrame:
    """Add `h3_cell`. A device that moved is where its latest reference row at the event says."""
    if "lat" in contract and "lon" in contract:
        return rows.with_columns(cell(resolution).alias("h3_cell"))
    described = contract.described
    if described is None or reference.height == 0 or "lat" not in reference.columns or contract.event_time is None:
        return rows.with_columns(pl.lit(None, pl.String).alias("h3_cell"))
    places = reference.sort("valid_from").select(described.on, "valid_from", cell(resolution).alias("h3_cell"))
    if places[described.on].n_unique() == places.height:  # nobody moved: no need to look at times
        return rows.join(places.drop("valid_from"), on=described.on, how="left", maintain_order="left")
    return (
        rows.sort(contract.event_time, maintain_order=True)
        .join_asof(
            places,
            left_on=contract.event_time,
            right_on="valid_from",
            by=described.on,
            strategy="backward",
            check_sortedness=False,
        )
        .drop("valid_from")
    )


def areas(contract: Contract) -> tuple[str, ...]:
    """The reference tables with outlines of what a column of the feed names, where its rows say their place themselves."""
    if "lat" not in contract or "lon" not in contract:
        return ()
    tables = references().items()
    return tuple(n for n, t in tables if OUTLINE in t and t.key[0] in contract and t.key[0] not in contract.key)


@dataclass(frozen=True)
class Areas:
    """The areas that a column names, one entry per version of each.

    Attributes:
        since: microseconds from when the outline is in force.
        begins, until: microseconds between which it is asked; what came before an area's first version is asked of that one.
    """

    column: str
    names: np.ndarray
    since: np.ndarray
    begins: np.ndarray
    until: np.ndarray
    shapes: np.ndarray

    @classmethod
    def read(cls, lake: Lake, table: str) -> "Areas":
        """Those of a reference table. An outline that crosses itself is taken as what its parts enclose.

        Raises:
            LakeError: an outline that is none.
        """
        column = references()[table].key[0]
        scan = lake.scan("reference", table)
        rows = pl.DataFrame() if scan is None else scan.select(column, "valid_from", OUTLINE).collect()
        if rows.is_empty():
            none = np.empty(0, np.int64)
            return cls(column, none, none, none, none, none)
        rows = rows.sort(column, "valid_from").with_columns(pl.col("valid_from").dt.epoch("us").alias("since"))
        begin = pl.col("since")
        rows = rows.with_columns(
            pl.when(begin == begin.min().over(column)).then(ALWAYS).otherwise(begin).alias("begins"),
            begin.shift(-1).over(column).fill_null(NEVER).alias("until"),
        )
        rows = rows.filter(pl.col(OUTLINE).is_not_null())
        shapes = shapely.from_wkt(rows[OUTLINE].to_numpy(), on_invalid="ignore")
        if shapely.is_missing(shapes).any():
            name = rows[column].filter(pl.Series(shapely.is_missing(shapes)))[0]
            raise LakeError(f"reference {table}, {name}", f"its {OUTLINE} is no outline", "correct it, and load it again")
        since, begins, until = (rows[c].to_numpy() for c in ("since", "begins", "until"))
        return cls(column, rows[column].to_numpy(), since, begins, until, shapely.make_valid(shapes))

    def fill(self, rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
        """Name the area of rows that have coordinates and no name of their own.

        Outlines hold from their row's instant on; before an area's first, that one. On a common border, and where outlines
        overlap, one that is in force goes before one that is not yet, then the first by name.
        """
        said = pl.col(self.column).is_not_null() & (pl.col(self.column) != contract[self.column].default).fill_null(True)
        asked = rows.with_row_index("row").filter(~said & pl.col("lat").is_not_null() & pl.col("lon").is_not_null())
        if asked.is_empty() or not self.shapes.size:
            return rows
        places = shapely.STRtree(shapely.points(asked["lon"].to_numpy(), asked["lat"].to_numpy()))
        # few outlines are asked of many places: GEOS prepares what it is asked of
        area, place = places.query(self.shapes, predicate="intersects")
        at = asked[contract.event_time or ""].dt.epoch("us").to_numpy()[place]
        holds = (at >= self.begins[area]) & (at < self.until[area])
        area, place, at = area[holds], place[holds], at[holds]
        order = np.lexsort((area, at < self.since[area], place))
        place, one = np.unique(place[order], return_index=True)
        found = pl.Series(self.names[area[order][one]], dtype=pl.String)
        return rows.with_columns(rows[self.column].scatter(asked["row"].to_numpy()[place], found))
