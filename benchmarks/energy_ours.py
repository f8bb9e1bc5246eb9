"""The energy metrics of a refined day, as `citylake run` measures them, and the same SQL bare: Parquet to Parquet.

What ours does beyond the SQL (digests, contract types, order, commits) is its price.
"""

import time

import polars as pl

from assets.measure import measure, prepare
from benchmarks.energy_files import CITY, DAY
from schemas.lake import Lake

METRICS = ("energy_load_30min", "energy_daily", "energy_load_duration")
TO_PARQUET = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"


def health(folder: str, force: bool = False) -> None:
    """The verdicts that the metrics join; measured once, before, unless `force`."""
    measure(Lake(f"{folder}/lake"), CITY, "sensor_health_daily", [DAY], force)


def ours(folder: str) -> dict[str, float]:
    """Measure the day anew; seconds by metric."""
    seconds = {}
    for metric in METRICS:
        began = time.perf_counter()
        measure(Lake(f"{folder}/lake"), CITY, metric, [DAY], force=True)
        seconds[metric] = time.perf_counter() - began
    return seconds


def bare(folder: str) -> dict[str, float]:
    """The same by SQL alone; opening connections and declaring views is not counted. The later metrics read what ours wrote."""
    seconds = {}
    for metric in METRICS:
        con, sql = prepare(Lake(f"{folder}/lake"), CITY, metric, [DAY])
        with con:
            began = time.perf_counter()
            con.execute(f"COPY ({sql}) TO '{folder}/bare-{metric}.parquet' {TO_PARQUET}")
            seconds[metric] = time.perf_counter() - began
    return seconds


def told(folder: str) -> list[tuple[float, float]]:
    """What came out of each metric, of ours and of bare SQL: the energy of its rows."""
    out = []
    for metric in METRICS:
        scan = Lake(f"{folder}/lake").scan("metrics", metric)
        assert scan is not None
        ours_kwh = scan.select(pl.col("energy_kwh").sum()).collect().item()
        bare_kwh = pl.scan_parquet(f"{folder}/bare-{metric}.parquet").select(pl.col("energy_kwh").sum()).collect().item()
        out.append((round(float(ours_kwh), 3), round(float(bare_kwh), 3)))
    return out
