"""Emergency calls of the simulated city: when they come, and how units respond.

What the dispatch desks send about it, and wrongly, is in emergency_calls.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator import districts
from pipelines.simulator.detectors import DISTRICTS
from schemas.city import City

TYPES = ("medical", "fire", "traffic_crash", "rescue")
PRIORITIES = ("emergency", "urgent", "routine")
MEDIAN_S = {"processing": (55, 75, 140), "turnout": (62, 70, 110), "travel": (265, 340, 620)}
SPREAD = {"processing": 0.45, "turnout": 0.35, "travel": 0.42}
"""Medians by priority and lognormal spreads, near what NFPA 1710 (2020) asks for and departments report."""
BY_HOUR = np.array(
    [0.62, 0.55, 0.48, 0.42, 0.4, 0.45, 0.6, 0.85, 1.05, 1.15, 1.2, 1.25,
     1.28, 1.25, 1.25, 1.3, 1.35, 1.42, 1.38, 1.25, 1.12, 1.0, 0.88, 0.74]
)  # fmt: skip

_NONE = pl.DataFrame(
    schema={"call_at": pl.Int64, "is_urgent": pl.Boolean, "lat": pl.Float64, "lon": pl.Float64, "crash_id": pl.String}
)


def responding(
    rng: np.random.Generator, city: City, start: int, end: int, rows: float, crashes: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Units' responses to the calls received in [start, end), epoch seconds: about `rows`, one row per incident and unit.

    No two units of an incident arrive in the same second; one incident in a hundred gets no unit.

    Args:
        crashes: as `crashes.happened` gives them; those that somebody calls about are among the incidents, beside `rows`.
    """
    hours = np.arange(start, end, 3600)
    local = pl.from_epoch(pl.Series(hours), "s").dt.replace_time_zone("UTC").dt.convert_time_zone(city.zone)
    weight = BY_HOUR[local.dt.hour().to_numpy()] * np.where(local.dt.weekday()[0] > 5, 0.92, 1.03)
    usual = max(3, rng.poisson(rows / 1.55))
    received = np.sort(rng.choice(hours, usual, p=weight / weight.sum()) + rng.integers(0, 3600, usual))
    received = np.minimum(received, end - 1)
    priority = rng.choice(3, usual, p=[0.34, 0.4, 0.26])
    called = _NONE if crashes is None else crashes.filter(pl.col("call_at") < end)
    n = usual + called.height
    received = np.concatenate([received, called["call_at"].to_numpy()])
    priority = np.concatenate([priority, np.where(called["is_urgent"].to_numpy(), 0, 1)])
    phase = {
        k: np.maximum(1, np.round(np.array(m)[priority] * rng.lognormal(0, SPREAD[k], n))).astype(np.int64)
        for k, m in MEDIAN_S.items()
    }
    # now and then every unit is out, and a call waits
    phase["processing"] += np.where(rng.random(n) < 0.03, rng.integers(300, 1500, n), 0)
    district = rng.choice(len(DISTRICTS), usual, p=[0.12, 0.26, 0.18, 0.16, 0.15, 0.13])
    none = rng.random(n) < 0.01
    units = np.where(none, 1, rng.choice([1, 2, 3], n, p=[0.57, 0.31, 0.12]))
    incident = np.repeat(np.arange(n), units)
    order = np.arange(len(incident)) - np.repeat(np.cumsum(units) - units, units)
    behind = order * rng.integers(20, 200, len(incident)) + order**2 * 200
    has_unit, arrives = ~none[incident], (order == 0) | (rng.random(len(incident)) < 0.85)
    dispatched = received[incident] + phase["processing"][incident] + order * 15
    en_route = dispatched + phase["turnout"][incident]
    on_scene = en_route + phase["travel"][incident] + behind
    cleared = on_scene + rng.integers(600, 4200, len(incident))
    lat, lon = districts.somewhere(rng, district)
    unit = rng.integers(1, 25, len(incident)) + 30 * order
    call_type = rng.choice(4, usual, p=[0.7, 0.1, 0.15, 0.05])
    # the place and the type of those about crashes are the crashes'
    where = called["lat"].to_numpy(), called["lon"].to_numpy()
    lat, lon = (np.concatenate(both) for both in zip((lat, lon), where, strict=True))
    district = np.concatenate([district, districts.district_of(*where)])
    call_type = np.concatenate([call_type, np.full(called.height, TYPES.index("traffic_crash"))])
    crash_id = pl.concat([pl.Series([None] * usual, dtype=pl.String), called["crash_id"]])
    number = pl.Series(start // 86400 * 100_000 + incident).cast(pl.String)
    return pl.DataFrame(
        {
            "incident_id": pl.select(pl.concat_str(pl.lit("I"), number)).to_series(),
            "unit_id": pl.Series([*(f"U{i}" for i in range(200)), "none"]).gather(np.where(has_unit, unit, 200)),
            "call_type": pl.Series(TYPES).gather(call_type[incident]),
            "priority": pl.Series(PRIORITIES).gather(priority[incident]),
            "district": pl.Series(DISTRICTS).gather(district[incident]),
            "received_at": received[incident],
            "dispatched_at": dispatched,
            "en_route_at": en_route,
            "on_scene_at": on_scene,
            "cleared_at": cleared,
            "lat": lat[incident],
            "lon": lon[incident],
            "crash_id": crash_id.gather(incident),
            "has_unit": has_unit,
            "arrives": arrives & has_unit,
        }
    ).with_columns(
        pl.when("has_unit").then("dispatched_at"),
        pl.when("has_unit").then("en_route_at"),
        pl.when("arrives").then("on_scene_at"),
        pl.when("arrives").then("cleared_at"),
    )
