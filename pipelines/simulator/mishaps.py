"""What goes wrong in the simulated city itself: roads that are blocked, feeders that draw too much.

Faults of devices and lines are in faults.py; which alerts should come of it all is said in alert_truth.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator.alert_truth import limits
from pipelines.simulator.households import HEADROOM, shapes
from schemas.city import City

INCIDENTS_PER_PAIR, LEAST_INCIDENTS = 0.1, 2
QUEUE_GROWS_KMH = 12.0
BY_THE_MINUTE_S = 60
OVERLOADED_SHARE = 0.12


def _hour(city: City, at: int) -> float:
    local = pl.from_epoch(pl.Series([at]), "s").dt.replace_time_zone("UTC").dt.convert_time_zone(city.zone)
    return float((local.dt.hour() + local.dt.minute() / 60)[0])


def incidents(
    rng: np.random.Generator, city: City, sensors: pl.DataFrame, start: int, end: int, per_pair: float = INCIDENTS_PER_PAIR
) -> pl.DataFrame:
    """Incidents of a day [start, end), epoch seconds, that block lanes for 20 to 40 minutes by day.

    Each lies between two neighbours on a road without signals that both report by the minute: detectors could not tell
    the others from a red light, or from nothing.

    Args:
        per_pair: incidents a day for each such pair.

    Returns:
        upstream, downstream (rows of `sensors`), start_s, queue_s (it reaches the detector), end_s, clear_s,
        let_through (share of the demand), crawl_kmh.
    """
    along = sensors.with_row_index("upstream").sort("chain", "road_km", maintain_order=True)
    pairs = along.with_columns(
        downstream=pl.col("upstream").shift(-1).over("chain"),
        spacing_km=pl.col("road_km").shift(-1).over("chain") - pl.col("road_km"),
        next_interval_s=pl.col("interval_s").shift(-1).over("chain"),
    ).filter(
        (pl.col("interval_s") <= BY_THE_MINUTE_S)
        & (pl.col("next_interval_s") <= BY_THE_MINUTE_S)
        & (pl.col("free_flow_kmh") >= limits()["incident_free_flow_min_kmh"])
    )
    n = min(pairs.height, max(LEAST_INCIDENTS, round(per_pair * pairs.height)))
    chosen = pairs[np.sort(rng.permutation(pairs.height)[:n])]
    midnight = start - round(_hour(city, start) * 3600)
    began = midnight + rng.integers(6 * 3600 + 1800, 19 * 3600, n)
    ended = np.minimum(began + rng.integers(20 * 60, 41 * 60, n), end - 1)
    delay = (chosen["spacing_km"].to_numpy() * rng.uniform(0.1, 0.6, n) / QUEUE_GROWS_KMH * 3600).astype(np.int64)
    return pl.DataFrame(
        {
            "upstream": chosen["upstream"].cast(pl.Int64),
            "downstream": chosen["downstream"].cast(pl.Int64),
            "start_s": began,
            "queue_s": began + delay,
            "end_s": ended,
            "clear_s": ended + delay,
            "let_through": rng.uniform(0.4, 0.65, n),
            "crawl_kmh": rng.uniform(7, 16, n),
        }
    )


def overloads(rng: np.random.Generator, city: City, meters: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """Feeders that draw more than they are rated for during one to three hours of a day: feeder_id, start_s, end_s, factor."""
    names = meters["feeder_id"].unique(maintain_order=True)
    n = min(len(names), max(1, round(OVERLOADED_SHARE * len(names))))
    chosen = names.gather(np.sort(rng.permutation(len(names))[:n]))
    slots = np.arange(start, end, 1800)
    hours = np.array([_hour(city, int(s)) for s in slots]) + 0.25
    kind, mean = meters["kind"].to_numpy(), meters["mean_kw"].to_numpy()
    rows = []
    for name in chosen:
        of = (meters["feeder_id"] == name).to_numpy()
        usual = (shapes(hours, 1)[:, kind[of]] * mean[of]).sum(axis=1)
        busy = np.flatnonzero(usual[:-6] > 0.7 * usual.max())
        first = int(rng.choice(busy))
        length = int(rng.integers(2, 7))
        factor = HEADROOM * usual.max() * rng.uniform(1.1, 1.5) / usual[first : first + length].mean()
        rows.append((name, int(slots[first]), int(slots[first]) + length * 1800, float(factor)))
    return pl.DataFrame(rows, schema=["feeder_id", "start_s", "end_s", "factor"], orient="row")
