"""What the lake's metrics should say: the simulated city's truth, in the metrics' own columns.

Computed from the true events, never from the wire. `damaged_n` of `n` rows in a cell were destroyed by a fault.
"""

from datetime import date

import polars as pl

from pipelines.simulator.sent import instant

PHASES = {
    "call_processing": ("received_at", "dispatched_at"),
    "turnout": ("dispatched_at", "en_route_at"),
    "travel": ("en_route_at", "on_scene_at"),
    "total": ("received_at", "on_scene_at"),
}
BOOKS = (pl.len().alias("n"), pl.col("is_destroyed").sum().alias("damaged_n"))


def _binned(start: int, width: int) -> pl.Expr:
    return start + (pl.col("at") - start) // width * width


def _sum_or_null(value: pl.Expr) -> pl.Expr:
    """A sum that is null, not 0, where nothing was observed: no vehicles, no speed."""
    return pl.when(value.count() > 0).then(value.sum())


def traffic(truth: pl.DataFrame, sensors: pl.DataFrame, start: int) -> dict[str, pl.DataFrame]:
    """`traffic_15min` and `traffic_hourly` of one day; formulas as in schemas/metrics/traffic_15min.py."""
    at_sensor = sensors.select("sensor_id", "segment_km", "free_flow_kmh", "effective_length_m")
    summed = truth.group_by("sensor_id", bin_s=_binned(start, 900), maintain_order=True).agg(
        *BOOKS,
        volume_veh=pl.col("count").sum().cast(pl.Float64),
        speed_weight=_sum_or_null(pl.col("count").cast(pl.Float64).filter(pl.col("speed").is_not_null())),
        speed_sum_kmh=_sum_or_null(pl.col("count") * pl.col("speed")),
        slowness_sum_h_km=_sum_or_null(pl.col("count") / pl.col("speed")),
        occupied_s=(pl.col("occupancy") * pl.col("interval_s")).sum(),
        occupancy_observed_s=pl.col("interval_s").sum().cast(pl.Float64),
    )
    # nothing travelled takes no time
    quarters = (
        _ratios(summed.join(at_sensor, on="sensor_id", how="left", maintain_order="left"), 4)
        .with_columns(vehicle_h=(pl.col("vehicle_km") / pl.col("space_mean_speed_kmh")).fill_null(0.0))
        .with_columns(delay_veh_h=(pl.col("vehicle_h") - pl.col("vehicle_km") / pl.col("free_flow_kmh")).clip(0))
    )
    parts = ("volume_veh", "occupied_s", "occupancy_observed_s", "vehicle_h", "delay_veh_h")
    speeds = ("speed_weight", "speed_sum_kmh", "slowness_sum_h_km")
    hours = quarters.group_by("sensor_id", bin_s=start + (pl.col("bin_s") - start) // 3600 * 3600, maintain_order=True).agg(
        pl.col("n", "damaged_n", *parts).sum(),
        *(_sum_or_null(pl.col(c)) for c in speeds),
        pl.col("segment_km", "free_flow_kmh", "effective_length_m").first(),
        peak_hour_factor=pl.col("volume_veh").sum() / (4 * pl.col("volume_veh").max()),
    )
    hourly = _ratios(hours, 1).with_columns(pl.col("peak_hour_factor").fill_nan(None))
    return {"traffic_15min": _placed(quarters), "traffic_hourly": _placed(hourly), "traffic_daily": _roads(hourly, sensors)}


def _roads(hourly: pl.DataFrame, sensors: pl.DataFrame) -> pl.DataFrame:
    """`traffic_daily` of one day: sums over the hours of a road's detectors. A few hours resent carry no ratio."""
    hours = hourly.join(sensors.select("sensor_id", "road"), on="sensor_id", maintain_order="left")
    busiest = (
        hours.group_by("road", "bin_s").agg(pl.col("volume_veh").sum()).group_by("road").agg(peak=pl.col("volume_veh").max())
    )
    parts = ("volume_veh", "speed_weight", "speed_sum_kmh", "slowness_sum_h_km", "occupied_s", "occupancy_observed_s")
    roads = hours.group_by("road", maintain_order=True).agg(
        pl.col("n", "damaged_n", *parts, "vehicle_km", "vehicle_h", "delay_veh_h").sum(),
        sensors=pl.col("sensor_id").n_unique(),
        is_whole=pl.len() > 22 * pl.col("sensor_id").n_unique(),
    )
    ratios = {
        "peak_hour_veh": pl.col("peak"),
        "peak_hour_share": pl.col("peak") / pl.col("volume_veh"),
        "space_mean_speed_kmh": pl.col("speed_weight") / pl.col("slowness_sum_h_km"),
        "time_mean_speed_kmh": pl.col("speed_sum_kmh") / pl.col("speed_weight"),
        "occupancy_share": pl.col("occupied_s") / pl.col("occupancy_observed_s"),
    }
    joined = roads.join(busiest, on="road", maintain_order="left")
    return joined.with_columns(pl.when("is_whole").then(v).alias(k) for k, v in ratios.items()).drop("peak", "is_whole")


def _ratios(frame: pl.DataFrame, bins_per_hour: int) -> pl.DataFrame:
    moved = pl.col("speed_weight") > 0
    return frame.with_columns(
        flow_veh_h=bins_per_hour * pl.col("volume_veh"),
        vehicle_km=pl.col("volume_veh") * pl.col("segment_km"),
        space_mean_speed_kmh=pl.when(moved).then(pl.col("speed_weight") / pl.col("slowness_sum_h_km")),
        time_mean_speed_kmh=pl.when(moved).then(pl.col("speed_sum_kmh") / pl.col("speed_weight")),
        occupancy_share=pl.col("occupied_s") / pl.col("occupancy_observed_s"),
    ).with_columns(
        density_veh_km=pl.col("flow_veh_h") / pl.col("space_mean_speed_kmh"),
        density_occupancy_veh_km=1000 * pl.col("occupancy_share") / pl.col("effective_length_m"),
    )


def _placed(frame: pl.DataFrame) -> pl.DataFrame:
    dropped = [c for c in ("segment_km", "free_flow_kmh", "effective_length_m", "bin_s") if c in frame.columns]
    return frame.with_columns(bin_at=instant("bin_s")).drop(dropped)


def energy(truth: pl.DataFrame, meters: pl.DataFrame, start: int, end: int) -> dict[str, pl.DataFrame]:
    """`energy_load_30min` and `energy_daily` of one day; formulas as in schemas/metrics/energy_daily.py."""
    index = truth["meter"]
    rows = truth.with_columns(
        meter_class=meters["meter_class"].gather(index), district=meters["district"].gather(index), direction=pl.lit("delivered")
    )
    cell = ["meter_class", "district", "direction"]
    halves = rows.group_by(*cell, bin_s=_binned(start, 1800), maintain_order=True).agg(
        *BOOKS,
        meters=pl.len(),
        energy_kwh=pl.col("energy_kwh").sum(),
        estimated_kwh=pl.col("energy_kwh").filter(pl.col("is_estimated")).sum(),
        load_kw=pl.col("energy_kwh").sum() / 0.5,
    )
    peaks = rows.group_by(*cell, "meter", maintain_order=True).agg(peak=pl.col("energy_kwh").max() / 0.5)
    hours = (end - start) / 3600
    daily = halves.group_by(cell, maintain_order=True).agg(
        pl.col("n", "damaged_n", "energy_kwh", "estimated_kwh").sum(),
        meters=pl.col("meters").max(),
        peak_kw=pl.col("load_kw").max(),
        base_load_kw=pl.col("load_kw").quantile(0.05, "linear"),
    )
    summed = peaks.group_by(cell).agg(sum_of_peaks_kw=pl.col("peak").sum())
    daily = daily.join(summed, on=cell, maintain_order="left").with_columns(
        load_factor=pl.col("energy_kwh") / (pl.col("peak_kw") * hours),
        coincidence_share=pl.col("peak_kw") / pl.col("sum_of_peaks_kw"),
        diversity_factor=pl.col("sum_of_peaks_kw") / pl.col("peak_kw"),
    )
    return {"energy_load_30min": _placed(halves), "energy_daily": daily}


def response(truth: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """`response_times_daily` of one day: per incident the unit that arrived first."""
    return {"response_times_daily": _responses(incidents(truth), ["district", "priority"])}


def incidents(truth: pl.DataFrame) -> pl.DataFrame:
    """A row for each incident: its phases by the unit that arrived first; `is_spoilt` where a fault destroyed a row of it."""
    spoilt = pl.col("is_destroyed") & ~pl.col("is_place_wrong")
    return (
        truth.with_columns(is_spoilt=spoilt.any().over("incident_id"))
        .sort("on_scene_at", nulls_last=True, maintain_order=True)
        .unique("incident_id", keep="first", maintain_order=True)
        .with_columns((pl.col(b) - pl.col(a)).alias(name) for name, (a, b) in PHASES.items())
    )


def _responses(of: pl.DataFrame, cell: list[str]) -> pl.DataFrame:
    return of.sort(cell).group_by(cell, maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("is_spoilt").sum().alias("damaged_n"),
        pl.col("on_scene_at").is_not_null().mean().alias("coverage_share"),
        *(pl.col(p).count().alias(f"{p}_n") for p in PHASES),
        *(_sum_or_null(pl.col(p)).cast(pl.Float64).alias(f"{p}_sum_s") for p in PHASES),
        *(pl.col(p).quantile(q / 100, "linear").alias(f"{p}_p{q}_s") for p in PHASES for q in (50, 90)),
    )  # fmt: skip


def months_of_calls(called: pl.DataFrame, people: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """`response_times_monthly`, and `incident_rates` of districts, of all calls.

    Args:
        called: `incidents` of all days, with `event_date`.
        people: district, population.
    """
    rows = called.with_columns(pl.col("event_date").dt.month_start())
    every = pl.concat([rows, rows.with_columns(call_type=pl.lit("all"))])
    counted = every.group_by("event_date", "call_type", area="district").agg(
        pl.len().alias("n"), pl.col("is_spoilt").sum().alias("damaged_n")
    )
    days = pl.col("event_date").dt.month_end().dt.day()
    rates = counted.join(people.select(area="district", population="population"), on="area").with_columns(
        area_kind=pl.lit("district"), population=pl.col("population").cast(pl.Float64), population_d=pl.col("population") * days
    )  # fmt: skip
    cell = ["event_date", "district", "priority"]
    return {
        "response_times_monthly": _responses(rows, cell),
        "incident_rates": rates.sort("event_date", "area", "call_type"),
    }


EXCEEDED = (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Points of the load duration curve."""


def load_duration(halves: pl.DataFrame, first: date) -> pl.DataFrame:
    """`energy_load_duration` of the months from that of `first` on: what the half hours of a few days add up to.

    Args:
        halves: `energy_load_30min` of all days.
    """
    month = pl.col("event_date").dt.month_start()
    cell = ["event_date", "meter_class", "district", "direction"]
    # half hours of a few meters that were told weeks later may be too few to carry a load
    late = pl.col("event_date") < first
    curves = halves.group_by(month, *cell[1:], maintain_order=True).agg(
        pl.col("n").sum(),
        damaged_n=pl.when(late.any()).then(pl.col("n").sum()).otherwise(pl.col("damaged_n").sum()),
        half_hours=pl.len().cast(pl.Int64),
        energy_kwh=pl.col("energy_kwh").sum(),
        estimated_kwh=pl.col("estimated_kwh").sum(),
    )
    points = pl.DataFrame({"exceedance_share": EXCEEDED}, schema={"exceedance_share": pl.Float64})
    return curves.filter(pl.col("event_date") >= first.replace(day=1)).join(points, how="cross")
