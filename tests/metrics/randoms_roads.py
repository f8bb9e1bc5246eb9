"""Random rows of roads: a freeway by the minute, a street, and routes with travel times. Small, seeded, with gaps."""

import random
from datetime import UTC, date, datetime, timedelta

from schemas.city import City

from .randoms import Rows, maybe

FREEWAY = {"f0": 1.0, "f1": 1.6, "f2": 2.5, "f3": 5.0, "f4": 5.5}
"""Detectors by kilometre: f2 and f3 are too far apart to be neighbours; f0 gains thresholds of its own."""


def freeway(city: City, day: date, seed: int) -> Rows:
    """Two hours by the minute, by lanes or carriageway, in parts of a minute too; now and then the road is blocked."""
    rng, rows = random.Random(f"freeway {seed} {day}"), []
    start = city.day_start(day).astimezone(UTC) + timedelta(hours=rng.choice([0, 7]))
    blocked = {}
    for sensor in FREEWAY:
        for _ in range(4):
            at = rng.randrange(115)
            blocked |= {(sensor, m): rng.uniform(0.2, 0.6) for m in range(at, at + rng.choice([1, 2, 4, 8]))}
    for sensor in FREEWAY:
        lanes = (0,) if sensor == "f1" else (1, 2)
        interval = 30 if sensor == "f2" else 60
        for second in range(0, 7200, interval):
            for lane in lanes:
                if rng.random() < 0.04:
                    continue
                usual = rng.choice([0.0, rng.uniform(0, 0.15)])
                share = round(min(blocked.get((sensor, second // 60), usual) * rng.uniform(0.8, 1.2), 1), 3)
                row = {"sensor_id": sensor, "lane": lane, "observed_at": start + timedelta(seconds=second)}
                rows.append(
                    row
                    | {
                        "interval_s": interval,
                        "vehicle_count": rng.randrange(30),
                        "mean_speed_kmh": None,
                        "occupancy_share": share,
                    }
                )
    return rows


def street(city: City, day: date, seed: int) -> Rows:
    """Two detectors of one road with hardly a gap: enough for peaks, at one of them by the hour on odd seeds."""
    rng, rows = random.Random(f"street {seed} {day}"), []
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    for sensor, interval in (("s0", 300), ("s1", 3600 if seed % 2 and day.day % 2 else 900)):
        for at in range(0, seconds, interval):
            if rng.random() < 0.97:
                row = {"sensor_id": sensor, "lane": 0, "observed_at": start + timedelta(seconds=at), "interval_s": interval}
                speed = maybe(rng, 0.98, round(rng.uniform(20, 60), 1))
                rows.append(
                    row | {"vehicle_count": rng.randrange(interval // 10), "mean_speed_kmh": speed, "occupancy_share": None}
                )
    return rows


def on_roads(city: City, day: date, seed: int) -> Rows:
    """All detectors of these roads."""
    return [{"observed_share": None} | r for r in [*freeway(city, day, seed), *street(city, day, seed)]]


def travel_times(city: City, day: date, seed: int) -> Rows:
    """Routes by 5 minutes and by journey, with gaps, twins at one instant and a route that hardly speaks."""
    rng, rows = random.Random(f"routes {seed} {day}"), []
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    for route, every, share in (("q0", 300, 0.8), ("q1", 400, 0.9), ("q2", 900, 0.5), ("q3", 20000, 0.5)):
        for at in range(0, seconds, every):
            for journey in range(rng.choice([0, 1, 2]) if route == "q1" else 1):
                if rng.random() < share:
                    row = {"route_id": route, "observed_at": start + timedelta(seconds=at), "journey": journey}
                    rows.append(
                        row | {"travel_time_s": round(rng.lognormvariate(5, 0.4), 1), "length_m": maybe(rng, 0.5, 2000.0)}
                    )
    return rows


def detectors(seed: int) -> Rows:
    """The detectors of both roads; one of them gained thresholds of its own."""
    old, later = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 3, 28, 12, tzinfo=UTC)
    rng = random.Random(f"freeway {seed}")
    own = {"incident_difference_min_share": 0.12, "incident_relative_difference_min": 0.6, "incident_downstream_max_share": 0.1}
    rows: Rows = []
    for sensor, km in FREEWAY.items():
        row = {
            "sensor_id": sensor,
            "valid_from": old,
            "road": "A1",
            "direction": "north",
            "district": rng.choice("ab"),
            "lanes": 2,
        }
        rows.append(row | {"free_flow_kmh": 110.0, "segment_km": 0.5, "road_km": km})
    rows += [
        {"sensor_id": s, "valid_from": old, "road": "B2", "lanes": 1, "free_flow_kmh": 50.0, "segment_km": 0.4}
        for s in ("s0", "s1")
    ]
    return [*rows, *(r | own | {"valid_from": later} for r in rows if r["sensor_id"] == "f0")]


def routes(seed: int) -> Rows:
    """Reference rows: one route without a free flow, one that is not known."""
    old, later = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 3, 28, 12, tzinfo=UTC)
    rng = random.Random(f"routes {seed}")
    row = {"road": "A1", "length_m": 2000.0}
    return [
        row | {"route_id": route, "valid_from": at, "district": rng.choice("ab"), "free_flow_s": rng.choice(flow)}
        for route, flow in (("q0", [100.0]), ("q1", [80.0, 90.0]), ("q2", [None]))
        for at in (old, later)
    ]


FEEDS = {"traffic_flow": on_roads, "travel_time": travel_times}
REFERENCES = {"sensors": detectors, "routes": routes}
