"""Which alerts a right lake raises over a simulated day: rule, place, and from when to when it is so.

Computed from what happened, never from the wire. The limits are the packaged ones.
"""

from importlib.resources import files

import numpy as np
import polars as pl

from pipelines.simulator.households import INTERVAL_S, feeders
from pipelines.simulator.sent import instant

INSTANT = pl.Datetime("us", "UTC")
SCHEMA = {"rule": pl.String(), "place_id": pl.String(), "started_at": INSTANT, "ended_at": INSTANT}
"""`ended_at` is empty where it does not end that day."""


def limits() -> dict[str, float]:
    """The packaged thresholds."""
    with (files("schemas.reference") / "thresholds.csv").open("rb") as lines:
        return dict(pl.read_csv(lines).select("name", pl.col("value").cast(pl.Float64)).rows())


def _told(rows: pl.DataFrame, rule: str) -> pl.DataFrame:
    """Columns place_id, start_s and end_s as the truth's rows."""
    told = rows.select(pl.lit(rule).alias("rule"), "place_id", started_at=instant("start_s"), ended_at=instant("end_s"))
    return told.select(pl.col(n).cast(t) for n, t in SCHEMA.items())


def of_traffic(truth: pl.DataFrame, sensors: pl.DataFrame, incidents: pl.DataFrame, ends: int) -> pl.DataFrame:
    """The alerts of a day of detectors; `ends` is its end, epoch seconds."""
    rows = truth.select("at", "interval_s", "is_refined", index="sensor")
    return pl.concat([incident_suspected(incidents, sensors), sensor_silent(rows, sensors["sensor_id"], ends)])


def of_energy(truth: pl.DataFrame, meters: pl.DataFrame, ends: int) -> pl.DataFrame:
    """The alerts of a day of meters."""
    rows = truth.select("at", pl.lit(INTERVAL_S).alias("interval_s"), "is_refined", index="meter")
    silent = sensor_silent(rows, meters["meter_id"], ends)
    return pl.concat([feeder_overload(truth, meters, feeders(meters)), silent])


def incident_suspected(incidents: pl.DataFrame, sensors: pl.DataFrame) -> pl.DataFrame:
    """A blocked road, told by the detector before it."""
    rows = incidents.with_columns(place_id=sensors["sensor_id"].gather(incidents["upstream"]))
    return _told(rows, "incident_suspected")


def sensor_silent(rows: pl.DataFrame, device: pl.Series, ends: int) -> pl.DataFrame:
    """Stretches in which nothing of a device is fit to be kept, from when they are longer than the limit.

    Args:
        rows: `at` (start), `interval_s`, `is_refined`, and the row number `index` of the device in `device`.
        ends: end of the day. A device that never sent anything is nobody's loss.
    """
    limit = limits()
    kept = rows.filter("is_refined").select("index", "interval_s", "at").unique().sort("index", "at")
    gaps = kept.with_columns(
        quiet_s=pl.col("at") + pl.col("interval_s"),
        limit_s=pl.max_horizontal(
            limit["sensor_silent_min_intervals"] * pl.col("interval_s"), pl.lit(limit["sensor_silent_min_s"])
        ).cast(pl.Int64),
        # a report is there when its interval is over
        next_s=(pl.col("at") + pl.col("interval_s")).shift(-1).over("index"),
    ).with_columns(start_s=pl.col("quiet_s") + pl.col("limit_s"), end_s=pl.col("next_s"))
    found = gaps.filter(pl.col("next_s").fill_null(ends) > pl.col("start_s"))
    rows = found.with_columns(place_id=device.gather(found["index"]))
    return _told(rows, "sensor_silent")


def feeder_overload(truth: pl.DataFrame, meters: pl.DataFrame, rated: pl.DataFrame) -> pl.DataFrame:
    """Half hours in which the meters of a feeder drew more than its rating; those in a row are one.

    It can be known when the half hour is over, and is over when the next one is.
    """
    share, length = limits()["feeder_overload_min_share"], INTERVAL_S
    loads = (
        truth.with_columns(feeder_id=meters["feeder_id"].gather(truth["meter"]))
        .group_by("feeder_id", "at", maintain_order=True)
        .agg(load_kw=pl.col("energy_kwh").sum() * 3600 / length)
        .join(rated.select("feeder_id", "rated_kw"), on="feeder_id", maintain_order="left")
        .filter(pl.col("load_kw") > pl.col("rated_kw") * share)
        .sort("feeder_id", "at")
    )
    run = (pl.col("at").diff().over("feeder_id") != length).fill_null(True).cum_sum().over("feeder_id")
    rows = loads.with_columns(run=run).group_by("feeder_id", "run", maintain_order=True)
    found = rows.agg(start_s=pl.col("at").min() + length, end_s=pl.col("at").max() + 2 * length)
    return _told(found.rename({"feeder_id": "place_id"}), "feeder_overload")


def call_waiting(units: pl.DataFrame) -> pl.DataFrame:
    """Calls whose first unit was dispatched later than their priority allows, or never."""
    limit = limits()
    by_priority = {p: limit[f"call_waiting_{p}_s"] for p in ("emergency", "urgent", "routine")}
    calls = units.group_by("incident_id", maintain_order=True).agg(
        pl.col("received_at", "priority").first(), end_s=pl.col("dispatched_at").min()
    )
    due = pl.col("received_at") + pl.col("priority").replace_strict(by_priority, return_dtype=pl.Int64)
    rows = calls.with_columns(start_s=due).filter(pl.col("end_s").is_null() | (pl.col("end_s") > pl.col("start_s")))
    return _told(rows.rename({"incident_id": "place_id"}), "call_waiting")


def of_cameras(seen: pl.DataFrame, cameras: pl.DataFrame) -> pl.DataFrame:
    """What cameras see on a day that is an alert: single events, and crowds.

    Args:
        seen: as `cameras.concluded` gives it.
    """
    rows = seen.with_columns(place_id=cameras["camera_id"].gather(seen["camera"]), area=cameras["area_m2"].gather(seen["camera"]))
    return pl.concat([*(_news(rows, kind) for kind in EVENTS), crowd_dangerous(rows)])


EVENTS = ("person_down", "intrusion", "wrong_way")
COOL_DOWN_S = 300
"""Seconds within which further events before a camera belong to the same alert."""


def _news(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Events of a kind, as long as each is news; those that follow soon are one."""
    limit = limits()
    end = pl.col("captured_at") + pl.col("latency_s") + int(limit["camera_alert_news_s"])
    sure = rows.filter(pl.col("kind") == kind, pl.col("confidence") >= limit["camera_min_confidence"])
    events = sure.sort("place_id", "captured_at").with_columns(end_s=end)
    apart = (pl.col("captured_at") > pl.col("end_s").shift() + COOL_DOWN_S).over("place_id").fill_null(True)
    runs = events.with_columns(run=apart.cum_sum().over("place_id")).group_by("place_id", "run", maintain_order=True)
    return _told(runs.agg(start_s=pl.col("captured_at").min(), end_s=pl.col("end_s").max()), kind)


def crowd_dangerous(rows: pl.DataFrame) -> pl.DataFrame:
    """Counts in a row that are too dense, from the second on, until the next that is not.

    Args:
        rows: kind, place_id, captured_at (epoch seconds), people_count, area, confidence.
    """
    limit = limits()
    counts = rows.filter(pl.col("kind") == "crowd_count", pl.col("confidence") >= limit["camera_min_confidence"])
    dense = pl.col("people_count") / pl.col("area") >= limit["crowd_dangerous_min_per_m2"]
    counts = counts.sort("place_id", "captured_at").with_columns(
        is_dense=dense, run=(dense != dense.shift().over("place_id")).fill_null(True).cum_sum().over("place_id"),
        next_s=pl.col("captured_at").shift(-1).over("place_id"),
    )  # fmt: skip
    least = int(limit["crowd_dangerous_min_counts"])
    runs = counts.filter("is_dense").group_by("place_id", "run", maintain_order=True)
    found = runs.agg(
        pl.len(), start_s=pl.col("captured_at").sort().get(least - 1, null_on_oob=True), end_s=pl.col("next_s").last()
    )
    return _told(found.filter(pl.col("len") >= least), "crowd_dangerous")


def lamp_outage(states: pl.DataFrame, lamps: pl.DataFrame, dark: np.ndarray) -> pl.DataFrame:
    """Lamps that are out after dark, from when they are longer than the limit, until they burn again or the dark is over.

    Args:
        states: as `lamps.Lamps.day` gives them.
        dark: stretches of the day, as `sky.below` gives them.
    """
    limit = int(limits()["lamp_alert_min_s"])
    is_out = ~pl.col("is_burning") | (pl.col("status") != "ok")
    rows = states.sort("lamp", "at").with_columns(
        is_out=is_out, run=(is_out != is_out.shift().over("lamp")).fill_null(True).cum_sum().over("lamp")
    )
    runs = rows.filter("is_out").group_by("lamp", "run", maintain_order=True).agg(
        from_s=pl.col("at").min(), until_s=(pl.col("at") + pl.col("told_s")).max()
    )  # fmt: skip
    nights = [
        runs.select(
            "lamp",
            start_s=pl.max_horizontal("from_s", pl.lit(int(a))) + limit,
            end_s=pl.min_horizontal("until_s", pl.lit(int(b))),
        )
        for a, b in dark
    ]
    empty = pl.DataFrame(schema={"lamp": pl.Int64, "start_s": pl.Int64, "end_s": pl.Int64})
    found = pl.concat([empty, *nights], how="vertical_relaxed").filter(pl.col("end_s") > pl.col("start_s"))
    return _told(found.with_columns(place_id=lamps["lamp_id"].gather(found["lamp"])), "lamp_outage")
