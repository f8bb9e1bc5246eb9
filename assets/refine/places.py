"""Where an event happened, as an H3 cell: from its own coordinates, or from those of its device."""

import polars as pl
import polars_h3 as h3

from schemas.contract import Contract


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
