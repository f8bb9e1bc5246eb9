"""Random service requests, version by version, and transactions of a city's own services. Other feeds: `randoms`."""

import random
from datetime import UTC, date, datetime, timedelta

from schemas.city import City

from .randoms import Rows, maybe

BORN = 12
"""How many days before a day requests may have been asked for that are told of on it."""
LAMPS = ((52.52, 13.41), (52.5203, 13.4101), (52.58, 13.40), (52.5801, 13.4003), (52.5198, 13.41), (52.6, 13.2))
"""Where lamps of `randoms_lighting` stand, and a place where none does."""


def _instant(rng: random.Random, city: City, day: date) -> datetime:
    return city.day_start(day).astimezone(UTC) + timedelta(seconds=rng.randrange(city.day_seconds(day)))


def versions(city: City, born: date, seed: int, i: int) -> Rows:
    """All that is ever told of one request: late, closed without a date, closed before what was said, opened again.

    District c answers promptly; of district d only that is told which is over.
    """
    rng = random.Random(f"requests {seed} {born} {i}")
    asked = _instant(rng, city, born)
    lat, lon = rng.choice(LAMPS)
    is_placed = rng.random() < 0.9
    row = {"request_id": f"{born} {i}", "requested_at": asked, "service_code": rng.choice(["lamp", "lamp", "hole", "noise"])}
    row |= {
        "lat": lat + rng.uniform(-5e-4, 5e-4) if is_placed else None,
        "lon": lon + rng.uniform(-7e-4, 7e-4) if is_placed else None,
    }
    row |= {
        "district": rng.choice("ab"),
        "expected_at": maybe(rng, 0.3, asked + timedelta(hours=rng.choice([-1, 5, 24, 24, 96]))),
    }
    if i % 4 == 3:
        row |= {"district": "c", "service_code": "lamp", "expected_at": None}
        done = {"updated_at": asked + timedelta(hours=rng.randrange(3, 30)), "status": "closed"}
        return [row | {"updated_at": asked, "status": "open"}, row | done]
    if i % 4 == 2:
        done = {"updated_at": asked + timedelta(hours=rng.randrange(5, 40)), "status": "closed", "district": "d"}
        return [row | done | {"expected_at": asked + timedelta(hours=20)}]
    at, status, out = (
        asked + timedelta(seconds=rng.choice([0, 0, 0, 60, 40000, 200000])),
        rng.choice(["open"] * 4 + ["closed"]),
        [],
    )
    for _ in range(rng.randrange(1, 6)):
        before = out[-1]["updated_at"] if out else asked
        closed = rng.choice([None, at, before + (at - before) * rng.random(), asked, at + timedelta(hours=3)])
        out.append(row | {"updated_at": at, "status": status, "closed_at": closed if status == "closed" else None})
        row |= {"district": rng.choice([row["district"]] * 5 + ["b"])}
        row |= {"expected_at": rng.choice([row["expected_at"]] * 4 + [at + timedelta(hours=30)])}
        at += timedelta(seconds=rng.choice([1, 3600, 20000, 90000, 200000]) * rng.randrange(1, 4))
        status = rng.choice(["open", "closed", "closed"])
    return out


def requests(city: City, day: date, seed: int) -> Rows:
    """What is told on a day, of requests asked for on it or up to `BORN` days before."""
    told = [r for k in range(BORN) for i in range(12) for r in versions(city, day - timedelta(days=k), seed, i)]
    start = city.day_start(day)
    end = city.day_start(day + timedelta(days=1))
    return [r for r in told if start <= r["updated_at"] < end]


def transactions(city: City, day: date, seed: int) -> Rows:
    """Payments, certificates and appointments by all channels, as they ended or not; some appointments are of the same day."""
    rng = random.Random(f"transactions {seed} {day}")
    rows: Rows = []
    for i in range(150):
        at = _instant(rng, city, day)
        service = rng.choice(["tax_payment", "fine_payment", "certificate", "appointment"])
        ends = ["completed"] * 5 + ["pending", "rejected", "abandoned", "cancelled"]
        # of one district hardly anything has ended; of another nothing is known of the channel
        district = rng.choice(["a", "b", "c", "d"])
        outcome = "pending" if district == "c" and rng.random() < 0.7 else rng.choice(ends)
        channel = rng.choice(["web", "web", "app", "kiosk", "phone", "counter", "post", "unknown"])
        row = {"transaction_id": f"{day} {i}", "service": service, "submitted_at": at, "district": district, "outcome": outcome}
        row["channel"] = "unknown" if district == "d" else channel
        row["completed_at"] = maybe(rng, 0.9, at + timedelta(seconds=rng.randrange(400000))) if outcome == "completed" else None
        if service == "appointment":
            row["appointment_at"] = maybe(rng, 0.9, at + timedelta(hours=rng.choice([0, 1, 20, 48])))
            row["outcome"] = rng.choice([outcome, outcome, "no_show"])
        elif service.endswith("payment"):
            row["amount_cents"] = maybe(rng, 0.9, rng.randrange(100000))
        rows.append(row)
    return rows


def services(_seed: int) -> Rows:
    """What the city promises: of lamps less since spring, of holes nothing, of noise not even that."""
    old, later = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 3, 27, 12, tzinfo=UTC)
    lamp = {"service_code": "lamp", "subject": "street_light"}
    return [
        lamp | {"valid_from": old, "sla_h": 24.0},
        lamp | {"valid_from": later, "sla_h": 12.5},
        {"service_code": "hole", "subject": "road", "valid_from": later, "sla_h": None},
    ]


FEEDS = {"service_requests": requests, "eservice_transactions": transactions}
REFERENCES = {"services": services}
