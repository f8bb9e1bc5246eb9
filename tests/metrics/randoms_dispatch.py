"""Random calls by call and by unit, crashes that are corrected and withdrawn, and districts that grow. Other feeds: `randoms`."""

import random
from datetime import UTC, date, datetime, timedelta
from functools import cache

import polars as pl

from assets.refine.places import cell
from schemas.city import City

from .randoms import Rows, maybe

WEST, SOUTH = 13.40, 52.50
OUTLINES = {
    "east": [(13.42, 52.50), (13.44, 52.50), (13.44, 52.515), (13.42, 52.52)],
    "north": [(13.40, 52.515), (13.42, 52.52), (13.43, 52.53), (13.40, 52.53)],
    "west": [(13.40, 52.50), (13.42, 52.50), (13.42, 52.52), (13.40, 52.515)],
}
"""Corners, longitude before latitude; they share borders. Two more districts have no outline, or nobody in them."""


@cache
def _cell(lat: float | None, lon: float | None, resolution: int) -> str | None:
    frame = pl.DataFrame({"lat": [lat], "lon": [lon]}, schema={"lat": pl.Float64, "lon": pl.Float64})
    return frame.select(cell(resolution)).item()


def _place(rng: random.Random, city: City) -> dict[str, object]:
    """Mostly around one corner, at times outside of the city, at times not known."""
    if rng.random() < 0.1:
        return {"lat": None, "lon": None, "h3_cell": None}
    spread = rng.choice([0.004, 0.004, 0.02, 0.05])
    lat = round(SOUTH + 0.012 + rng.uniform(-spread, spread) / 2, 4)
    lon = round(WEST + 0.018 + rng.uniform(-spread, spread), 4)
    return {"lat": lat, "lon": lon, "h3_cell": _cell(lat, lon, city.h3_resolution)}


def calls(city: City, day: date, seed: int) -> Rows:
    """Incidents with a row of their own, rows of units, or both; what one row knows another may not. A quiet day now and then."""
    rng, rows = random.Random(f"dispatch {seed} {day}"), []
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    for i in range(0 if rng.random() < 0.15 else rng.randrange(1, 25)):
        received = start + timedelta(seconds=rng.randrange(seconds - 5))
        place, district, priority = (
            _place(rng, city),
            rng.choice([*OUTLINES, "none", "unknown"]),
            rng.choice(["1", "2", "unknown"]),
        )
        units = rng.choice([[], ["u1"], ["u1", "u2"], ["u2", "u1", "u3"]])
        for unit in [*(["none"] if not units or rng.random() < 0.3 else []), *units]:
            at, row = received, {"incident_id": f"dispatch {day} {i}", "unit_id": unit, "received_at": received, **place}
            row |= {"district": maybe(rng, 0.8, district) or "unknown", "priority": maybe(rng, 0.8, priority) or "unknown"}
            row |= {"call_type": ("fire", "ems", "rescue")[i % 3]}
            if rng.random() < 0.2:
                row |= {"lat": None, "lon": None, "h3_cell": None}
            for column in ("dispatched_at", "en_route_at", "on_scene_at", "cleared_at") if unit != "none" else ():
                at += timedelta(seconds=rng.choice([-20, 30, 60, 60, 200, 400]))
                row[column] = maybe(rng, 0.85, max(at, received))
            rows.append(row)
    return rows


def crashes(city: City, day: date, seed: int) -> Rows:
    """Crashes in force, and versions of them that are not any more."""
    rng, rows = random.Random(f"dispatch crashes {seed} {day}"), []
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    for i in range(rng.randrange(8)):
        first, then = start + timedelta(days=2), start + timedelta(days=9)
        at = start + timedelta(seconds=rng.randrange(seconds))
        row = {"crash_id": f"dispatch {day} {i}", "occurred_at": at, "severity": rng.choice("KABCO"), **_place(rng, city)}
        row |= {"district": "unknown"}
        if rng.random() < 0.3:  # corrected, or withdrawn
            rows.append(row | {"snapshot_at": first, "valid_from": first, "valid_to": then})
            if rng.random() < 0.5:
                continue
            first, row = then, row | _place(rng, city)
        rows.append(row | {"snapshot_at": first, "valid_from": first})
    return rows


def wkt(corners: list[tuple[float, float]]) -> str:
    """An outline as the reference table keeps it."""
    return "POLYGON ((" + ", ".join(f"{x} {y}" for x, y in [*corners, corners[0]]) + "))"


def districts(seed: int) -> Rows:
    """Districts whose people change within a month; one without an outline, one without people."""
    rng, old = random.Random(f"districts {seed}"), datetime(2020, 1, 1, tzinfo=UTC)
    rows: Rows = []
    for name, corners in OUTLINES.items():
        rows.append({"district": name, "valid_from": old, "population": rng.randrange(500, 9000), "polygon_wkt": wkt(corners)})
    rows.append(rows[0] | {"valid_from": datetime(2026, 3, 20, tzinfo=UTC), "population": rng.randrange(500, 9000)})
    rows.append({"district": "none", "valid_from": old, "population": 800})
    rows.append({"district": "empty", "valid_from": old, "population": maybe(rng, 0.5, 0), "polygon_wkt": None})
    return rows


FEEDS = {"emergency_calls": calls, "crashes": crashes}
REFERENCES = {"districts": districts}
