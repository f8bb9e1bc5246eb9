"""Random refined rows, small, seeded, with gaps and odd intervals. What metrics make of them is in the tests."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from schemas.city import City

Rows = list[dict[str, Any]]


def maybe(rng: random.Random, share: float, value: Any) -> Any:
    """The value with that probability, else None."""
    return value if rng.random() < share else None


def traffic(city: City, day: date, seed: int) -> Rows:
    """Six detectors: by lanes, by carriageway, both; 5, 15 and 60 minutes; without counts, without speeds."""
    rng, rows = random.Random(f"traffic {seed} {day}"), []
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    plan = {
        "d0": (300, (0,)),
        "d1": (300, (1, 2)),
        "d2": (900, (0, 1, 2)),
        "d3": (3600, (0,)),
        "d4": (300, (0,)),
        "d5": (600, (1,)),
    }
    for sensor, (interval, lanes) in plan.items():
        for lane in lanes:
            for at in range(0, seconds, interval):
                if rng.random() < 0.2 or (sensor == "d2" and lane and at > 9000):
                    continue
                count = None if sensor == "d4" else maybe(rng, 0.95, rng.choice([0, rng.randrange(1, 60)]))
                speed = None if sensor == "d5" else maybe(rng, 0.9, rng.choice([0.0, round(rng.uniform(5, 120), 1)]))
                row = {"sensor_id": sensor, "lane": lane, "observed_at": start + timedelta(seconds=at + rng.choice([0, 0, 7]))}
                row |= {"interval_s": rng.choice([interval] * 9 + [60, 3600]), "vehicle_count": count, "mean_speed_kmh": speed}
                row |= {"occupancy_share": maybe(rng, 0.8, round(rng.random() * 0.4, 3)), "observed_share": maybe(rng, 0.3, 0.5)}
                row["_corrections"] = maybe(rng, 0.01, "clock -60 s")
                if at + 10 < seconds and (count, speed, row["occupancy_share"]) != (None, None, None):
                    rows.append(row)
    return rows


def readings(city: City, day: date, seed: int) -> Rows:
    """Meters of several classes and registers; readings of 15, 30 and 60 minutes, some across midnight or estimated."""
    rng, rows = random.Random(f"readings {seed} {day}"), []
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    for m in range(7):
        for register in (("total",), ("peak", "offpeak"), ("total", "peak"))[m % 3]:
            at = rng.choice([0, 0, 450])
            while at < seconds:
                interval = rng.choice([900, 1800, 1800, 3600])
                quality = rng.choice(["valid"] * 8 + ["estimated", "missing"])
                if rng.random() < 0.93:
                    ended = start + timedelta(seconds=at + interval)
                    rows.append({"meter_id": f"m{m}", "register": register, "ended_at": ended, "interval_s": interval})
                    rows[-1] |= {
                        "energy_kwh": round(rng.random(), 3),
                        "quality": quality,
                        "direction": "received" if m == 5 else "delivered",
                    }
                at += interval
    return rows


def calls(city: City, day: date, seed: int) -> Rows:
    """Incidents with up to three units, missing instants, ties and instants out of order."""
    rng, rows = random.Random(f"calls {seed} {day}"), []
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    for i in range(60):
        received = start + timedelta(seconds=rng.randrange(seconds - 5))
        place = {"district": rng.choice("ab"), "priority": rng.choice("12"), "call_type": "x"}
        for u in range(rng.choice([1, 1, 2, 3])):
            at, row = received, {"incident_id": f"{day} {i}", "unit_id": f"u{u}", "received_at": received, **place}
            for column in ("dispatched_at", "en_route_at", "on_scene_at", "cleared_at"):
                at += timedelta(seconds=rng.choice([-20, 30, 60, 60, 200, 400]))
                row[column] = maybe(rng, 0.85, max(at, received))
            rows.append(row)
    return rows


def sensors_and_meters(seed: int) -> dict[str, Rows]:
    """Reference rows, some changing over time, one device without a row, one that never speaks."""
    rng, old = random.Random(f"reference {seed}"), datetime(2020, 1, 1, tzinfo=UTC)
    later = datetime(2026, 3, 28, 12, tzinfo=UTC)
    sensors: Rows = [
        {"sensor_id": f"d{i}", "valid_from": at, "road": f"r{i}", "district": rng.choice("ab"), "lanes": rng.choice([1, 2, None])}
        | {"free_flow_kmh": rng.choice([50.0, 70.0, None]), "segment_km": rng.choice([0.3, 0.5]), "effective_length_m": 6.5}
        for i in (0, 1, 2, 3, 4, 9)
        for at in (old, later)
    ]
    meters: Rows = [
        {"meter_id": f"m{i}", "valid_from": at, "meter_class": rng.choice(["household", "office"]), "district": rng.choice("ab")}
        for i in (0, 1, 2, 3, 4, 5)
        for at in (old, later)
    ]
    return {"reference.sensors": sensors, "reference.meters": meters}


FEEDS = {"traffic_flow": traffic, "meter_readings": readings, "emergency_calls": calls}
REFERENCES = {t: lambda seed, t=t: sensors_and_meters(seed)[f"reference.{t}"] for t in ("sensors", "meters")}
