"""What the lake's metrics should say of the buses, in the metrics' own columns: from when they were at their stops.

A visit is damaged where what was said of it, or of the bus before, was hit by a fault.
"""

import polars as pl

from pipelines.simulator.buses import DWELL_S, STOPS
from pipelines.simulator.sent import instant
from pipelines.simulator.timetable_file import TIMEPOINTS
from pipelines.simulator.transit_entities import IN_TRANSIT_TO

EARLY_S, LATE_S, LONGEST_S, BUNCHED, NEAR_S = 60, 300, 7200, 0.5, 120
"""Packaged thresholds transit_early_max_s, _late_max_s, _headway_max_s, _bunched_share and _gap_max_s."""
PLACE = ("line", "direction", "stop_id")


def tables(visits: pl.DataFrame, lines: pl.DataFrame, zone: str) -> dict[str, pl.DataFrame]:
    """`transit_on_time` and `transit_headways` of all service days, with their `event_date`.

    Args:
        visits: `buses.ran` of every day, with `is_destroyed`.
    """
    is_last = pl.col("stop_sequence") == STOPS
    dwell = pl.when(is_last).then(0).otherwise(DWELL_S)
    # nobody says when a bus came to its last stop: half way between the last two observations, where these are near
    moving = pl.col("at").shift() + 2 * DWELL_S
    half = pl.when(pl.col("at") - moving <= NEAR_S).then((pl.col("at") + moving) // 2).otherwise("at")
    named = visits.with_columns(
        seen_s=pl.when(is_last).then(half).otherwise(pl.col("at") + dwell),
        planned_s=pl.col("due") + dwell,
        left_s=pl.col("at") + dwell,
        is_last=is_last,
        route_id=lines["route_id"].gather(visits["line"]),
        direction=pl.col("direction").cast(pl.String),
    )
    dated = _dated(named, zone)
    return {"transit_on_time": _on_time(dated), "transit_headways": _headways(dated)}


def marked(visits: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """Visits of a day with `is_destroyed`: what was said there, or on the way from there, did not come through.

    Args:
        said: what buses said, as the truth of `transit_vehicles.day`.
    """
    # on the way to a stop a bus tells that it left the one before
    of = pl.col("stop_sequence") - (pl.col("status") == IN_TRANSIT_TO)
    hit = said.filter("is_destroyed").select("trip_id", stop_sequence=of.cast(pl.Int64), is_destroyed="is_destroyed").unique()
    joined = visits.join(hit, on=["trip_id", "stop_sequence"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("is_destroyed").fill_null(False))


def _dated(visits: pl.DataFrame, zone: str) -> pl.DataFrame:
    """A visit is of the day on which it was made, and of the hour for which it was planned, within that day."""
    day = instant("seen_s").dt.convert_time_zone(zone).dt.truncate("1d")
    begins, ends = day.dt.epoch("s"), day.dt.offset_by("1d").dt.epoch("s")
    planned = pl.max_horizontal(begins, pl.min_horizontal("planned_s", ends - 1))
    return visits.with_columns(event_date=day.dt.date(), bin_s=begins + (planned - begins) // 3600 * 3600)


def _cell(*more: str) -> list[str]:
    return ["event_date", "route_id", "direction", *more, "bin_s"]


def _placed(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.with_columns(bin_at=instant("bin_s")).drop("bin_s")


def _on_time(visits: pl.DataFrame) -> pl.DataFrame:
    late = pl.col("left_s") - pl.col("planned_s")
    timed = visits.filter(pl.col("stop_sequence").is_in(TIMEPOINTS)).with_columns(
        late=late, is_early=(late < -EARLY_S) & ~pl.col("is_last"), is_late=late > LATE_S
    )
    cells = timed.group_by(_cell(), maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("is_destroyed").sum().alias("damaged_n"),
        expected_n=pl.len(),
        early_n=pl.col("is_early").sum(),
        late_n=pl.col("is_late").sum(),
        on_time_n=(~pl.col("is_early") & ~pl.col("is_late")).sum(),
        delay_sum_s=pl.col("late").sum().cast(pl.Float64),
        on_time_share=(~pl.col("is_early") & ~pl.col("is_late")).mean(),
        delay_mean_s=pl.col("late").mean(),
    )
    return _placed(cells)


def _headways(visits: pl.DataFrame) -> pl.DataFrame:
    open_ = visits.filter(~pl.col("is_last"))
    planned = open_.sort(*PLACE, "planned_s", "trip_id").with_columns(scheduled=_gap("planned_s"))
    # equal instants: in the order of the trips
    actual = planned.sort(*PLACE, "left_s", "event_date", "trip_id").with_columns(
        headway=_gap("left_s"), is_hit=pl.col("is_destroyed") | pl.col("is_destroyed").shift().over(PLACE).fill_null(False)
    )
    h, hs = pl.col("headway"), pl.col("scheduled")
    off = h - hs
    cells = actual.group_by(_cell("stop_id"), maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("is_hit").sum().alias("damaged_n"),
        visits_n=pl.len(),
        headway_sum_s=_sum(h),
        headway_square_sum_s2=_sum(h**2),
        scheduled_headway_sum_s=_sum(hs),
        bunched_n=pl.when(off.count() > 0).then((h < BUNCHED * hs).sum()),
        wait_s=_sum(h**2) / (2 * _sum(h)),
        excess_wait_s=_sum(h**2) / (2 * _sum(h)) - _sum(hs**2) / (2 * _sum(hs)),
        headway_cv=pl.when(off.count() >= 2).then(off.std(ddof=0) / hs.mean()),
    )
    return _placed(cells)


def _gap(at: str) -> pl.Expr:
    gap = (pl.col(at) - pl.col(at).shift().over(PLACE)).cast(pl.Float64)
    return pl.when(gap <= LONGEST_S).then(gap)


def _sum(value: pl.Expr) -> pl.Expr:
    return pl.when(value.count() > 0).then(value.sum())
