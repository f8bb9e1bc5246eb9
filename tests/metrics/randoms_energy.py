"""Random states of counters: they run on, roll over, are reset and exchanged, and contradict themselves.

Readings that give the energy of an interval are in randoms.
"""

import math
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from schemas.city import City

Rows = list[dict[str, Any]]
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
EXCHANGED = datetime(2026, 3, 28, 15, 10, tzinfo=UTC), datetime(2026, 10, 24, 15, 10, tzinfo=UTC)
RANGE_KWH = 50.0


def passed(at: datetime) -> float:
    """kWh since the year began, by a load between 0.2 and 1 kW."""
    hours = (at - BEGAN).total_seconds() / 3600
    return round(0.6 * hours - 0.4 * 24 / (2 * math.pi) * math.cos(2 * math.pi * hours / 24) + 2, 3)


def state(meter: str, at: datetime, rng: random.Random) -> float:
    """What the meter's counter shows."""
    if meter == "k1":
        return round(passed(at) % RANGE_KWH, 3)
    if meter == "k2":  # reset at every noon
        noon = at.replace(hour=12, minute=0, second=0) - timedelta(days=at.hour < 12)
        return round(passed(at) - passed(noon), 3)
    if meter in ("k3", "k4"):
        since = [passed(x) for x in EXCHANGED if x <= at]
        return round(passed(at) - (since[-1] if since else 0), 3) + 7 * len(since)
    if meter == "k5" and rng.random() < 0.1:
        return round(passed(at) * 0.9, 3)
    return passed(at)


def counters(city: City, day: date, seed: int) -> Rows:
    """Six meters; states every 15 to 60 minutes, with gaps of up to some hours."""
    rng, rows = random.Random(f"counters {seed} {day}"), []
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    for m in range(7):
        every, at = rng.choice([900, 1800, 3600]), rng.choice([0, 0, 420])
        for register in ("total",) if m % 2 else ("peak", "offpeak"):
            t = at
            while t < seconds:
                if rng.random() < 0.9:
                    when = start + timedelta(seconds=t)
                    row = {"meter_id": f"k{m}", "register": register, "ended_at": when, "interval_s": 0, "energy_kwh": None}
                    row |= {"reading_kwh": state(f"k{m}", when, rng), "quality": rng.choice(["valid"] * 9 + ["missing"])}
                    rows.append(row | {"direction": "received" if m == 6 else "delivered"})
                t += every * rng.choice([1] * 12 + [5, 12])
    return rows


def devices(seed: int) -> Rows:
    """The meters' rows: k1 has a range; k3 and k4 are exchanged twice, and of k4 the last state is not known."""
    rng, old = random.Random(f"devices {seed}"), datetime(2020, 1, 1, tzinfo=UTC)
    rows: Rows = []
    for m in range(6):
        place = {"meter_id": f"k{m}", "meter_class": "office", "district": rng.choice("ab")}
        rows.append(place | {"valid_from": old, "serial": f"{m}-0", "register_max_kwh": RANGE_KWH if m == 1 else None})
        if m in (3, 4):
            before = 0.0
            for i, at in enumerate(EXCHANGED, 1):
                removed = round(passed(at) - before, 3) + 7 * (i - 1)
                before = passed(at)
                told = {"first_reading_kwh": 7.0 * i, "removed_reading_kwh": removed if m == 3 else None}
                rows.append(place | {"valid_from": at, "serial": f"{m}-{i}"} | told)
    return rows


FEEDS = {"meter_readings": counters}
REFERENCES = {"meters": devices}
