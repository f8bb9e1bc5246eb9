"""Crashes of the simulated city: when and where they happen, how bad they are, who sees them and who calls.

What the agency's table says of them is in crash_snapshots.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator import districts
from pipelines.simulator.clockwork import local_hours
from pipelines.simulator.detectors import DISTRICTS
from schemas.city import City

JAMS_BY_CRASH, SEEN_SHARE, AT_DARK_LAMP = 0.7, 0.3, 0.35
"""Share of the blocked roads that a crash has blocked; of the other crashes before a camera; of nights at a lamp that is out."""
SEEN_M, LAMP_M = (5, 60), (5, 40)
BY_HOUR = np.array(
    [0.5, 0.4, 0.35, 0.3, 0.3, 0.4, 0.7, 1.2, 1.4, 1.0, 0.9, 0.95,
     1.05, 1.1, 1.2, 1.4, 1.7, 1.9, 1.6, 1.2, 0.95, 0.8, 0.7, 0.6]
)  # fmt: skip
SEVERITIES, SHARES = ("K", "A", "B", "C", "O", "U"), (0.02, 0.06, 0.2, 0.24, 0.45, 0.03)
MODES, MODE_SHARES = ("car", "bicycle|car", "car|pedestrian", "car|truck", "bicycle"), (0.6, 0.16, 0.11, 0.08, 0.05)
BY_DISTRICT = (0.12, 0.26, 0.18, 0.16, 0.15, 0.13)
MIDNIGHT_S = 86_400


def happened(
    rng: np.random.Generator,
    city: City,
    start: int,
    end: int,
    wanted: float,
    blocked: pl.DataFrame,
    sensors: pl.DataFrame,
    cameras: pl.DataFrame,
    dark: pl.DataFrame,
) -> pl.DataFrame:
    """The crashes of a day [start, end), epoch seconds: about `wanted`, and those that block roads; sorted by time.

    Args:
        blocked: roads that are blocked, as `mishaps.incidents` gives them; most are so by a crash.
        dark: lamps that are out: lat, lon, from_s, to_s (dark hours of theirs).

    Returns:
        crash_id, at, severity, killed, injured, modes, district, lat, lon, camera (row, -1: none sees it), call_at
        (null: nobody calls).
    """
    jams = blocked.filter(pl.Series(rng.random(blocked.height) < JAMS_BY_CRASH))
    up = sensors[jams["upstream"].to_list()]
    jam_lat, jam_lon = districts.beside(rng, up["lat"].to_numpy(), up["lon"].to_numpy(), 10, 60)
    hours = np.arange(start, end, 3600)
    weight = BY_HOUR[local_hours(city, hours).astype(int)]
    n = max(4, int(rng.poisson(wanted)))
    at = rng.choice(hours, n, p=weight / weight.sum()) + rng.integers(0, 3600, n)
    lat, lon = districts.somewhere(rng, rng.choice(len(DISTRICTS), n, p=BY_DISTRICT))
    camera = np.where(rng.random(n) < SEEN_SHARE, rng.integers(0, cameras.height, n), -1)
    before = camera >= 0
    lat[before], lon[before] = districts.beside(
        rng, cameras["lat"].to_numpy()[camera[before]], cameras["lon"].to_numpy()[camera[before]], *SEEN_M
    )
    out = dark.filter(pl.Series(rng.random(dark.height) < AT_DARK_LAMP))
    out_lat, out_lon = districts.beside(rng, out["lat"].to_numpy(), out["lon"].to_numpy(), *LAMP_M)
    out_at = (out["from_s"] + (out["to_s"] - out["from_s"]) * pl.Series(rng.random(out.height))).cast(pl.Int64).to_numpy()
    rows = pl.DataFrame(
        {
            "at": np.concatenate([jams["start_s"].to_numpy(), at, out_at]).astype(np.int64),
            "lat": np.concatenate([jam_lat, lat, out_lat]),
            "lon": np.concatenate([jam_lon, lon, out_lon]),
            "camera": np.concatenate([np.full(jams.height, -1), camera, np.full(out.height, -1)]).astype(np.int64),
            "jam": np.concatenate([jams["upstream"].to_numpy(), np.full(n + out.height, -1)]).astype(np.int64),
        }
    ).filter(pl.col("at").is_between(start, end - 1))
    return _told(rng, rows.sort("at", "lat"), start)


def _told(rng: np.random.Generator, rows: pl.DataFrame, start: int) -> pl.DataFrame:
    """How bad each is, and whether and when somebody calls."""
    n = rows.height
    severity = rng.choice(len(SEVERITIES), n, p=SHARES)
    killed = (severity == 0).astype(np.int64)
    injured = np.where(severity < 4, rng.poisson(0.35, n) + (severity > 0), 0).astype(np.int64)
    calls = (severity < 4) | (rows["jam"].to_numpy() >= 0) | (rng.random(n) < 0.5)
    call_at = rows["at"].to_numpy() + rng.integers(40, 300, n)
    district = districts.district_of(rows["lat"].to_numpy(), rows["lon"].to_numpy())
    number = pl.select(pl.format("C{}", pl.lit(start // MIDNIGHT_S * 10_000) + pl.int_range(n))).to_series()
    return rows.with_columns(
        crash_id=number,
        severity=pl.Series(SEVERITIES).gather(severity),
        killed=killed,
        injured=injured,
        modes=pl.Series(MODES).gather(rng.choice(len(MODES), n, p=MODE_SHARES)),
        district=pl.Series(DISTRICTS).gather(district),
        call_at=pl.when(pl.Series(calls)).then(pl.Series(call_at)),
        is_urgent=severity < 3,
    )
