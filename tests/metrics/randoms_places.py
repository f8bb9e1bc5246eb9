"""Random reports of car parks and bike stations, small, seeded, with gaps, closures and odd values. Other feeds: `randoms`."""

import random
from datetime import UTC, date, datetime, timedelta

from schemas.city import City

from .randoms import Rows, maybe


def _instants(rng: random.Random, city: City, day: date, usual_s: int) -> list[datetime]:
    """When something reports: now and then, at times not for hours."""
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    at, out = rng.uniform(0, usual_s), []
    while at < seconds:
        out.append(start + timedelta(microseconds=round(at * 1e6)))
        at += rng.choice([0.2, 1, 1, 1, 1, 1, 3, 12]) * usual_s * rng.choice([1, 1, rng.uniform(0.5, 1.5)])
    return out


def parking(city: City, day: date, seed: int) -> Rows:
    """Car parks that say their capacity, leave it to the reference table, or have none; some close, some are overfull."""
    rows: Rows = []
    for i in range(6):
        rng = random.Random(f"parking {seed} {day} {i}")
        for at in _instants(rng, city, day, (300, 900, 1800, 1800, 3600, 7200)[i]):
            closed = maybe(rng, 0.6, rng.random() < 0.1)
            row = {"facility_id": f"p{i}", "observed_at": at, "out_of_service": closed}
            row["capacity"] = None if i in (1, 2) else maybe(rng, 0.9, rng.choice([100, 120, 0 if i == 3 else 100]))
            row["occupied"] = rng.choice([0, 100, rng.randrange(131)]) if closed is None or rng.random() < 0.8 else None
            rows.append(row)
    return rows


def stations(city: City, day: date, seed: int) -> Rows:
    """Bike stations: with and without docks, out of service, taken away, with and without flags."""
    rows: Rows = []
    for i in range(6):
        rng = random.Random(f"stations {seed} {day} {i}")
        for at in _instants(rng, city, day, (120, 600, 900, 1800, 3600, 9000)[i]):
            row = {"station_id": f"s{i}", "reported_at": at, "vehicles_available": rng.choice([0, 0, rng.randrange(20)])}
            row["docks_available"] = None if i == 2 else maybe(rng, 0.95, rng.choice([0, rng.randrange(20)]))
            if row["docks_available"] is not None:
                row["vehicles_available"] = maybe(rng, 0.9, row["vehicles_available"])
            if i != 4:
                row |= {flag: rng.random() < 0.9 for flag in ("is_installed", "is_renting", "is_returning")}
            rows.append(row)
    return rows


def _described(key: str, names: tuple[str, ...], seed: int) -> Rows:
    rng, old, later = (
        random.Random(f"places {key} {seed}"),
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 28, 12, tzinfo=UTC),
    )
    said = {"capacity": 110, "lat": 52.5, "lon": 13.4}
    return [
        {key: name, "valid_from": at, "district": rng.choice("ab"), "report_ttl_s": rng.choice([None, 600, 5400]), **said}
        for name in names
        for at in (old, later)
    ]


def car_parks(seed: int) -> Rows:
    """Reference rows, some changing over time; car parks without one, and one that never speaks."""
    return _described("facility_id", ("p0", "p1", "p4", "p9"), seed)


def docks(seed: int) -> Rows:
    """Reference rows, some changing over time; stations without one, and one that never speaks."""
    return _described("station_id", ("s0", "s1", "s2", "s9"), seed)


FEEDS = {"parking_occupancy": parking, "bike_stations": stations}
REFERENCES = {"car_parks": car_parks, "stations": docks}
