"""Routes of the simulated city and what it takes to drive them: the speeds at their detectors, end to end.

What is sent about it, and wrongly, is in travel_time.py.
"""

import numpy as np
import polars as pl

ROUTES, LONGEST = 10, 8
STEP_S = 300


def lay_out(sensors: pl.DataFrame, n: int = ROUTES) -> pl.DataFrame:
    """The longest chains of detectors along one road and direction as routes.

    Returns:
        route_id, name, district, length_m, free_flow_s, stretches (rows of `sensors`).
    """
    along = sensors.with_row_index("sensor").sort("chain", "road_km", maintain_order=True)
    along = along.with_columns(pl.col("sensor").cast(pl.Int64))
    routes = (
        along.group_by("chain", maintain_order=True)
        .head(LONGEST)
        .group_by("chain", maintain_order=True)
        .agg(
            pl.col("road", "direction", "district").first(),
            length_m=(pl.col("segment_km").sum() * 1000).round(),
            free_flow_s=(pl.col("segment_km") / pl.col("free_flow_kmh") * 3600).sum(),
            stretches=pl.col("sensor"),
        )
        .sort(pl.col("stretches").list.len(), descending=True, maintain_order=True)
        .head(n)
    )
    return routes.select(
        pl.concat_str(pl.lit("R"), pl.int_range(1, routes.height + 1).cast(pl.String).str.zfill(2)).alias("route_id"),
        pl.concat_str("road", pl.lit(" "), "direction").alias("name"),
        "district", "length_m", "free_flow_s", "stretches",
    )  # fmt: skip


def driven(routes: pl.DataFrame, sensors: pl.DataFrame, traffic: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """How long each route takes who sets out every five minutes of [start, end), epoch seconds.

    Each stretch takes its length over the mean speed of the cars that its detector saw in that time; where none was
    seen, its free-flow speed.

    Args:
        traffic: what passed the detectors: sensor, at, interval_s, count, speed.

    Returns:
        route (row of `routes`), at, travel_time_s (to a tenth).
    """
    steps = (end - start) // STEP_S
    seen = (
        traffic.filter(pl.col("speed").is_not_null())
        .group_by("sensor", step=(pl.col("at") - start) // STEP_S)
        .agg(kmh=pl.col("count").sum() / (pl.col("count") / pl.col("speed")).sum())
    )
    kmh = np.broadcast_to(sensors["free_flow_kmh"].to_numpy(), (steps, sensors.height)).copy()
    kmh[seen["step"].to_numpy(), seen["sensor"].to_numpy()] = seen["kmh"].to_numpy()
    length = sensors["segment_km"].to_numpy()
    took = [np.round((length[of] / kmh[:, of]).sum(axis=1) * 3600, 1) for of in routes["stretches"].to_list()]
    return pl.DataFrame(
        {
            "route": np.repeat(np.arange(routes.height), steps),
            "at": np.tile(start + STEP_S * np.arange(steps), routes.height),
            "travel_time_s": np.concatenate(took),
        }
    )


def journeys(rng: np.random.Generator, driven: pl.DataFrame, each: int) -> pl.DataFrame:
    """`each` journeys that set out together where `driven` has one time, about as long: the place among all is `journey`."""
    alike = driven[np.repeat(np.arange(driven.height), each)]
    off = pl.Series(rng.lognormal(0, 0.05, alike.height))
    return alike.with_columns(travel_time_s=(pl.col("travel_time_s") * off).round(1))


def slowness(sensors: pl.DataFrame, traffic: pl.DataFrame, start: int, end: int) -> np.ndarray:
    """Per quarter of an hour, the city's driving time over that at free flow, by cars and what they drive."""
    at = sensors.with_row_index("sensor").select(pl.col("sensor").cast(pl.Int32), "segment_km", "free_flow_kmh")
    share = (
        traffic.filter(pl.col("speed").is_not_null())
        .join(at, on="sensor", maintain_order="left")
        .group_by(quarter=(pl.col("at") - start) // 900)
        .agg(
            took=(pl.col("count") * pl.col("segment_km") / pl.col("speed")).sum(),
            free=(pl.col("count") * pl.col("segment_km") / pl.col("free_flow_kmh")).sum(),
        )
        .sort("quarter")
    )
    out = np.ones((end - start) // 900)
    out[share["quarter"].to_numpy()] = (share["took"] / share["free"]).to_numpy()
    return out
