"""Traffic detectors of the simulated city: where they stand, and what passes them on a day.

What they send about it, and wrongly, is in traffic_flow.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator.faults import FaultRates, some
from schemas.city import City
from schemas.units import KM_PER_MILE

DISTRICTS = ("Harbour", "Old Town", "North", "East", "South", "West")
CENTRE = (52.52, 13.405)
KINDS = ("motorway", "ring", "arterial", "street")
FREE_FLOW = np.array([110.0, 80.0, 55.0, 35.0])
CAPACITY = np.array([2000.0, 1800.0, 850.0, 450.0])
"""Vehicles per hour and lane: HCM 7 base capacities for freeways, about half where signals share the time."""
ROADS = 24
WEEKDAY = np.array([1.0, 1.02, 1.03, 1.04, 1.06, 0.78, 0.62])
OFFSETS_S = np.array([437, -611, 840, -120])


def lay_out(rng: np.random.Generator, rows: int, seconds: int, rates: FaultRates) -> pl.DataFrame:
    """Detectors enough for about `rows` lane rows in `seconds`, with their faults of unit and clock."""
    usual = next((i for i in (60, 300) if rows * i >= 48 * seconds), 900)
    n = max(1, int(rows * usual / seconds) * 2)
    mix = {60: ((30, 60, 300), (0.1, 0.75, 0.15)), 300: ((300, 900), (0.85, 0.15)), 900: ((900,), (1.0,))}[usual]
    lanes = rng.choice([1, 2, 3], n, p=[0.2, 0.5, 0.3])
    interval = rng.choice(mix[0], n, p=mix[1])
    n = max(1, int(np.searchsorted(np.cumsum(lanes * seconds // interval), rows)))
    lanes, interval = lanes[:n], interval[:n]
    road, inbound = rng.integers(0, ROADS, n), rng.random(n) < 0.5
    chain = 2 * road + inbound  # detectors of one road and direction see the same traffic
    kind = (road % 4) if n > 8 else rng.integers(0, 4, n)
    angle, radius = rng.uniform(0, 2 * np.pi, n), np.sqrt(rng.random(n)) * 0.09
    district = np.where(radius < 0.03, 1, np.where(angle < 1.3, 2, (angle // 1.3).astype(int) % 5 + 1))
    district = np.where((radius > 0.06) & (angle > 5.0), 0, district)
    free = FREE_FLOW[kind] + rng.integers(-1, 2, n) * 5
    percent = some(rng, rates.percent, n)
    mph = some(rng, rates.mph, n) & ~percent
    offset = np.where(some(rng, rates.clock_offset, n), rng.choice(OFFSETS_S, n), 0)
    load = rng.beta(4, 2.2, 2 * ROADS)[chain] * 1.12 + 0.12
    laid = pl.DataFrame(
        {
            "sensor_id": [f"D{i + 1:05d}" for i in range(n)],
            "kind": ["loop"] * n,
            "road": [f"{KINDS[k].title()} {r + 1}" for k, r in zip(kind, road, strict=True)],
            "direction": np.where(inbound, "inbound", "outbound"),
            "district": [DISTRICTS[d] for d in district],
            "lanes": lanes,
            "free_flow_kmh": free,
            "segment_km": np.round(rng.uniform(0.3, 1.8, n), 2),
            "effective_length_m": np.round(rng.uniform(5.5, 7.5, n), 1),
            "lat": np.round(CENTRE[0] + radius * np.sin(angle), 5),
            "lon": np.round(CENTRE[1] + radius * np.cos(angle) * 1.6, 5),
            "speed_factor": np.where(mph, KM_PER_MILE, 1.0),
            "occupancy_factor": np.where(percent, 0.01, 1.0),
            "clock_offset_s": offset,
            "interval_s": interval,
            "capacity": CAPACITY[kind],
            "load": load * rng.lognormal(0, 0.02, n),
            "chain": chain,
            "firmware": rng.choice(["4.2.1", "4.2.1", "4.3.0", "3.9.7"], n),
        }
    )
    # each stands at the end of the stretch that it stands for
    return laid.with_columns(road_km=pl.col("segment_km").cum_sum().over("chain").round(2))


def clocks(rng: np.random.Generator, n: int, rates: FaultRates) -> np.ndarray:
    """Seconds by which the clock of each of n devices runs ahead: 0 for most."""
    return np.where(some(rng, rates.clock_offset, n), rng.choice(OFFSETS_S, n), 0)


def demand(hour: np.ndarray, weekday: int, inbound: np.ndarray) -> np.ndarray:
    """Demand over its weekday peak by local hour (rows) and detector (columns): two commuting peaks, or one leisure hump."""

    def hump(centre: float, width: float) -> np.ndarray:
        return np.exp(-0.5 * ((hour - centre) / width) ** 2)[:, None]

    night = 0.035 + 0.10 * hump(21.5, 2.0) + 0.03 * hump(0, 1.2)
    if weekday < 5:
        am, pm = np.where(inbound, 0.92, 0.62), np.where(inbound, 0.66, 0.95)
        return night + am * hump(7.9, 1.0) + 0.50 * hump(12.6, 2.6) + pm * hump(17.2, 1.5)
    return night + 0.62 * hump(14.5, 3.6) + 0.10 * hump(0.5, 1.5)


def passing(
    rng: np.random.Generator, city: City, sensors: pl.DataFrame, start: int, end: int, incidents: pl.DataFrame | None = None
) -> pl.DataFrame:
    """What passed each lane in [start, end), epoch seconds: one row per interval, as a faultless detector measures it.

    Speeds and occupancies are rounded as on the wire, in the detector's own units, and turned back by its factors, so
    that a right correction gives the truth to the last bit but one. Occupancy = count x effective length / speed over
    the interval; speed falls with flow over capacity as in the BPR curve, and breaks down at capacity.

    Args:
        incidents: what blocks roads meanwhile, as `mishaps.incidents` gives it.
    """
    indexed = sensors.with_row_index("sensor")
    bins = len(np.arange(start, end, 900))
    swing = rng.lognormal(0, 0.05, (bins, 2 * ROADS)) * rng.lognormal(0, 0.04, (1, 2 * ROADS))
    parts = [
        _interval_group(rng, city, group, int(interval[0]), start, end, swing, incidents)
        for interval, group in indexed.group_by("interval_s", maintain_order=True)
    ]
    return pl.concat(parts)


def _interval_group(
    rng: np.random.Generator,
    city: City,
    group: pl.DataFrame,
    interval: int,
    start: int,
    end: int,
    swing: np.ndarray,
    incidents: pl.DataFrame | None,
) -> pl.DataFrame:
    bins = np.arange(start, end, 900)
    local = pl.from_epoch(pl.Series(bins), "s").dt.replace_time_zone("UTC").dt.convert_time_zone(city.zone)
    hour, weekday = (local.dt.hour() + local.dt.minute() / 60).to_numpy(), local.dt.weekday()[0] - 1
    inbound = (group["direction"] == "inbound").to_numpy()
    shape = demand(hour, weekday, inbound) * WEEKDAY[weekday] * group["load"].to_numpy()
    shape *= swing[:, group["chain"].to_numpy()] * rng.lognormal(0, 0.015, shape.shape)
    jam = 1 / (1 + np.exp(-30 * (shape - 0.97)))
    flow = np.minimum(shape, 1.0) * group["capacity"].to_numpy() * (1 - 0.15 * jam)
    pace = group["free_flow_kmh"].to_numpy() / (1 + 0.15 * shape**4 + 1.7 * jam)

    lanes = group["lanes"].to_numpy()
    column = np.repeat(np.arange(group.height), lanes)
    lane = np.concatenate([np.arange(1, k + 1) for k in lanes])
    times = np.arange(start, end, interval)
    quarter = np.minimum((times - start) // 900, len(bins) - 1)
    share = 1.1 - 0.1 * lane
    veh_h, kmh = flow[quarter][:, column], pace[quarter][:, column]
    if incidents is not None:
        _block(incidents, group["sensor"].to_numpy()[column], times, veh_h, kmh)
    count = rng.poisson(veh_h * share * interval / 3600)
    spread = rng.normal(0, 0.06, count.shape) / np.sqrt(np.maximum(count, 1)) + 0.04 * (lane - 1)
    speed = np.clip(kmh * (1 + spread), 4, 190)

    factor, scale = (group[c].to_numpy()[column] for c in ("speed_factor", "occupancy_factor"))
    said_speed = np.round(speed / factor, 1)
    length = group["effective_length_m"].to_numpy()[column]
    said_occupancy = np.round(np.minimum(count * length * 3.6 / (speed * interval), 1.0) / scale, 4)
    sensor = group["sensor"].to_numpy()[column].astype(np.int32)
    shaped = count.shape
    return pl.DataFrame(
        {
            "sensor": np.broadcast_to(sensor, shaped).ravel(),
            "lane": np.broadcast_to(lane.astype(np.int8), shaped).ravel(),
            "at": np.repeat(times, len(lane)),
            "interval_s": np.full(count.size, interval, np.int32),
            "count": count.ravel().astype(np.int32),
            "said_speed": said_speed.ravel(),
            "said_occupancy": said_occupancy.ravel(),
        }
    ).with_columns(pl.when(pl.col("count") > 0).then("said_speed"))


def _block(incidents: pl.DataFrame, sensor: np.ndarray, times: np.ndarray, veh_h: np.ndarray, kmh: np.ndarray) -> None:
    """Incidents' effect on flow and speed by time (rows) and lane (columns), in place.

    Upstream vehicles crawl in a queue as fast as the open lanes let them out; downstream only these arrive, at the free speed.
    """
    for one in incidents.iter_rows(named=True):
        queue = np.ix_((times >= one["queue_s"]) & (times < one["clear_s"]), sensor == one["upstream"])
        veh_h[queue] *= one["let_through"]
        kmh[queue] = one["crawl_kmh"]
        gap = np.ix_((times >= one["start_s"]) & (times < one["end_s"]), sensor == one["downstream"])
        veh_h[gap] *= one["let_through"]
