"""Districts of the simulated city: their outlines, who lives in them, and places within them.

The city is a disc around its centre; a district is a piece of a ring of it. What happens there is each model's business.
"""

from itertools import pairwise

import numpy as np
import polars as pl

from pipelines.simulator.detectors import CENTRE, DISTRICTS

WIDER = 1.6
"""Degrees of longitude that are as long as a degree of latitude, about."""
KM_PER_DEG = 111.195
CORE, HARBOUR, EDGE = 0.03, 0.06, 0.095
NORTH, EAST, SOUTH, QUAY = 2.6, 3.9, 5.2, 5.0
FULL = 2 * np.pi
OUTLINES = {
    "Harbour": [(HARBOUR, QUAY), (EDGE, QUAY), (EDGE, FULL), (HARBOUR, FULL)],
    "Old Town": [(CORE, 0.0), (CORE, FULL)],
    "North": [(CORE, 0.0), (EDGE, 0.0), (EDGE, NORTH), (CORE, NORTH)],
    "East": [(CORE, NORTH), (EDGE, NORTH), (EDGE, EAST), (CORE, EAST)],
    "South": [(CORE, EAST), (EDGE, EAST), (EDGE, QUAY), (HARBOUR, QUAY), (HARBOUR, SOUTH), (CORE, SOUTH)],
    "West": [(CORE, SOUTH), (HARBOUR, SOUTH), (HARBOUR, FULL), (CORE, FULL)],
}
"""Corners as radius and angle (degrees of latitude, radians), as detectors.lay_out divides the city."""
INNER = {
    "Harbour": (HARBOUR, EDGE, QUAY, FULL),
    "Old Town": (0.0, CORE, 0.0, FULL),
    "North": (CORE, EDGE, 0.0, NORTH),
    "East": (CORE, EDGE, NORTH, EAST),
    "South": (CORE, EDGE, EAST, QUAY),
    "West": (CORE, HARBOUR, SOUTH, FULL),
}
"""Radii and angles in which places of a district lie."""
POPULATION = (62_000, 48_000, 145_000, 98_000, 87_000, 41_000)
STEP = 0.05
SPARE_R, SPARE_RAD = 0.001, 0.03
"""Places keep away from outlines, which are no arcs, and rounded."""


def table() -> pl.DataFrame:
    """The districts: district, name, population, area_km2, polygon_wkt."""
    rings = [_ring(OUTLINES[d]) for d in DISTRICTS]
    return pl.DataFrame(
        {
            "district": DISTRICTS,
            "name": DISTRICTS,
            "population": POPULATION,
            "area_km2": [round(_area_km2(lat, lon), 2) for lat, lon in rings],
            "polygon_wkt": [_wkt(lat, lon) for lat, lon in rings],
        }
    )


def somewhere(rng: np.random.Generator, district: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A place in each of these districts (rows of `DISTRICTS`): lat, lon in degrees, five digits."""
    r0, r1, a0, a1 = np.array([INNER[d] for d in DISTRICTS])[district].T
    inner, outer = np.where(r0 > 0, r0 + SPARE_R, 0), r1 - SPARE_R - (r1 == EDGE) * 0.004
    radius = np.sqrt(inner**2 + rng.random(len(district)) * (outer**2 - inner**2))
    angle = a0 + SPARE_RAD + rng.random(len(district)) * (a1 - a0 - 2 * SPARE_RAD)
    lat, lon = placed(radius, angle)
    return np.round(lat, 5), np.round(lon, 5)


def placed(radius: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """lat, lon of a radius and an angle."""
    return CENTRE[0] + radius * np.sin(angle), CENTRE[1] + WIDER * radius * np.cos(angle)


def district_of(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Row of `DISTRICTS` in which places lie."""
    y, x = np.asarray(lat) - CENTRE[0], (np.asarray(lon) - CENTRE[1]) / WIDER
    radius, angle = np.hypot(x, y), np.arctan2(y, x) % FULL
    at = np.select([angle < NORTH, angle < EAST, angle < SOUTH], [2, 3, 4], 5)
    return np.where(radius < CORE, 1, np.where((radius > HARBOUR) & (angle > QUAY), 0, at))


def beside(
    rng: np.random.Generator, lat: np.ndarray, lon: np.ndarray, least_m: float, most_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """A place that far from each of these: lat, lon in degrees, six digits."""
    angle, metres = rng.uniform(0, FULL, len(lat)), rng.uniform(least_m, most_m, len(lat))
    north = metres * np.sin(angle) / (KM_PER_DEG * 1000)
    east = metres * np.cos(angle) / (KM_PER_DEG * 1000 * np.cos(np.radians(CENTRE[0])))
    return np.round(lat + north, 6), np.round(lon + east, 6)


def metres_between(lat: np.ndarray, lon: np.ndarray, other_lat: np.ndarray, other_lon: np.ndarray) -> np.ndarray:
    """Great-circle distance, haversine on a sphere of the mean radius of 6371.0088 km (IUGG)."""
    a, b, c, d = (np.radians(np.asarray(v, float)) for v in (lat, lon, other_lat, other_lon))
    h = np.sin((c - a) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((d - b) / 2) ** 2
    return 2 * 6_371_008.8 * np.arcsin(np.sqrt(h))


def _ring(corners: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of an outline, closed; arcs of two districts that touch have the same ones."""
    radii, angles = [], []
    closed = [*corners, corners[0]] if len(corners) > 2 else corners
    for (r0, a0), (r1, a1) in pairwise(closed):
        between = np.arange(0, FULL, STEP)
        between = between[(between > min(a0, a1) + 1e-9) & (between < max(a0, a1) - 1e-9)]
        between = between if a1 > a0 else between[::-1]
        radii += [r0, *([r0] * len(between) if r0 == r1 else [])]
        angles += [a0, *(between if r0 == r1 else [])]
    lat, lon = placed(np.array(radii), np.array(angles))
    lat, lon = np.round(lat, 6), np.round(lon, 6)
    return np.append(lat, lat[0]), np.append(lon, lon[0])


def _area_km2(lat: np.ndarray, lon: np.ndarray) -> float:
    x, y = lon * KM_PER_DEG * np.cos(np.radians(CENTRE[0])), lat * KM_PER_DEG
    x, y = x - x[0], y - y[0]
    return abs(float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))) / 2


def _wkt(lat: np.ndarray, lon: np.ndarray) -> str:
    return "POLYGON ((" + ", ".join(f"{x:.6f} {y:.6f}" for x, y in zip(lon, lat, strict=True)) + "))"
