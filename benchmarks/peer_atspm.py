"""Peer: Oregon DOT's `atspm` package, from a Parquet file of events to Parquet files of measures.

Runs where atspm is; only atspm and duckdb are imported. It loads all events into memory, once each: its load is timed too.
"""

import time

import duckdb
from atspm import SignalDataProcessor

AGGREGATIONS = [
    {"name": "actuations", "params": {}},
    {"name": "arrival_on_green", "params": {"latency_offset_seconds": 0}},
    {
        "name": "split_failures",
        "params": {
            "red_time": 5,
            "red_occupancy_threshold": 0.80,
            "green_occupancy_threshold": 0.80,
            "by_approach": True,
            "by_cycle": False,
        },
    },
    {"name": "terminations", "params": {}},
    {"name": "ped", "params": {}},
    {"name": "unique_ped", "params": {"seconds_between_actuations": 15}},
]


def aggregate(folder: str) -> dict[str, float]:
    """Load, aggregate and save; seconds of each."""
    took, began = {}, time.perf_counter()
    with SignalDataProcessor(
        raw_data=f"{folder}/peer/events.parquet",
        detector_config=f"{folder}/peer/config.parquet",
        bin_size=15,
        output_dir=f"{folder}/peer/out",
        output_to_separate_folders=False,
        output_format="parquet",
        output_file_prefix="",
        remove_incomplete=False,
        verbose=0,
        aggregations=AGGREGATIONS,
    ) as processor:
        for step in ("load", "aggregate", "save"):
            getattr(processor, step)()
            took[step] = time.perf_counter() - began - sum(took.values())
    return took


def told(folder: str) -> dict[str, float]:
    """What came out, in figures that both have."""
    sums = {
        "actuations": "sum(Total) FROM '{}/actuations.parquet'",
        "arrivals": "sum(Total_Actuations) FROM '{}/arrival_on_green.parquet'",
        "terminations": "sum(Total) FROM '{}/terminations.parquet'",
        "walks": "sum(PedServices) FROM '{}/ped.parquet'",
        "presses": "sum(PedActuation) FROM '{}/ped.parquet'",
        "split_failures": "sum(Split_Failure) FROM '{}/split_failures.parquet'",
    }
    return {k: float(duckdb.sql("SELECT " + q.format(f"{folder}/peer/out")).fetchall()[0][0]) for k, q in sums.items()}
