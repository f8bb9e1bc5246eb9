"""How many of the simulated city's incidents `incidents_detected` finds, and how many of those it finds are real.

Metrics that have a value in every cell are compared in accuracy.py; alerts are judged as they come by alert_accuracy.py.
"""

import tempfile
from datetime import date
from pathlib import Path

import polars as pl

from schemas.lake import Lake

METRIC, RULE = "incidents_detected", "incident_suspected"
SLACK = pl.duration(seconds=120)
LEAST = {"recall": 0.8, "precision": 0.25}
"""Shares to be reached. Of what is found, most is short and in dense traffic: two minutes cannot tell these apart."""


def incidents(lake: Lake, truth_folder: Path) -> list[dict]:
    """Recall and precision, as rows of the table of accuracy; `exact_share` is the share, `bound` what it must reach."""
    true = pl.read_parquet(truth_folder / "alerts.parquet").filter(pl.col("rule") == RULE).with_row_index("truth")
    scan = lake.scan("metrics", METRIC)
    found = (scan.collect() if scan is not None else pl.DataFrame(schema=_SCHEMA)).with_row_index("row")
    # the row of a pair names both of its detectors
    near = pl.concat([found.select("row", "started_at", "ended_at", place_id=c) for c in ("upstream_id", "downstream_id")])
    both = true.join(near, on="place_id", suffix="_found").filter(
        (pl.col("started_at_found") <= pl.col("ended_at") + SLACK) & (pl.col("ended_at_found") >= pl.col("started_at") - SLACK)
    )
    recall = (both["truth"].n_unique(), true.height)
    precision = (both["row"].n_unique(), found.height)
    return [_row(name, *of) for name, of in (("recall", recall), ("precision", precision))]


_SCHEMA = dict.fromkeys(("upstream_id", "downstream_id"), pl.String()) | dict.fromkeys(
    ("started_at", "ended_at"), pl.Datetime("us", "UTC")
)


def _row(name: str, right: int, of: int) -> dict:
    share = right / of if of else None
    told = {"metric": METRIC, "column": name, "cells": of, "exact_share": share, "max_intact_error": 0.0, "max_rel_error": 0.0}
    return {**told, "bound": LEAST[name], "met": share is not None and share >= LEAST[name]}


def measure(events: int = 1_500_000, seed: int = 3) -> list[dict]:
    """Simulate a weekday of detectors near enough to each other, bring it the whole way, and judge it."""
    from dagster_project import settings, way
    from pipelines.simulator import simulate
    from schemas.city import City

    with tempfile.TemporaryDirectory() as folder:
        simulated = simulate(Path(folder), City("Demo City", "Europe/Berlin"), date(2026, 5, 5), 1, events, seed)
        loaded = settings.load(simulated.settings)
        way.load_references(loaded)
        way.land(loaded, feeds=["traffic_flow"])
        way.build(loaded, gates=False)
        return incidents(loaded.lake, simulated.truth)
