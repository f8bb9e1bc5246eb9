"""The air of the simulated city: what stations breathe and hear, which follows the traffic beside them.

What they send about it, and wrongly, is in air_quality.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator import districts
from pipelines.simulator.clockwork import local_hours
from pipelines.simulator.detectors import DISTRICTS, clocks
from pipelines.simulator.faults import FaultRates
from schemas.city import City

LONG_S, SHORT_S = 3600, 600
QUANTITIES = ("pm2_5_ug_m3", "pm10_ug_m3", "no2_ug_m3", "o3_ug_m3")
BESIDE_M = (8, 40)
QUIET_DBA, LOUD_DBA_PER_DECADE = 38.0, 10.0


def lay_out(rng: np.random.Generator, sensors: pl.DataFrame, n: int, rates: FaultRates) -> pl.DataFrame:
    """Stations: two of three beside a detector, whose traffic they measure; the others in the background.

    Returns:
        Columns of reference/air_stations, beside (row of `sensors`), interval_s.
    """
    beside = rng.permutation(sensors.height)[np.arange(n) % sensors.height]
    where = sensors[beside]
    lat, lon = districts.beside(rng, where["lat"].to_numpy(), where["lon"].to_numpy(), *BESIDE_M)
    is_background = np.arange(n) % 3 == 2
    return pl.DataFrame(
        {
            "station_id": [f"Q{i + 1:02d}" for i in range(n)],
            "name": [f"{d} {i + 1}" for i, d in enumerate(where["district"])],
            "site": np.where(is_background, "background", "traffic"),
            "district": pl.Series(DISTRICTS).gather(districts.district_of(lat, lon)),
            "clock_offset_s": clocks(rng, n, rates),
            "lat": lat,
            "lon": lon,
            "beside": beside.astype(np.int64),
            "interval_s": np.where(np.arange(n) % 2 == 0, LONG_S, SHORT_S),
        }
    )


def breathed(
    rng: np.random.Generator, city: City, stations: pl.DataFrame, traffic: pl.DataFrame, start: int, end: int
) -> pl.DataFrame:
    """What each station measures over the intervals that end in (start, end], epoch seconds.

    Args:
        traffic: what passed the detectors that day: sensor, at, interval_s, count.

    Returns:
        station (row), at (the interval's end), interval_s, pm2_5_ug_m3, pm10_ug_m3, no2_ug_m3, o3_ug_m3, noise_dba.
    """
    hours = len(np.arange(start, end, LONG_S))
    # what hangs in the air, and the wind that takes it away, are the whole city's
    wind = rng.lognormal(0, 0.35) * np.exp(np.cumsum(rng.normal(0, 0.08, hours)))
    parts = []
    for place, one in enumerate(stations.iter_rows(named=True)):
        rows = traffic.filter(pl.col("sensor") == one["beside"])
        hour = ((rows["at"].to_numpy() - start) // LONG_S).astype(np.int64)
        passed = np.bincount(hour, rows["count"].to_numpy(), minlength=hours)[:hours]
        near = 0.12 if one["site"] == "background" else 1.0
        step = one["interval_s"]
        at = np.arange(start + step, end + 1, step)
        of = (at - 1 - start) // LONG_S
        traffic_h, calm = near * passed[of], 1 / wind[of]
        sun = np.clip(np.sin(np.pi * (local_hours(city, at - step // 2) - 6) / 14), 0, None)
        no2 = calm * (9 + 0.035 * traffic_h) * rng.lognormal(0, 0.06, len(at))
        pm10 = calm * (14 + 0.012 * traffic_h) * rng.lognormal(0, 0.06, len(at))
        noise = QUIET_DBA + LOUD_DBA_PER_DECADE * np.log10(1 + traffic_h) + rng.normal(0, 0.6, len(at))
        parts.append(
            pl.DataFrame(
                {
                    "station": np.full(len(at), place),
                    "at": at,
                    "interval_s": np.full(len(at), step),
                    "pm2_5_ug_m3": np.round(0.55 * pm10 * rng.uniform(0.9, 1.05, len(at)), 1),
                    "pm10_ug_m3": np.round(pm10, 1),
                    "no2_ug_m3": np.round(no2, 1),
                    "o3_ug_m3": np.round(np.clip(20 + 85 * sun - 0.6 * no2, 2, None) * rng.lognormal(0, 0.04, len(at)), 1),
                    "noise_dba": np.round(noise, 1),
                }
            )
        )
    return pl.concat(parts)
