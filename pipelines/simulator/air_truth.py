"""What the lake's metrics should say of air and noise, in the metrics' own columns: from what was measured, never from the wire.

`damaged_n` of `n` measurements of a cell were destroyed by a fault.
"""

import numpy as np
import polars as pl

from pipelines.simulator.sent import instant

HOUR_S = 3600
CONCENTRATIONS = {"pm2_5": "pm2_5_ug_m3", "pm10": "pm10_ug_m3", "no2": "no2_ug_m3", "o3": "o3_ug_m3"}


def hourly(truth: pl.DataFrame, start: int) -> pl.DataFrame:
    """`air_quality_hourly` of one day that begins at `start`, epoch seconds: of the air or of the noise.

    Args:
        truth: rows of `air.breathed`, with `station_id`, `said_by`, `is_destroyed`.
    """
    is_noise = truth["said_by"][0] == "noise"
    columns = {"noise": "noise_dba"} if is_noise else CONCENTRATIONS
    begin = pl.col("at") - pl.col("interval_s")
    rows = pl.concat(
        truth.select("station_id", "at", "interval_s", "is_destroyed", quantity=pl.lit(q), value=c) for q, c in columns.items()
    ).with_columns(bin_s=start + (begin - start) // HOUR_S * HOUR_S)
    held = pl.col("interval_s").cast(pl.Float64)
    cell = ["station_id", "quantity", "bin_s"]
    hours = rows.group_by(cell, maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("is_destroyed").sum().alias("damaged_n"),
        measured_s=held.sum(),
        weighted=(pl.col("value") * held).sum(),
        energy=((pl.col("value") * (np.log(10) / 10)).exp() * held).sum(),
    )
    mean = pl.col("weighted") / pl.col("measured_s")
    if is_noise:
        told = hours.with_columns(sound_energy_s="energy", laeq_dba=10 * (pl.col("energy") / pl.col("measured_s")).log10())
    else:
        is_whole = pl.col("damaged_n").sum().over("station_id", "quantity") == 0
        told = hours.with_columns(concentration_ug_s_m3="weighted", mean_ug_m3=mean).with_columns(
            day_mean_ug_m3=pl.when(is_whole).then(pl.col("mean_ug_m3").mean().over("station_id", "quantity"))
        )
        eight = pl.col("mean_ug_m3").rolling_mean(8).over("station_id", "quantity", order_by="bin_s")
        told = told.with_columns(mean_8h_ug_m3=pl.when(is_whole & (pl.col("quantity") == "o3")).then(eight))
    return told.with_columns(bin_at=instant("bin_s")).drop("bin_s", "weighted", "energy")
