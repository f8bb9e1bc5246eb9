"""What the lake's metrics should say of car parks, bikes, buses, routes and signals, in the metrics' own columns.

Computed from what happened, never from the wire. `damaged_n` of `n` parts of a cell were hit by a fault.
"""

import polars as pl

from pipelines.simulator.sent import instant

BOOKS = (pl.len().alias("n"), pl.col("is_destroyed").sum().alias("damaged_n"))


def _hour(start: int) -> pl.Expr:
    return (start + (pl.col("at") - start) // 3600 * 3600).alias("bin_s")


def bikes(truth: pl.DataFrame, stations: pl.DataFrame, start: int) -> dict[str, pl.DataFrame]:
    """`bike_availability` of one day, from every minute of every station."""
    hours = truth.group_by("station", _hour(start), maintain_order=True).agg(
        *BOOKS,
        empty_min=(pl.col("bikes") == 0).sum().cast(pl.Float64),
        full_min=(pl.col("docks") == 0).sum().cast(pl.Float64),
        vehicle_h=pl.col("bikes").sum() / 60,
        dock_h=pl.col("docks").sum() / 60,
        empty_share=(pl.col("bikes") == 0).mean(),
        full_share=(pl.col("docks") == 0).mean(),
        vehicles_mean=pl.col("bikes").mean(),
    )
    hours = hours.with_columns(station_id=stations["station_id"].gather(hours["station"]), bin_at=instant("bin_s"))
    return {"bike_availability": hours.drop("station", "bin_s")}
