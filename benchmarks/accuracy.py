"""How near the lake's metrics come to a simulated city's truth: `make accuracy` prints it and writes accuracy.json.

The truth is made by pipelines/simulator; nothing is measured again here.

A truth cell (such as one detector in one hour) is intact where no fault destroyed information in it: there the metric
must equal the truth, up to the last digits of a float; of states that are polled it must come near. In a cell with
some rows destroyed the metric may be off, by no more than the bound of its column as long as a tenth of its rows at
most is damaged. Cells with more damage are not judged by value: the metric says so itself by coverage, health or an
empty ratio.
"""

import json
import sys
import tempfile
from datetime import date
from pathlib import Path

import polars as pl

from benchmarks import alert_accuracy, incident_accuracy
from schemas.lake import Lake
from schemas.registry import metrics

LIGHT_DAMAGE = 0.1
"""Share of a cell's rows that may be destroyed for its error still to be bounded."""

EXACT, ROUNDED = 1e-9, 5e-9
"""What equal numbers differ by at most: relative, by float arithmetic in another order; absolute, as the lake sums
decimals of nine places, and an hour has four parts."""
ROUNDED_DAY = 1e-6
"""The same of a road's day, which has some hundred times as many."""

HOUR_MIN, WHOLE_SHARE = 60.0, 1.0
WHOLE = {
    "estimated_kwh": "energy_kwh",
    "delay_veh_h": "vehicle_h",
    "empty_min": HOUR_MIN,
    "full_min": HOUR_MIN,
    "empty_share": WHOLE_SHARE,
    "full_share": WHOLE_SHARE,
}
"""Parts that are judged against their whole, a column or a number: of a few estimated readings one is much, delay is a small
difference, and few places are full for more than a minute."""

SAMPLED = {"bike_availability": 0.35, "parking_hourly": 0.1}
"""Metrics of states that are polled now and then, while the truth knows every minute: what an intact cell may be off by,
relative to the truth or, for small cells, to the column's mean."""

BOUNDS = {
    "traffic_daily": 0.5,
    "travel_time_reliability": 0.5,
    "signal_arrivals_on_green": 1.0,
    "signal_split_failures": 1.0,
    "signal_terminations": 1.0,
    "signal_ped_delay": 1.0,
    "signal_actuations": 1.0,
    "transit_on_time": 1.0,
    "transit_headways": 1.0,
    "parking_hourly": 0.5,
    "bike_availability": 0.5,
    "traffic_15min": 0.5,
    "traffic_hourly": 0.35,
    "energy_load_30min": 0.5,
    "energy_daily": 0.35,
    "response_times_daily": 0.5,
    "response_times_monthly": 0.5,
    "incident_rates": 0.5,
    "energy_load_duration": 0.5,
    "crash_severity": 1.0,
    "who_knew_first": 1.0,
    "streetlight_daily": 0.5,
    "lamp_outage_crashes": 1.0,
    "crowd_density": 0.5,
    "camera_alerts": 1.0,
    "alert_to_scene": 0.5,
    "air_quality_hourly": 0.5,
    "service_requests_daily": 1.0,
    "eservices_daily": 1.0,
}
"""Largest error in lightly damaged cells, relative to the truth or, for small cells, to the column's mean."""

NOT_COMPARED = {"n", "damaged_n"}
COUNTED = {"incident_rates", "crash_severity"}
"""Metrics whose `n` is what they count, and so what the truth counts."""


def accuracy(lake: Lake, truth_folder: Path) -> list[dict]:
    """Compare every metric that has a truth with it, column by column.

    Returns:
        Rows of {metric, column, cells, exact_share, max_intact_error, max_rel_error, bound, met}: exact_share is the share
        of the intact cells in which the metric equals the truth, max_rel_error the largest error of the lightly damaged ones.
    """
    out: list[dict] = []
    for path in sorted(Path(truth_folder).glob("*.parquet")):
        contract = metrics().get(path.stem)
        if contract is None:
            continue
        truth = pl.read_parquet(path)
        key = ["event_date", *contract.key]
        # a column may have no truth at all: three days carry few ratios of a month
        left_out = {*key, *NOT_COMPARED} - ({"n"} if path.stem in COUNTED else set())
        columns = [c for c in truth.columns if c not in left_out and truth[c].null_count() < truth.height]
        measured = lake.scan("metrics", path.stem)
        table = measured.select(*key, *columns).collect() if measured is not None else truth.select(*key, *columns).clear()
        joined = truth.join(table, on=key, how="left", suffix="_measured")
        out += [compare(joined, path.stem, column, BOUNDS[path.stem]) for column in columns]
    return out


def compare(joined: pl.DataFrame, metric: str, column: str, bound: float) -> dict:
    """One column of the joined cells: exact where intact, within the bound where lightly damaged."""
    true, measured = pl.col(column), pl.col(f"{column}_measured")
    known = joined.filter(true.is_not_null()).with_columns(true.cast(pl.Float64), measured.cast(pl.Float64))
    of = WHOLE.get(column, column)
    whole = pl.lit(of) if isinstance(of, float) else pl.col(of).cast(pl.Float64).abs()
    scale = known.select(whole.mean()).item() or 1.0
    error = (measured - true).abs()
    judged = known.with_columns(
        exact=(error <= EXACT * true.abs() + (ROUNDED_DAY if metric == "traffic_daily" else ROUNDED)).fill_null(False),
        rel_error=error / pl.max_horizontal(whole, pl.lit(scale)),
        damage=pl.col("damaged_n") / pl.col("n"),
    )
    intact = judged.filter(pl.col("damage") == 0)
    allowed = SAMPLED.get(metric, 0.0)
    is_true = bool(intact.select((pl.col("exact") | (pl.col("rel_error") <= allowed).fill_null(False)).all()).item())
    light = judged.filter((pl.col("damage") > 0) & (pl.col("damage") <= LIGHT_DAMAGE))
    exact_share = float(intact["exact"].mean()) if intact.height else None
    # an empty ratio claims nothing; an intact cell may not be empty
    worst = float(light["rel_error"].max() or 0.0)
    return {
        "metric": metric,
        "column": column,
        "cells": intact.height + light.height,
        "exact_share": exact_share,
        "max_rel_error": worst,
        "max_intact_error": float(intact["rel_error"].max() or 0.0),
        "bound": bound,
        "met": is_true and worst <= bound and intact.height + light.height > 0,
    }


def show(rows: list[dict]) -> None:
    """Print the comparison as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("metric.column", "cells", "exact, intact", "worst, intact", "worst, damaged", "bound", "met", box=None)
    for r in rows:
        share = "none intact" if r["exact_share"] is None else f"{r['exact_share']:.2%}"
        errors, met = (f"{r.get(k, 0.0):.3f}" for k in ("max_intact_error", "max_rel_error")), "yes" if r["met"] else "NO"
        table.add_row(f"{r['metric']}.{r['column']}", f"{r['cells']:,}", share, *errors, f"{r['bound']:g}", met)
    Console(width=100).print(table)


def main(events: int = 200_000) -> int:
    """Simulate three days, bring them the whole way, compare; write benchmarks/accuracy.json. 1 where a metric is off.

    Alerts are judged after the metrics; how often they are right is told, and no reason to fail.
    """
    from dagster_project import settings, way
    from pipelines.privacy.keys import throw_away
    from pipelines.simulator import simulate
    from schemas import registry
    from schemas.city import City

    throw_away(registry.feeds().values())
    with tempfile.TemporaryDirectory() as folder:
        simulated = simulate(Path(folder), City("Demo City", "Europe/Berlin"), date(2026, 5, 1), 3, events, seed=1)
        loaded = settings.load(simulated.settings)
        way.load_references(loaded)
        way.land(loaded)
        way.build(loaded, gates=False)
        rows = accuracy(loaded.lake, simulated.truth)
    rows += incident_accuracy.measure()
    show(rows)
    alerts = alert_accuracy.measure()
    alert_accuracy.show(alerts)
    (Path(__file__).parent / "accuracy.json").write_text(json.dumps([*rows, *alerts], indent=1) + "\n", encoding="utf-8")
    return 0 if all(r["met"] for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main(*(int(a) for a in sys.argv[1:2])))
