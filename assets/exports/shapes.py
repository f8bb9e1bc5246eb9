"""Places and areas as shapes of WGS 84, as RFC 7946 and GeoParquet want them: right-handed, cut at the antimeridian, rounded.

Which tables have places is said in `assets.exports.places`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import polars_h3 as h3
import shapely

DIGITS = 7
"""Decimals of a degree: about a centimetre."""
POLE, HALF, TURN = 90.0, 180.0, 360.0


def points(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Points of coordinates in degrees, NaN where unknown; None there."""
    known = np.isfinite(lon) & np.isfinite(lat)
    x, y = (np.round(np.where(known, degrees, 0), DIGITS) for degrees in (lon, lat))
    out = np.full(len(known), None, dtype=object)
    out[known] = shapely.points(x, y)[known]
    return out


def outlines(wkt: np.ndarray) -> np.ndarray:
    """Outlines as WKT (longitude before latitude) to (multi)polygons; None for what is none.

    One that crosses itself is taken as what its parts enclose, as in `assets.refine.places`.
    """
    return _finished(shapely.force_2d(shapely.from_wkt(wkt, on_invalid="ignore")))


def cells(names: pl.Series) -> np.ndarray:
    """H3 cells (text) to their outlines; None for what is no cell. Source: Uber H3 4.x, cellToBoundary."""
    frame = pl.DataFrame({"cell": names.cast(pl.String)})
    form = pl.col("cell").str.contains("^[0-9a-f]{15,16}$")
    frame = frame.with_columns(pl.when(form).then("cell").alias("cell"))
    valid = frame.select(h3.is_valid_cell("cell").fill_null(False)).to_series().to_numpy()
    out = np.full(frame.height, None, dtype=object)
    if not valid.any():
        return out
    rings = frame.filter(pl.Series(valid)).select(h3.cell_to_boundary("cell").alias("ring")).to_series()
    latlon = rings.explode().explode().to_numpy().reshape(-1, 2)
    of = np.repeat(np.arange(len(rings)), rings.list.len().to_numpy())
    out[valid] = shapely.polygons(shapely.linearrings(latlon[:, ::-1], indices=of))
    return _finished(out)


def _finished(shapes: np.ndarray) -> np.ndarray:
    """Areas alone, cut where they cross the antimeridian, valid, rounded, outer rings counter-clockwise."""
    bounds = shapely.bounds(shapes)
    with np.errstate(invalid="ignore"):
        odd = (bounds[:, 2] - bounds[:, 0] > HALF) | (bounds[:, 0] < -HALF) | (bounds[:, 2] > HALF)
    shapes = shapes.copy()
    shapes[odd] = _each(_cut, shapes[odd])
    rounded = shapely.transform(shapely.make_valid(shapes), lambda at: np.round(at, DIGITS))
    return shapely.orient_polygons(_each(_areas, shapely.make_valid(rounded)))  # rounding may let rings touch


def _each(change: Callable[[Any], Any], shapes: np.ndarray) -> np.ndarray:
    """Shapes changed one by one: they are areas of a map, of which a city has few."""
    out = np.empty(len(shapes), dtype=object)
    out[:] = [change(s) for s in shapes]
    return out


def _areas(shape: Any) -> Any:
    """The polygons of a shape, without the lines and points that mending it may leave."""
    if shape is None or shape.geom_type == "Polygon":
        return None if shape is None or shape.is_empty else shape
    parts = [p for p in shapely.get_parts(shapely.get_parts(shape)) if p.geom_type == "Polygon" and not p.is_empty]
    return None if not parts else parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _cut(shape: Any) -> Any:
    """A (multi)polygon that crosses the antimeridian or holds a pole, in pieces that do not: RFC 7946, 3.1.9.

    Neighbouring corners are joined the short way round the earth: no outline of a city is half of it.
    """
    pieces: list[Any] = []
    for polygon in shapely.get_parts(shape):
        if polygon.geom_type != "Polygon":
            continue
        outer = _unrolled(shapely.get_coordinates(polygon.exterior))
        whole = shapely.make_valid(shapely.Polygon(outer))
        middle = outer[:, 0].mean()
        for hole in polygon.interiors:
            inner = _unrolled(shapely.get_coordinates(hole))
            inner[:, 0] += TURN * np.round((middle - inner[:, 0].mean()) / TURN)
            whole = shapely.difference(whole, shapely.make_valid(shapely.Polygon(inner)))
        west, _, east, _ = whole.bounds
        for turn in range(int(np.floor((west + HALF) / TURN)), int(np.floor((east + HALF) / TURN)) + 1):
            window = shapely.box(turn * TURN - HALF, -POLE, turn * TURN + HALF, POLE)
            piece = shapely.intersection(whole, window)
            pieces.append(shapely.transform(piece, lambda at, by=turn * TURN: at - [by, 0.0]))
    found = [p for part in pieces for p in shapely.get_parts(part) if p.geom_type == "Polygon"]
    return shapely.MultiPolygon(found) if found else None


def _unrolled(ring: np.ndarray) -> np.ndarray:
    """A closed ring with longitudes that run on past 180; round a pole it is closed over the pole."""
    lon = np.unwrap(ring[:, 0], period=TURN)
    out = np.column_stack([lon, ring[:, 1]])
    if abs(lon[-1] - lon[0]) < HALF:
        return out
    pole = np.copysign(POLE, ring[:, 1].mean())
    return np.vstack([out, [lon[-1], pole], [lon[0], pole], out[:1]])
