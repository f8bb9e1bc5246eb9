"""Random vehicles on a small timetable: gaps, jumps back, two on one trip, trips that nobody planned. The oracle is in
test_transit_oracle.
"""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from schemas.city import City

from .randoms import Rows, maybe

ZONE = City("Testham", "Europe/Berlin")
DATES = [date(2026, 3, 26) + timedelta(days=i) for i in range(6)]
FIRST, SECOND = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 28, 12, tzinfo=UTC)
"""From when the two editions of the timetable hold: of the 29th on, the second."""


def noon_minus_12h(day: date) -> datetime:
    """The start of a service day."""
    noon = ZONE.day_start(day + timedelta(days=1)).astimezone(UTC) - timedelta(hours=12)
    return noon - timedelta(hours=12)


def services(seed: int) -> Rows:
    """Two services of two publishers; the first publisher has two editions."""
    rng = random.Random(f"services {seed}")
    runs: Rows = []
    for publisher, service, edition in (("a", "all", FIRST), ("a", "all", SECOND), ("b", "some", FIRST)):
        for day in DATES:
            if service == "all" or rng.random() < 0.7:
                runs.append({"service_id": service, "service_date": day, "valid_from": edition, "publisher": publisher})
                runs[-1]["starts_at"] = noon_minus_12h(day)
    return runs


def schedule(seed: int) -> Rows:
    """Trips all day and past midnight, on three routes; some stops are not timed, or no timepoints, or served twice."""
    rng = random.Random(f"schedule {seed}")
    rows: Rows = []
    for publisher, service, edition, prefix in (
        ("a", "all", FIRST, "x"),
        ("a", "all", SECOND, "x"),
        ("b", "some", FIRST, "y"),
    ):
        for number in range(24):
            at, stops = rng.randrange(300, 93600, 60), rng.choice(["ABCD", "DCBA", "ABAC", "AB"])
            direction = rng.choice([0, 1, None])
            for i, stop in enumerate(stops):
                timed = i in (0, len(stops) - 1) or rng.random() < 0.8
                row = {"trip_id": f"{prefix}{number}", "stop_sequence": i * 5 + 1, "valid_from": edition, "publisher": publisher}
                row |= {"stop_id": stop, "route_id": f"r{number % 3}", "direction_id": direction, "service_id": service}
                row |= {"arrival_s": at if timed else None, "departure_s": maybe(rng, 0.9, at + 30) if timed else None}
                rows.append(row | {"is_timepoint": rng.choice([True, None, None, False])})
                at += rng.choice([60, 180, 300])
    for edition in (FIRST, SECOND):
        for number in range(12):
            for i, stop in enumerate("AB"):
                row = {"trip_id": f"z{number}", "stop_sequence": i, "valid_from": edition, "publisher": "a", "stop_id": stop}
                row |= {"route_id": "often", "direction_id": 0, "service_id": "all"}
                rows.append(row | {"arrival_s": 36000 + 450 * number + 300 * i, "departure_s": None})
    return rows


def vehicles(city: City, day: date, seed: int) -> Rows:
    """What vehicles on those trips say on a day, and others that are in no timetable."""
    rng, start = random.Random(f"transit {seed} {day}"), city.day_start(day).astimezone(UTC)
    end = start + timedelta(seconds=city.day_seconds(day))
    rows: dict[tuple, dict[str, Any]] = {}
    planned = schedule(seed)
    trips = sorted({r["trip_id"] for r in planned})
    for trip in [*trips, *rng.sample(trips, 4), "wild 1", "wild 2"]:
        served = sorted(
            (r for r in planned if r["trip_id"] == trip and r["valid_from"] == FIRST), key=lambda r: r["stop_sequence"]
        )
        served = served or [{"stop_sequence": i, "stop_id": s} for i, s in enumerate("PQR", 1)]
        at = start + timedelta(seconds=rng.randrange(-600, city.day_seconds(day)))
        if served[0].get("arrival_s") is not None and rng.random() < 0.8:
            began = rng.choice([day, day, day - timedelta(days=1)])
            at = noon_minus_12h(began) + timedelta(seconds=served[0]["arrival_s"] + rng.randrange(-200, 400))
        vehicle, told = f"bus {rng.randrange(9)}", maybe(rng, 0.5, rng.choice([day, day - timedelta(days=1)]))
        place = 0
        for _ in range(rng.randrange(4, 40)):
            at += timedelta(seconds=rng.choice([10, 30, 60, 90, 120, 121, 300]))
            place = max(0, min(place + rng.choice([0, 0, 0, 1, 1, 2, -1]), len(served) - 1))
            stop, said = served[place], rng.random() < 0.3
            row = {"vehicle_id": vehicle, "observed_at": at, "said_by": f"trip_update {trip}" if said else "vehicle"}
            row |= {"trip_id": maybe(rng, 0.97, trip), "service_date": told, "route_id": "r9" if trip[0] == "w" else None}
            row |= {"stop_id": maybe(rng, 0.9, stop["stop_id"]), "stop_sequence": maybe(rng, 0.85, stop["stop_sequence"])}
            row |= {"delay_s": maybe(rng, 0.7, rng.randrange(-120, 500)) if said else None, "lat": None if said else 52.5}
            row |= {"lon": None if said else 13.0 + rng.randrange(9) / 100}
            row["stop_status"] = None if said else rng.choice(["stopped_at", "in_transit_to", None])
            if start <= at < end:
                rows[row["vehicle_id"], at, row["said_by"]] = row
    for number in range(12):
        at = noon_minus_12h(day) + timedelta(seconds=36000 + 450 * number)
        row = {"vehicle_id": f"bus {number % 4}", "observed_at": at, "said_by": f"trip_update z{number}", "trip_id": f"z{number}"}
        row |= {"service_date": day, "stop_id": "A", "stop_sequence": 0, "delay_s": maybe(rng, 0.9, rng.randrange(-60, 500))}
        rows[row["vehicle_id"], at, row["said_by"]] = row
    return list(rows.values())


FEEDS = {"transit_vehicles": vehicles}
REFERENCES = {"transit_services": services, "transit_schedule": schedule}
