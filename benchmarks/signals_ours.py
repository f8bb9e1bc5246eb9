"""Ours: the five signal metrics of a refined day, as `citylake run` measures them: Delta log, Parquet, SQL, Parquet, commit."""

import polars as pl

from assets.measure import measure
from benchmarks.signal_files import CITY, DAY
from schemas.lake import Lake

METRICS = ("actuations", "arrivals_on_green", "split_failures", "terminations", "ped_delay")


def aggregate(folder: str) -> None:
    """Measure the day anew."""
    for metric in METRICS:
        measure(Lake(f"{folder}/lake"), CITY, f"signal_{metric}", [DAY], force=True)


def one(folder: str, metric: str) -> None:
    """Measure one metric of the day anew."""
    measure(Lake(f"{folder}/lake"), CITY, f"signal_{metric}", [DAY], force=True)


def told(folder: str) -> dict[str, float]:
    """What came out, in figures that both have."""
    lake = Lake(f"{folder}/lake")

    def total(metric: str, column: str) -> float:
        scan = lake.scan("metrics", f"signal_{metric}", [DAY])
        assert scan is not None
        return float(scan.select(pl.col(column).sum()).collect().item())

    return {
        "actuations": total("actuations", "actuations"),
        "arrivals": total("arrivals_on_green", "arrivals"),
        "terminations": total("terminations", "terminations"),
        "walks": total("ped_delay", "walks"),
        "presses": total("ped_delay", "presses"),
        "split_failures": total("split_failures", "split_failures"),
    }
