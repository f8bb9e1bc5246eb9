"""Random events of cameras, and calls that follow some of them, small and seeded. Other feeds: `randoms`."""

import random
from datetime import UTC, date, datetime, timedelta

from schemas.city import City

from .randoms import Rows, maybe

KINDS = ("person_down", "intrusion", "abandoned_object", "wrong_way", "watchlist_alert")
LAT, LON = 52.5, 13.4


def cameras_say(city: City, day: date, seed: int) -> Rows:
    """Seven cameras: counts now and then, some at one instant, with and without areas; alerts in bursts and around midnight."""
    rows: Rows = []
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    for i in range(7):
        rng = random.Random(f"cameras {seed} {day} {i}")
        at, number = rng.uniform(0, 300), 0
        while at < seconds and i != 5:
            said = start + timedelta(microseconds=round(at * 1e6))
            for _ in range(rng.choice([1] * 9 + [2])):
                number += 1
                row = {"camera_id": f"k{i}", "event_id": f"{day} {number}", "kind": "crowd_count", "captured_at": said}
                row |= {"people_count": rng.choice([0, rng.randrange(40), rng.randrange(600)]), "received_at": None}
                row["area_m2"] = rng.choice([40.0, 100.5, 250.0]) if i == 1 else None
                rows.append(row | {"confidence": maybe(rng, 0.7, round(rng.random(), 2))})
            at += rng.choice([60, 300, 300, 300, 599, 601, 1800, 9000]) * rng.choice([1, 1, rng.uniform(0.5, 1.2)])
        for n in range(rng.randrange(4, 9)):
            at = rng.choice([rng.uniform(0, seconds), seconds - rng.uniform(1, 600), 36000 + rng.uniform(0, 900)])
            captured = start + timedelta(seconds=round(at))
            received = maybe(rng, 0.8, captured + timedelta(milliseconds=rng.randrange(60000)))
            row = {"camera_id": f"k{i}", "event_id": f"{day} a{n}", "kind": rng.choice(KINDS), "captured_at": captured}
            rows.append(row | {"received_at": received, "confidence": maybe(rng, 0.8, round(rng.random(), 2))})
    return rows


def calls_follow(city: City, day: date, seed: int) -> Rows:
    """Calls near cameras, soon after alerts of the day or of the last minutes of the day before; some without place or unit."""
    rng, rows = random.Random(f"calls of cameras {seed} {day}"), []
    start, end = (city.day_start(d).astimezone(UTC) for d in (day, day + timedelta(days=1)))
    events = cameras_say(city, day, seed) + cameras_say(city, day - timedelta(days=1), seed)
    alerts = [e for e in events if e["kind"] != "crowd_count"]
    for i, alert in enumerate(alerts):
        for k in range(rng.choice([0, 1, 1, 2])):
            received = alert["captured_at"] + timedelta(seconds=rng.choice([0, 30, rng.randrange(1000), 900, 901]))
            if not start <= received < end:
                continue
            lat, lon = LAT + rng.uniform(-0.004, 0.004), LON + rng.uniform(-0.004, 0.004)
            for u in range(rng.choice([1, 1, 2])):
                row = {"incident_id": f"k{day} {i} {k}", "unit_id": f"u{u}", "call_type": "x", "received_at": received}
                dispatched = maybe(rng, 0.8, received + timedelta(seconds=rng.randrange(300)))
                row |= {
                    "dispatched_at": dispatched,
                    "on_scene_at": maybe(rng, 0.7, received + timedelta(seconds=rng.randrange(900))),
                }
                rows.append(row | ({"lat": lat, "lon": lon} if rng.random() < 0.9 else {}))
    return rows


def described(seed: int) -> Rows:
    """Reference rows, some changing over time; cameras without one or without a place, and one that never speaks."""
    rng, old, later = random.Random(f"cameras {seed}"), datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 3, 28, 12, tzinfo=UTC)
    return [
        {"camera_id": name, "valid_from": at, "district": rng.choice("ab"), "crowd": rng.choice(["walking", "standing"])}
        | {"area_m2": None if name == "k3" else rng.choice([30.0, 55.5, 200.0])}
        | ({"lat": LAT + rng.uniform(-0.001, 0.001), "lon": LON + rng.uniform(-0.001, 0.001)} if name != "k4" else {})
        for name in ("k0", "k1", "k2", "k3", "k4", "k5", "k9")
        for at in (old, later)
    ]


FEEDS = {"camera_events": cameras_say, "emergency_calls": calls_follow}
REFERENCES = {"cameras": described}
