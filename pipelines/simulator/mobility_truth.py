"""What the lake's metrics should say of car parks, bikes, buses, routes and signals, in the metrics' own columns.

Computed from what happened, never from the wire. `damaged_n` of `n` parts of a cell were hit by a fault.
"""

import polars as pl

from pipelines.simulator import truth
from pipelines.simulator.sent import instant

BOOKS = (pl.len().alias("n"), pl.col("is_destroyed").sum().alias("damaged_n"))


def _hour(start: int) -> pl.Expr:
    return (start + (pl.col("at") - start) // 3600 * 3600).alias("bin_s")


def bikes(truth: pl.DataFrame, stations: pl.DataFrame, start: int) -> dict[str, pl.DataFrame]:
    """`bike_availability` of one day, from every minute of every station."""
    hours = truth.group_by("station", _hour(start), maintain_order=True).agg(
        *BOOKS,
        empty_min=(pl.col("bikes") == 0).sum().cast(pl.Float64),
        full_min=(pl.col("docks") == 0).sum().cast(pl.Float64),
        vehicle_h=pl.col("bikes").sum() / 60,
        dock_h=pl.col("docks").sum() / 60,
        empty_share=(pl.col("bikes") == 0).mean(),
        full_share=(pl.col("docks") == 0).mean(),
        vehicles_mean=pl.col("bikes").mean(),
    )
    hours = hours.with_columns(station_id=stations["station_id"].gather(hours["station"]), bin_at=instant("bin_s"))
    return {"bike_availability": hours.drop("station", "bin_s")}


def crossings(flow: pl.DataFrame, sensors: pl.DataFrame, start: int) -> dict[str, pl.DataFrame]:
    """`traffic_15min`, and `traffic_hourly` of whole hours, of the detectors of crossings; what they do not say is empty."""
    tables = truth.traffic(flow, sensors, start)
    hourly = tables["traffic_hourly"].filter(pl.col("n") == 4)
    said = {"traffic_15min": tables["traffic_15min"], "traffic_hourly": hourly}
    if flow["occupancy"].null_count():
        counts = ("n", "damaged_n", "volume_veh", "flow_veh_h", "vehicle_km", "sensor_id", "bin_at")
        said = {
            k: t.with_columns(pl.lit(None, d).alias(c) for c, d in t.schema.items() if c not in counts) for k, t in said.items()
        }
    return said


def parking(truth: pl.DataFrame, parks: pl.DataFrame, start: int, step_s: int) -> dict[str, pl.DataFrame]:
    """`parking_hourly` of one day, from every minute of every car park; arrivals are net between counts `step_s` apart."""
    rows = truth.sort("facility", "at").with_columns(capacity=parks["capacity"].gather(truth.sort("facility", "at")["facility"]))
    counts = (pl.col("at") - start) % step_s == 0
    change = pl.col("occupied") - pl.col("occupied").shift(step_s // 60).over("facility")
    rows = rows.with_columns(change=pl.when(counts).then(change))
    occupied, capacity = pl.col("occupied").sum() / 60, pl.col("capacity").sum() / 60
    hours = rows.group_by("facility", _hour(start), maintain_order=True).agg(
        *BOOKS,
        counted_min=pl.len().cast(pl.Float64),
        occupied_space_h=occupied,
        capacity_space_h=capacity,
        full_min=(pl.col("occupied") >= pl.col("capacity")).sum().cast(pl.Float64),
        occupied_max=pl.col("occupied").max(),
        arrivals_veh=pl.col("change").clip(0).sum().cast(pl.Float64),
        departures_veh=(-pl.col("change")).clip(0).sum().cast(pl.Float64),
        occupied_spaces=pl.col("occupied").mean(),
        occupancy_share=occupied / capacity,
        full_share=(pl.col("occupied") >= pl.col("capacity")).mean(),
    )
    # the first change of an hour is told by the count before it
    before = pl.col("damaged_n").shift().over("facility")
    known = before.fill_null(1) == 0
    net = [pl.when(known).then(c).alias(c) for c in ("arrivals_veh", "departures_veh")]
    hours = hours.with_columns(*net, facility_id=parks["facility_id"].gather(hours["facility"]), bin_at=instant("bin_s"))
    return {"parking_hourly": hours.drop("facility", "bin_s")}


def told_minutes(minutes: pl.DataFrame, reports: pl.DataFrame, device: str) -> pl.DataFrame:
    """Every minute, destroyed where the last report tells nothing of it, or a lie.

    Args:
        reports: `device`, `at`, `is_destroyed` of what was reported, or was due.
    """
    last = reports.select(device, "at", "is_destroyed").sort("at")
    told = minutes.sort("at").join_asof(last, on="at", by=device, strategy="backward", check_sortedness=False)
    return told.with_columns(pl.col("is_destroyed").fill_null(True))


PERIOD_STARTS = {"weekday_am": (6, 10), "weekday_midday": (10, 16), "weekday_pm": (16, 20)}
LEAST_QUARTERS, LEAST_SHARE = 20, 0.1
"""Packaged thresholds travel_time_min_quarters and travel_time_min_coverage_share."""


def reliability(driven: pl.DataFrame, routes: pl.DataFrame, zone: str) -> pl.DataFrame:
    """`travel_time_reliability` of all days driven: route, at, travel_time_s, is_destroyed; one voice a quarter of an hour."""
    local = instant("at").dt.convert_time_zone(zone)
    quarters = driven.with_columns(local=local).group_by("route", quarter=pl.col("at") // 900, maintain_order=True).agg(
        *BOOKS, pl.col("local").first(), total=pl.col("travel_time_s").sum(), mean=pl.col("travel_time_s").mean()
    )  # fmt: skip
    value = pl.col("mean")
    cells = (
        quarters.with_columns(period=_period(pl.col("local")), event_date=pl.col("local").dt.date().dt.month_start())
        .group_by("event_date", "route", "period", maintain_order=True)
        .agg(
            pl.col("n", "damaged_n").sum(),
            quarters=pl.len(),
            travel_time_sum_s=pl.col("total").sum(),
            quarter_mean_sum_s=value.sum(),
            mean_s=value.mean(),
            **{f"p{q}_s": value.quantile(q / 100, "linear") for q in (50, 80, 95)},
        )
    )
    cells = cells.join(_expected(cells, zone), on=["event_date", "period"], maintain_order="left")
    free = routes["free_flow_s"].round(1).gather(cells["route"])
    carried = (pl.col("quarters") >= LEAST_QUARTERS) & (pl.col("quarters") >= LEAST_SHARE * pl.col("expected"))
    cells = cells.with_columns(
        travel_time_index=pl.col("mean_s") / free,
        planning_time_index=pl.col("p95_s") / free,
        buffer_index=(pl.col("p95_s") - pl.col("mean_s")) / pl.col("mean_s"),
        lottr=pl.when(pl.col("period") != "overnight").then(pl.col("p80_s") / pl.col("p50_s")),
    )
    ratios = [c for c in cells.columns if c.endswith(("_index", "lottr")) or c in ("mean_s", "p50_s", "p80_s", "p95_s")]
    cells = cells.with_columns(pl.when(carried).then(c).alias(c) for c in ratios)
    return cells.with_columns(route_id=routes["route_id"].gather(cells["route"])).drop("route", "expected")


def _period(local: pl.Expr) -> pl.Expr:
    hour = local.dt.hour()
    out = pl.when((hour < 6) | (hour >= 20)).then(pl.lit("overnight")).when(local.dt.weekday() > 5).then(pl.lit("weekend"))
    for name, (begins, ends) in PERIOD_STARTS.items():
        out = out.when(hour.is_between(begins, ends, closed="left")).then(pl.lit(name))
    return out


def _expected(cells: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Quarters there are of each period in the months of the cells."""
    months = cells.select("event_date").unique()
    ends = months.with_columns(until=pl.col("event_date").dt.month_end().dt.offset_by("1d"))
    at = ends.select(
        "event_date",
        local=pl.datetime_ranges(
            pl.col("event_date").cast(pl.Datetime("us")).dt.replace_time_zone(zone),
            pl.col("until").cast(pl.Datetime("us")).dt.replace_time_zone(zone), "15m", closed="left",
        ),
    )  # fmt: skip
    return at.explode("local").group_by("event_date", period=_period(pl.col("local"))).agg(expected=pl.len())
