"""Random reports of street lights, and crashes beside them. Other feeds: `randoms`.

Day-burners, outages, flicker, counters that begin again, and rows that say only a part.
"""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.city import City

from .randoms import Rows, maybe

PLACES = {
    "lamp0": ("mitte", 52.52, 13.41), "lamp1": ("mitte", 52.5203, 13.4101), "lamp2": ("mitte", 52.5206, 13.4099),
    "lamp3": ("nord", 52.58, 13.40), "lamp4": ("nord", 52.5801, 13.4003), "lamp5": ("mitte", 52.5198, 13.41),
    "lamp6": ("nord", None, None), "lamp8": ("ohne ort", None, None), "lamp9": ("mitte", 52.5, 13.3),
    "lampT": ("tromso", 69.65, 18.96),
}  # fmt: skip
"""District and place of each lamp; lamp7 is in no table, lamp9 never speaks, and lampT stands where the sun does not rise or set
at times."""
USUAL_S = {
    "lamp0": 300, "lamp1": 3600, "lamp2": 900, "lamp3": 600, "lamp4": 240, "lamp5": 1200, "lamp6": 1800, "lamp7": 900,
    "lamp8": 2700, "lampT": 1800,
}  # fmt: skip


def _instants(rng: random.Random, city: City, day: date, usual_s: int) -> list[datetime]:
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    at, out = rng.uniform(0, usual_s), []
    while at < seconds:
        out.append(start + timedelta(microseconds=round(at * 1e6)))
        at += rng.choice([0.5, 1, 1, 1, 1, 1, 1, 3, 9]) * usual_s * rng.choice([1, 1, rng.uniform(0.5, 1.5)])
    return out


def streetlights(city: City, day: date, seed: int) -> Rows:
    """Lamps as they are, and a cabinet."""
    rows: Rows = []
    for lamp, usual_s in USUAL_S.items():
        rng = random.Random(f"lamps {seed} {day} {lamp}")
        outage, counter = rng.random() < 0.5, rng.uniform(0, 500)
        for at in _instants(rng, city, day, usual_s):
            night = not 5.5 < at.astimezone(ZoneInfo(city.zone)).hour < 19
            burns = night and not (lamp == "lamp3" and outage)
            burns = rng.random() < 0.5 if lamp == "lamp4" else burns or lamp == "lamp2"
            burns = burns != (rng.random() < 0.03)
            counter = rng.uniform(0, 3) if rng.random() < 0.03 else counter + rng.choice([0, 0.01, 0.02, 0.05])
            state = rng.choice(["on", "low", "booting_up"] if burns else ["off"])
            power = round(rng.uniform(20, 110), 1) if burns else rng.choice([0.0, 0.4])
            row = {"lamp_id": lamp, "observed_at": at}
            row["power_state"] = maybe(rng, 0.2 if lamp == "lamp6" else 0.9, state)
            row["power_w"] = None if lamp == "lamp1" else maybe(rng, 0.2 if lamp in ("lamp6", "lamp5") else 0.7, power)
            row["dim_share"] = maybe(rng, 0.4, rng.choice([1.0, 0.5, 0.0]))
            row["energy_total_kwh"] = maybe(rng, 0.5, round(counter, 3)) if lamp in ("lamp5", "lamp6", "lampT") else None
            row["status"] = maybe(rng, 0.3, rng.choice(["ok"] * 9 + ["defective_lamp", "broken_lantern", "column_issue"]))
            if any(row[c] is not None for c in ("power_state", "power_w", "energy_total_kwh", "status")):
                rows.append(row)
    at = city.day_start(day).astimezone(UTC) + timedelta(hours=12)
    return [*rows, {"lamp_id": "cabinet0", "observed_at": at, "device_kind": "cabinet", "power_w": 1e5, "energy_total_kwh": 9e4}]


def lamps(seed: int) -> Rows:
    """Reference rows, some changing over time."""
    rng = random.Random(f"lamps {seed}")
    old, later = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 3, 28, 12, tzinfo=UTC)
    return [
        {
            "lamp_id": lamp, "valid_from": at, "district": district, "lat": lat, "lon": lon, "lamp_type": "LED",
            "rated_w": maybe(rng, 0.8, rng.choice([80.0, 100.0, 150.0])), "report_ttl_s": rng.choice([None, 900, 14400]),
        }
        for lamp, (district, lat, lon) in PLACES.items()
        for at in (old, later)
    ]  # fmt: skip


def crashes(city: City, day: date, seed: int) -> Rows:
    """Crashes around the lamps, some without a place, some far from any."""
    rng = random.Random(f"lamp crashes {seed} {day}")
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    rows: Rows = []
    for i in range(120):
        district, lat, lon = PLACES[rng.choice(["lamp0", "lamp1", "lamp2", "lamp3", "lamp4", "lamp5", "lampT", "lamp6"])]
        if lat is not None:
            lat, lon = lat + rng.uniform(-6e-4, 6e-4), lon + rng.uniform(-1e-3, 1e-3)
        row = {
            "crash_id": f"lit-{day}-{i}",
            "occurred_at": start + timedelta(seconds=rng.randrange(seconds)),
            "lat": lat,
            "lon": lon,
        }
        row |= {"district": rng.choice([district, "unknown"]), "snapshot_at": start + timedelta(days=2)}
        rows.append(row | {"valid_from": start + timedelta(days=2)})
    return rows


FEEDS = {"streetlights": streetlights, "crashes": crashes}
REFERENCES = {"lamps": lamps}
