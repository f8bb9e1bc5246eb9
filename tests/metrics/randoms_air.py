"""Random measurements of air and noise, small, seeded, with gaps and odd intervals. Other feeds: `randoms`."""

import random
from datetime import UTC, date, datetime, timedelta

from schemas.city import City

from .randoms import Rows, maybe

COLUMNS = ("pm2_5_ug_m3", "pm10_ug_m3", "no2_ug_m3", "o3_ug_m3", "noise_dba")
HIGH = (60, 110, 260, 260, 100)


def stations_say(city: City, day: date, seed: int) -> Rows:
    """Stations that say all at once, a stream a quantity, by minutes, by the day; on no grid, overlapping, across midnight."""
    rows: Rows = []
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    plan = {"q0": (3600, COLUMNS), "q1": (900, COLUMNS[2:4]), "q2": (86400, COLUMNS[:2]), "q3": (600, COLUMNS[4:])}
    plan |= {"q4": (3600, COLUMNS[3:4]), "q5": (3600, COLUMNS)}
    for station, (usual, columns) in plan.items():
        rng = random.Random(f"air {seed} {day} {station}")
        for by in columns if station == "q1" else ("station",) if station != "q5" else ("station", "other"):
            at = rng.choice([0, 0, -usual // 2])
            level = rng.random()
            while at < seconds:
                interval = rng.choice([usual] * 8 + [usual // 2, 5400 if usual < 86400 else usual])
                ended = start + timedelta(seconds=at + interval)
                values = {
                    c: rng.choice([0.0, round(level * rng.uniform(0, 2) * high, 1)])
                    for c, high in zip(COLUMNS, HIGH, strict=True)
                }
                said = {c: maybe(rng, 0.9, values[c]) for c in ((by,) if by in columns else columns)}
                # a day is of what begins on it
                if rng.random() < 0.93 and at >= 0 and any(v is not None for v in said.values()):
                    row = {"station_id": station, "observed_at": ended, "said_by": by, "interval_s": interval}
                    rows.append(row | said | {"_corrections": maybe(rng, 0.01, "clock -60 s")})
                at += rng.choice([interval] * 12 + [interval // 2, 3 * interval])
    return rows


def described(seed: int) -> Rows:
    """Reference rows, some changing over time; stations without one, and one that never speaks."""
    rng, old, later = random.Random(f"air {seed}"), datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 3, 28, 12, tzinfo=UTC)
    return [
        {"station_id": name, "valid_from": at, "district": rng.choice("ab"), "site": rng.choice(["traffic", "background"])}
        for name in ("q0", "q1", "q4", "q9")
        for at in (old, later)
    ]


FEEDS = {"air_quality": stations_say}
REFERENCES = {"air_stations": described}
