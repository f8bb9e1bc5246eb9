"""What the lake's metrics should say of cameras, in the metrics' own columns: from what happened, never from the wire.

`damaged_n` of `n` parts of a cell were destroyed by a fault, or cannot be told apart.
"""

import numpy as np
import polars as pl

from pipelines.simulator import districts
from pipelines.simulator.alert_truth import limits
from pipelines.simulator.cameras import COUNT_S
from pipelines.simulator.sent import instant

QUARTER_S = 900
LEVELS = "abcdef"
SPARE_M, SPARE_S = 200, 120
"""Calls so much farther away, or later, than what is matched are surely not."""


def crowds(seen: pl.DataFrame, cameras: pl.DataFrame, start: int) -> pl.DataFrame:
    """`crowd_density` of one day: each count holds for the five minutes until the next.

    Args:
        seen: rows of `cameras.concluded`, with `is_destroyed`.
        start: of the day, epoch seconds.
    """
    counts = seen.filter(pl.col("kind") == "crowd_count")
    area = cameras["area_m2"].gather(counts["camera"])
    standing = cameras["crowd"].gather(counts["camera"]) == "standing"
    people = counts["people_count"].cast(pl.Float64)
    limit = limits()
    least = [
        pl.select(pl.when(standing).then(limit[f"crowd_standing_{x}_min_m2"]).otherwise(limit[f"crowd_walking_{x}_min_m2"])).to_series()
        for x in LEVELS[:-1]
    ]  # fmt: skip
    # the first level whose least area a person they have
    level = 5 - np.stack([(area >= people * x).to_numpy() for x in least]).sum(axis=0)
    rows = counts.with_columns(
        area=area, people=people, density=people / area, level=pl.Series(level),
        bin_s=start + (pl.col("captured_at") - start) // QUARTER_S * QUARTER_S,
    )  # fmt: skip
    bins = rows.group_by("camera", "bin_s", maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("is_destroyed").sum().alias("damaged_n"),
        counted_s=pl.len() * float(COUNT_S),
        rated_s=pl.len() * float(COUNT_S),
        person_s=pl.col("people").sum() * COUNT_S,
        rated_person_s=pl.col("people").sum() * COUNT_S,
        area_m2_s=pl.col("area").sum() * COUNT_S,
        **{f"level_{x}_s": (pl.col("level") == i).sum() * float(COUNT_S) for i, x in enumerate(LEVELS)},
        people_max=pl.col("people_count").max(),
        density_max_per_m2=pl.col("density").max(),
        mean_people=pl.col("people").mean(),
        density_per_m2=pl.col("people").sum() / pl.col("area").sum(),
    )
    # a count that is lost is missed by the quarter that it reaches into as well
    before = pl.col("damaged_n").shift().over("camera").fill_null(0)
    placed = bins.sort("camera", "bin_s").with_columns(
        pl.col("damaged_n") + (before > 0).cast(pl.UInt32),
        camera_id=cameras["camera_id"].gather(bins.sort("camera", "bin_s")["camera"]),
        bin_at=instant("bin_s"),
    )
    return placed.drop("camera", "bin_s")


def chains(seen: pl.DataFrame, cameras: pl.DataFrame, units: pl.DataFrame, spoilt: set[str]) -> pl.DataFrame:
    """`alert_to_scene` of one day: alerts with the crash behind them, the call about it and the unit that came first.

    Args:
        seen: rows of `cameras.concluded`, with `is_destroyed`.
        units: as `calls.responding` gives them.
        spoilt: incidents some of whose rows a fault has destroyed.
    """
    first = units.sort("on_scene_at", "dispatched_at", nulls_last=True).unique("incident_id", keep="first", maintain_order=True)
    alerts = seen.filter(pl.col("kind") != "crowd_count").with_row_index("alert")
    calls = first.select("crash_id", "incident_id", "dispatched_at", "on_scene_at", "lat", "lon", call_at="received_at")
    rows = alerts.join(calls.drop("lat", "lon"), left_on="crash", right_on="crash_id", how="left", maintain_order="left")
    at = cameras[rows["camera"].to_list()]
    away = districts.metres_between(
        at["lat"].to_numpy()[:, None], at["lon"].to_numpy()[:, None], calls["lat"].to_numpy()[None, :],
        calls["lon"].to_numpy()[None, :],
    )  # fmt: skip
    limit = limits()
    later = calls["call_at"].to_numpy()[None, :] - rows["captured_at"].to_numpy()[:, None]
    near = (away <= limit["camera_call_near_m"] + SPARE_M) & (later >= 0)
    near &= later <= limit["camera_call_after_max_s"] + SPARE_S
    own = calls["crash_id"].fill_null("").to_numpy()[None, :] == rows["crash"].fill_null("-").to_numpy()[:, None]
    # of another call near by, or another alert before the same call, nobody knows which belongs to which
    unsure = (near & ~own).any(axis=1) | (near & (near.sum(axis=0) > 1)[None, :]).any(axis=1)
    is_spoilt = rows["incident_id"].is_in(list(spoilt)).fill_null(False)
    return rows.with_columns(
        camera_id=cameras["camera_id"].gather(rows["camera"]),
        district=cameras["district"].gather(rows["camera"]),
        n=pl.lit(1),
        damaged_n=(pl.col("is_destroyed") | pl.Series(unsure) | is_spoilt).cast(pl.Int64),
        capture_to_received_s=pl.col("latency_s"),
        capture_to_call_s=pl.col("call_at") - pl.col("captured_at"),
        call_to_dispatched_s=pl.col("dispatched_at") - pl.col("call_at"),
        dispatched_to_scene_s=pl.col("on_scene_at") - pl.col("dispatched_at"),
        capture_to_scene_s=pl.col("on_scene_at") - pl.col("captured_at"),
        received_to_dispatched_s=pl.col("dispatched_at") - pl.col("captured_at") - pl.col("latency_s"),
    ).select("camera_id", "event_id", "kind", "district", "n", "damaged_n", "^.*_to_.*_s$", "incident_id")


def alerts(chains: pl.DataFrame) -> pl.DataFrame:
    """`camera_alerts` of one day, of the kinds and districts that had some."""
    received, dispatched = pl.col("capture_to_received_s"), pl.col("received_to_dispatched_s")
    in_order = dispatched.filter(dispatched >= 0)
    return chains.group_by("kind", "district", maintain_order=True).agg(
        pl.col("n", "damaged_n").sum(),
        capture_to_received_n=received.count(),
        capture_to_received_sum_s=received.sum().cast(pl.Float64),
        capture_to_received_p50_s=received.quantile(0.5, "linear"),
        capture_to_received_p95_s=received.quantile(0.95, "linear"),
        call_n=pl.col("incident_id").count(),
        received_to_dispatched_n=in_order.count(),
        received_to_dispatched_sum_s=pl.when(in_order.count() > 0).then(in_order.sum().cast(pl.Float64)),
        received_to_dispatched_p50_s=in_order.quantile(0.5, "linear"),
        received_to_dispatched_p95_s=in_order.quantile(0.95, "linear"),
    )
