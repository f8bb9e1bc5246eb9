"""What the lake's metrics should say of street lights, in the metrics' own columns: from what the lamps did, never from the wire.

`damaged_n` of `n` reports of a cell were destroyed by a fault.
"""

import numpy as np
import polars as pl

from pipelines.simulator import districts, sky
from pipelines.simulator.alert_truth import limits
from pipelines.simulator.clockwork import covered_s

HOUR_S = 3600


def by_lamp(states: pl.DataFrame, lamps: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """`streetlight_daily` of one day [start, end), epoch seconds.

    Args:
        states: rows of `lamps.Lamps.day`, with `is_destroyed`.
        lamps: as `lamps.lay_out` gives them.

    Returns:
        Besides the metric's columns lamp (row), said_s (when it first said so, null: it was not out).
    """
    limit = limits()
    rows = _under_the_sky(states.sort("lamp", "at"), lamps, start, end)
    burns, held = pl.col("is_burning"), pl.col("told_s")
    turned = burns != burns.shift().over("lamp")
    parts = rows.with_columns(is_switch=(turned & pl.col("is_dark")).fill_null(False)).group_by("lamp", maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("is_destroyed").sum().alias("damaged_n"),
        burn_h=held.filter(burns).sum() / HOUR_S,
        day_burn_h=(held - pl.col("below_s")).filter(burns).sum() / HOUR_S,
        should_burn_h=pl.col("dark_s").sum() / HOUR_S,
        dark_switches=pl.col("is_switch").sum().cast(pl.Int64),
        energy_kwh=(pl.col("power_w") * held).sum() / 3.6e6,
        metered_h=held.sum() / HOUR_S,
    )  # fmt: skip
    told = parts.join(_outages(rows, start, end), on="lamp", how="left", maintain_order="left").with_columns(
        pl.col("outage_s").fill_null(0)
    )
    rated = lamps["rated_w"].gather(told["lamp"]) * told["should_burn_h"] / 1000
    return told.with_columns(
        lamp_id=lamps["lamp_id"].gather(told["lamp"]),
        known_should_burn_h="should_burn_h",
        metered_should_burn_h="should_burn_h",
        outage_h=pl.col("outage_s") / HOUR_S,
        day_burners=(pl.col("day_burn_h") * HOUR_S >= limit["lamp_day_burn_min_s"]).cast(pl.Int64),
        lamps_out=(pl.col("outage_s") >= limit["lamp_outage_min_s"]).cast(pl.Int64),
        lamps_flickering=(pl.col("dark_switches") > limit["lamp_flicker_max_switches"]).cast(pl.Int64),
        rated_kwh=rated,
        availability_share=1 - pl.col("outage_s") / HOUR_S / pl.col("should_burn_h"),
        dimming_saving_share=1 - pl.col("energy_kwh") / rated,
    ).drop("outage_s")


def _under_the_sky(rows: pl.DataFrame, lamps: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """With the seconds of each row that are dark (`dark_s`), that are no daylight (`below_s`), and `is_dark` at its begin."""
    # dusk is worked out for tenths of a degree, as the metric says
    places = lamps.select(pl.col("lat").round(1), pl.col("lon").round(1)).with_row_index("lamp")
    parts = []
    for (lat, lon), of in places.group_by("lat", "lon", maintain_order=True):
        mine = rows.filter(pl.col("lamp").is_in(of["lamp"].implode()))
        at, until = mine["at"].to_numpy(), mine["at"].to_numpy() + mine["told_s"].to_numpy()
        dark, below = (sky.below(d, start, end, float(lat), float(lon)) for d in (sky.DARK_DEG, sky.DAYLIGHT_DEG))
        seconds = {k: covered_s(s[:, 0], s[:, 1], at, until) for k, s in (("dark_s", dark), ("below_s", below))}
        parts.append(mine.with_columns(**{k: pl.Series(v) for k, v in seconds.items()}, is_dark=pl.Series(sky.within(dark, at))))
    return pl.concat(parts).sort("lamp", "at")


def _outages(rows: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """Dark seconds of each lamp's outages: those that last long enough, or reach over midnight."""
    out = ~pl.col("is_burning") | (pl.col("status") != "ok")
    dark = rows.with_columns(is_out=out).filter(pl.col("is_out"), pl.col("dark_s") > 0)
    until = pl.col("at") + pl.col("told_s")
    # between the two nights of a day there is a row that is not dark
    apart = (pl.col("at") != until.shift().over("lamp")).fill_null(True)
    runs = dark.with_columns(run=apart.cum_sum().over("lamp")).group_by("lamp", "run", maintain_order=True).agg(
        pl.col("dark_s").sum(), first=pl.col("at").min(), last=until.max()
    )  # fmt: skip
    long = pl.col("dark_s") >= limits()["lamp_outage_min_s"]
    kept = runs.filter(long | (pl.col("first") == start) | (pl.col("last") == end))
    return kept.group_by("lamp").agg(outage_s=pl.col("dark_s").sum(), said_s=pl.col("first").min())


def crashes_in_the_dark(
    crashes: pl.DataFrame, states: pl.DataFrame, daily: pl.DataFrame, lamps: pl.DataFrame, start: int, end: int
) -> pl.DataFrame:
    """`lamp_outage_crashes` of one day: crashes, those after dark, and those near lamps, in order or out.

    Args:
        crashes: of the day, as the agency knows them in the end, with `is_destroyed`.
        states: rows of `lamps.Lamps.day`, with `is_destroyed`.
        daily: `by_lamp` of the day.
    """
    dark = sky.below(sky.DARK_DEG, start, end)
    rows = crashes.with_row_index("crash").with_columns(is_dark=pl.Series(sky.within(dark, crashes["at"].to_numpy())))
    after = rows.filter("is_dark")
    near_m = limits()["lamp_crash_near_m"]
    away = districts.metres_between(
        after["lat"].to_numpy()[:, None], after["lon"].to_numpy()[:, None], lamps["lat"].to_numpy()[None, :],
        lamps["lon"].to_numpy()[None, :],
    )  # fmt: skip
    crash, lamp = np.nonzero(away <= near_m)
    pairs = after[crash].select("crash", "at", crash_district="district").with_columns(lamp=pl.Series(lamp, dtype=pl.Int64))
    now = states.select("lamp", "at", is_out=~pl.col("is_burning") | (pl.col("status") != "ok"), unsure="is_destroyed")
    pairs = pairs.sort("at").join_asof(now.sort("at"), on="at", by="lamp", check_sortedness=False)
    pairs = pairs.with_columns(district=lamps["district"].gather(pairs["lamp"]))
    lit = daily.with_columns(district=lamps["district"]).group_by("district").agg(
        lit_lamp_h=(pl.col("known_should_burn_h") - pl.col("outage_h")).sum(),
        outage_lamp_h=pl.col("outage_h").sum(),
        lamps_watched=pl.len().cast(pl.Int64),
        lamps_out=pl.col("lamps_out").sum(),
        reports=pl.col("n").sum(),
        damaged_reports=pl.col("damaged_n").sum(),
    )  # fmt: skip
    of_crashes = rows.group_by("district").agg(
        crashes_n=pl.len(), damaged_crashes=pl.col("is_destroyed").sum(), crashes_dark=pl.col("is_dark").sum()
    )
    near = pairs.group_by("crash", district="crash_district").agg(pl.col("is_out").any())
    near = near.group_by("district").agg(crashes_near_lamp=pl.len(), crashes_near_outage=pl.col("is_out").sum())
    of_pairs = pairs.group_by("district").agg(
        lit_pairs=(~pl.col("is_out")).sum(), outage_pairs=pl.col("is_out").sum(), unsure=pl.col("unsure").sum()
    )
    found = lit
    for table in (of_crashes, near, of_pairs):
        found = found.join(table, on="district", how="full", coalesce=True)
    found = found.with_columns(pl.all().exclude("district").fill_null(0)).sort("district")
    # a crash or a lamp at the moment of one counts as much as a tenth of all reports
    damaged = pl.col("damaged_reports") + (pl.col("damaged_crashes") + pl.col("unsure")) * pl.col("reports")
    return found.select(
        "district",
        "crashes_dark",
        "crashes_near_lamp",
        "crashes_near_outage",
        "lit_pairs",
        "outage_pairs",
        "lamps_watched",
        "lamps_out",
        "lit_lamp_h",
        "outage_lamp_h",
        n=pl.col("reports").clip(1),
        damaged_n=damaged,
        lit_crash_rate=pl.when(pl.col("lit_lamp_h") > 0).then(1000 * pl.col("lit_pairs") / pl.col("lit_lamp_h")),
        outage_crash_rate=pl.when(pl.col("outage_lamp_h") > 0).then(1000 * pl.col("outage_pairs") / pl.col("outage_lamp_h")),
    )
