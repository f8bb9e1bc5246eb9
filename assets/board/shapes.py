"""Outlines to draw: H3 cells and districts as GeoJSON whose outer rings run clockwise, as d3-geo reads them.

RFC 7946 asks for the other way round; d3-geo takes such a ring for all of the earth but the cell. What lies in the outlines,
and how it is coloured, is said by the pages.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import shapely

from assets.exports import shapes

POINTS_AT_MOST = 20_000
DIGITS = 6
"""Decimals of a degree: about 0.1 m."""
FINEST = 1e-5

Outline = dict[str, Any]


def cell_outlines(cells: Sequence[str]) -> list[Outline | None]:
    """H3 cells to their hexagons (or pentagons); None for what is no cell."""
    return _drawn(shapes.cells(pl.Series("cell", cells, dtype=pl.String)))


def district_outlines(wkt: Sequence[str | None], points_at_most: int = POINTS_AT_MOST) -> list[Outline | None]:
    """Outlines as WKT, simplified together until they have at most about so many points; None for what is none.

    Borders that districts share stay shared. Source: GEOS coverage simplification, shapely 2.1.
    """
    found = shapes.outlines(np.asarray(wkt, dtype=object)) if len(wkt) else np.empty(0, dtype=object)
    there = np.flatnonzero(~shapely.is_missing(found) & ~shapely.is_empty(found))
    tolerance, fewer = FINEST, found[there]
    while len(there) and shapely.get_num_coordinates(fewer).sum() > points_at_most and tolerance < 1:
        fewer = shapely.coverage_simplify(found[there], tolerance)
        tolerance *= 2
    out = np.full(len(found), None, dtype=object)
    out[there] = fewer
    return _drawn(out)


def locate(lat: pl.Series, lon: pl.Series, names: pl.Series, wkt: pl.Series) -> pl.Series:
    """The area that each point lies in, by name; of several the first, and null where there is none."""
    out = pl.Series([None] * len(lat), dtype=pl.String)
    if not len(lat) or not len(wkt):
        return out
    found = shapes.outlines(wkt.to_numpy())
    area, points = shapely.STRtree(shapely.points(lon.to_numpy(), lat.to_numpy())).query(found, predicate="intersects")
    order = np.lexsort((area, points))
    place, one = np.unique(points[order], return_index=True)
    return out.scatter(place, pl.Series(names.to_numpy()[area[order][one]], dtype=pl.String))


def _drawn(found: np.ndarray) -> list[Outline | None]:
    rounded = shapely.transform(found, lambda at: np.round(at, DIGITS))
    texts = shapely.to_geojson(shapely.orient_polygons(rounded, exterior_cw=True))
    return [
        None if text is None or shapely.is_empty(shape) else json.loads(text) for text, shape in zip(texts, found, strict=True)
    ]
