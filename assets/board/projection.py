"""How a map of the city is laid out by Vega-Lite: Mercator, fitted to the city, with a middle and a zoom that a page may change.

What is drawn on it is the page's. Source: Vega projections; d3-geo 3, geoMercator: x = scale * longitude in radians.
"""

from collections.abc import Iterable
from math import asinh, atan, degrees, pi, radians, sinh, tan
from typing import Any

import altair as alt

HIGHEST_DEG = 85.0
LEAST_DEG = 0.002
"""A map is at least this wide, some 150 m."""
ROOM = 0.95

Box = tuple[float, float, float, float]


def box_of(points: Iterable[tuple[float, float]]) -> Box | None:
    """West, south, east and north of points (longitude, latitude); None of no points."""
    known = [(x, max(-HIGHEST_DEG, min(HIGHEST_DEG, y))) for x, y in points]
    if not known:
        return None
    lon, lat = [x for x, _ in known], [y for _, y in known]
    return min(lon), min(lat), max(lon), max(lat)


def corners(outline: dict[str, Any]) -> Iterable[tuple[float, float]]:
    """The points of a polygon or several, as GeoJSON."""
    parts = [outline["coordinates"]] if outline["type"] == "Polygon" else outline["coordinates"]
    return ((x, y) for part in parts for ring in part for x, y in ring)


def middle(box: Box) -> tuple[float, float]:
    """Longitude and latitude that Mercator draws in the middle of a box."""
    west, south, east, north = box
    return (west + east) / 2, degrees(atan(sinh((_up(south) + _up(north)) / 2)))


def projected(chart: Any, box: Box | None) -> Any:
    """A chart, its layers projected so that the box fits in; parameters `lon`, `lat` and `zoom` move it."""
    box = box or (-180.0, -60.0, 180.0, 75.0)
    lon, lat = middle(box)
    wide, high = _size(box)
    named = [alt.param(name=n, value=round(v, 6)) for n, v in (("lon", lon), ("lat", lat), ("zoom", 1.0))]
    return chart.add_params(*named).project(
        "mercator",
        center=alt.expr("[lon, lat]"),
        translate=alt.expr("[width / 2, height / 2]"),
        scale=alt.expr(f"{ROOM} * zoom * min(width / {wide:.8f}, height / {high:.8f})"),
    )


def zoomed(whole: Box | None, part: Box | None) -> dict[str, float] | None:
    """What `lon`, `lat` and `zoom` must be for a map of the whole to show a part."""
    if whole is None or part is None:
        return None
    (wide, high), (small, low) = _size(whole), _size(part)
    lon, lat = middle(part)
    return {"lon": round(lon, 6), "lat": round(lat, 6), "zoom": round(min(wide / small, high / low), 3)}


def _size(box: Box) -> tuple[float, float]:
    """How wide and high Mercator draws a box, in radians of longitude."""
    west, south, east, north = box
    return radians(max(east - west, LEAST_DEG)), max(_up(north) - _up(south), radians(LEAST_DEG))


def _up(lat: float) -> float:
    """How far up Mercator draws a latitude, in radians of longitude."""
    return asinh(tan(lat * pi / 180))
