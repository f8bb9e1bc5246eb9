"""The map: hexagons and districts coloured by a measure, and what stands in the city as points. One page per metric.

Where rows are is found in `assets.board.on_map`; what is chosen is summed and drawn by static/map.js. No tiles are fetched.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import altair as alt
import polars as pl
import polars_h3

from assets.board.on_map import is_cell, opened, parents, placed
from assets.board.on_map_rows import Cut, cut
from assets.board.page import Board, Page
from assets.board.projection import Box, box_of, corners, projected, zoomed
from assets.board.render import render
from assets.board.shapes import cell_outlines, district_outlines, locate
from assets.board.standing import areas, places
from assets.board.trust import as_columns
from schemas import registry
from schemas.contract import Contract

PLACES_AT_MOST = 1500
"""Of one kind: a browser draws so many points at once."""
COARSER = 2
SEEN_SHARE = 1 / 35
"""Of the map's width: a hexagon that is smaller can hardly be seen."""
HEIGHT = 560
WORDS = ("#d55e00", "#0072b2", "#e69f00", "#cc79a7", "#56b4e9", "#f0e442", "#4d4d4d")
PLAIN = {"none": "#b8bec6", "unknown": "#b8bec6", "good": "#009e73"}
"""Colours: Okabe, Ito (2008), Color Universal Design."""


@dataclass(frozen=True)
class Ground:
    """What every map of the city shares: its districts, places and extent."""

    districts: pl.DataFrame
    outlines: list[Any]
    places: pl.DataFrame
    box: Box | None

    def drawn(self) -> list[dict[str, Any]]:
        """Districts that can be drawn, each with where a map that shows it alone must look."""
        known = [(n, o) for n, o in zip(self.districts["id"], self.outlines, strict=True) if o is not None]
        return [{"id": n, "geometry": o, "look": zoomed(self.box, box_of(corners(o)))} for n, o in known]


def pages(board: Board) -> Iterator[Page]:
    """map.html, which opens with the metric that tells of most places, and map/<metric>.html for each that leads to places."""
    ground = _ground(board)
    con = opened(board.con, ground.places)
    names = frozenset(ground.districts["id"])
    found: dict[str, tuple[Contract, Cut, tuple[str, ...]]] = {}
    for name, contract in registry.metrics().items():
        where = placed(con, contract, names)
        rows = cut(con, contract, where) if where else None
        if rows is not None:
            found[name] = contract, rows, where.kinds if where else ()
    if not found:
        doc = "The city as its reference tables say it; no metric leads to places yet."
        body = render("map.html", metric=None, maps={}, here="", drawable=ground.box is not None)
        yield Page(
            "map.html", "Map", "City", doc, body, {"ground": _ground_data(ground), "specs": specs(ground.box)}, ("map.js",), ()
        )
        return
    maps: dict[str, list[str]] = {}
    for name, (contract, *_) in found.items():
        maps.setdefault(contract.domain, []).append(name)
    first = max(found, key=lambda n: _opens(*found[n][:2]))
    shared = {"ground": _ground_data(ground), "specs": specs(ground.box)}
    for path, name in [("map.html", first), *((f"map/{n}.html", n) for n in found)]:
        contract, rows, kinds = found[name]
        data = shared | metric_data(contract, rows, ground) | {"kinds": kinds}
        body = render("map.html", metric=contract, maps=maps, here=path, since=rows.since, drawable=ground.box is not None)
        doc = "The city coloured by a measure of a metric: hexagons or districts, with what stands there."
        title = "Map" if path == "map.html" else f"Map of {name}"
        yield Page(path, title, "City", doc, body, data, ("map.js",), unlisted=path != "map.html")


def _opens(contract: Contract, rows: Cut) -> tuple[Any, ...]:
    """How well a metric does as the first map: nothing withheld, ratios, many cells, few rows."""
    is_ratio = any(m.how == "ratio" for m in rows.measures)
    return not contract.is_gated, is_ratio, rows.sums["cell"].n_unique(), -rows.sums["rows"].sum()


def _ground(board: Board) -> Ground:
    stand = places(board.con, board.at, board.city.h3_resolution)
    districts = areas(board.con, board.at).filter(pl.col("kind") == "district")
    outlines = district_outlines(districts["wkt"].to_list())
    points = stand.select("lon", "lat").iter_rows()
    box = box_of([*(p for o in outlines if o for p in corners(o)), *points])
    return Ground(districts, outlines, stand, box)


def _ground_data(ground: Ground) -> dict[str, Any]:
    kinds = ground.places.group_by("kind", maintain_order=True).len()
    shown = ground.places.group_by("kind", maintain_order=True).head(PLACES_AT_MOST).drop("h3_cell")
    return {
        "districts": ground.drawn(),
        "places": as_columns(shown.to_dicts()),
        "kinds": [{"name": k, "n": n, "shown": min(n, PLACES_AT_MOST)} for k, n in kinds.iter_rows()],
    }


def metric_data(contract: Contract, rows: Cut, ground: Ground) -> dict[str, Any]:
    """A metric's part of a page's data."""
    place = {part: n for n, part in enumerate(rows.parts)}
    numbers = [
        {
            "name": m.name, "doc": m.column.doc, "unit": m.column.unit, "how": m.how, "formula": m.formula,
            "parts": {p: f"p{place[p, m.name if m.how == 'ratio' else '']}" for p in m.parts},
            "held": f"h{n}" if f"h{n}" in rows.sums.columns else None,
        }
        for n, m in enumerate(rows.measures)
    ]  # fmt: skip
    words = [
        {"name": c.name, "doc": c.doc, "how": "word", "values": c.allowed, "colours": _colours(c.allowed or ()), "word": n}
        for n, c in enumerate(rows.words)
    ]
    dims = [
        {"name": d, "doc": contract[d].doc, "must": d in rows.must, "values": rows.sums[d].unique().drop_nulls().sort().to_list()}
        for d in rows.dims
    ]
    sums, states = _in_district(rows.sums, ground), _in_district(rows.states, ground)
    levels = _levels(sums["cell"].drop_nulls().unique().sort(), ground.box)
    known = {d for d, o in zip(ground.districts["id"], ground.outlines, strict=True) if o is not None}
    told = rows.sums["district"].drop_nulls()
    return {
        "metric": {"name": contract.name, "doc": contract.doc, "period": contract.period},
        # words first where numbers are all withheld, such as verdicts on cells
        "measures": [*words, *numbers] if not any(sums[f"p{n}"].count() for n in place.values()) else [*numbers, *words],
        "dims": dims,
        "sums": as_columns(sums.to_dicts()),
        "states": as_columns(states.to_dicts()),
        "levels": levels,
        "by_district": bool(set(told) & known) or (not levels and told.len() > 0),
    }


def _colours(words: Sequence[str]) -> list[str]:
    """A colour for each word: those that say that nothing is the matter stand back."""
    left = cycle(WORDS)
    return [PLAIN.get(w) or next(left) for w in words]


def _in_district(rows: pl.DataFrame, ground: Ground) -> pl.DataFrame:
    """Rows of cells that name no district get the one that their cell's middle lies in."""
    if rows.is_empty():
        return rows
    rows = rows.with_columns(pl.col("day").cast(pl.String))
    if rows["district"].null_count() < rows.height:
        return rows
    cells = rows.select("cell").unique().drop_nulls().filter(is_cell("cell"))
    cells = cells.with_columns(lat=polars_h3.cell_to_lat("cell"), lon=polars_h3.cell_to_lng("cell"))
    lies_in = locate(cells["lat"], cells["lon"], ground.districts["id"], ground.districts["wkt"])
    found = rows.drop("district").join(cells.select("cell", district=lies_in), on="cell", how="left", maintain_order="left")
    return found.select(rows.columns)


def _levels(cells: pl.Series, box: Box | None) -> list[dict[str, Any]]:
    """The cells themselves and coarser ones that hold them: `of`, each cell's place among `cells`, and their outlines."""
    cells = cells.to_frame("cell").filter(is_cell("cell"))["cell"]
    if cells.is_empty():
        return []
    finest = int(cells.to_frame("cell").select(polars_h3.get_resolution("cell").max()).item())
    out: list[dict[str, Any]] = []
    for resolution in range(finest, max(finest - COARSER, 0) - 1, -1):
        of = parents(cells, resolution)
        ids = of.unique().sort()
        outlines = cell_outlines(ids.to_list())
        seen = box_of(corners(outlines[0])) if outlines[0] else None
        wide = box is None or seen is None or (seen[2] - seen[0]) >= SEEN_SHARE * (box[2] - box[0])
        at = {c: n for n, c in enumerate(ids)}
        out.append(
            {
                "resolution": resolution, "cells": ids.to_list(), "outlines": outlines,
                "of": {c: at[p] for c, p in zip(cells, of, strict=True)}, "is_seen": wide,
            }
        )  # fmt: skip
    return out


def specs(box: Box | None) -> dict[str, Any]:
    """The map's specifications: coloured by a number, by a word, and by nothing but what is withheld."""
    number = alt.Fill("value:Q", scale=alt.Scale(scheme="viridis"), legend=alt.Legend(gradientLength=220, titleLimit=400))
    word = alt.Fill("value:N", scale=alt.Scale(scheme="tableau10"), legend=alt.Legend(titleLimit=400, columns=4))
    return {"number": _map(box, number), "word": _map(box, word), "nothing": _map(box, None)}


def _map(box: Box | None, fill: Any) -> dict[str, Any]:
    base = alt.Chart(alt.NamedData("rows"))
    shape = alt.Shape("geometry", type="geojson")
    said: Sequence[Any] = [alt.Tooltip(f"{n}:N") for n in ("area", "district", "shown", "rows", "said")]
    hatched = alt.value("url(#withheld)")
    coloured = hatched if fill is None else alt.condition("!isValid(datum.value)", hatched, fill)
    opacity = alt.condition("datum.state === 'empty'", alt.value(0), alt.value(0.85))
    dash = alt.when("datum.state === 'partly'").then(alt.value([3, 2])).otherwise(alt.value([1, 0]))
    areas_ = (
        base.transform_filter("datum.layer === 'area'")
        .mark_geoshape(clip=True, invalid="show", stroke="var(--paper)", strokeWidth=0.6)
        .encode(shape=shape, fill=coloured, fillOpacity=opacity, strokeDash=dash, tooltip=said)
    )
    lines = (
        base.transform_filter("datum.layer === 'outline'")
        .mark_geoshape(clip=True, fill=None, stroke="var(--soft)", strokeWidth=1.2)
        .encode(shape=shape)
    )
    points = (
        base.transform_filter("datum.layer === 'place'")
        .mark_circle(clip=True, size=26, opacity=0.95, stroke="var(--paper)", strokeWidth=0.8)
        .encode(
            longitude="lon:Q",
            latitude="lat:Q",
            color=alt.Color("kind:N", title=None, scale=alt.Scale(scheme="tableau10"), legend=alt.Legend(columns=4)),
            tooltip=["kind:N", "id:N", "name:N", "district:N"],
        )
    )
    chart = alt.layer(areas_, lines, points).resolve_scale(fill="independent", color="independent")
    chart = chart.properties(width="container", height=HEIGHT, description="Map of the city")
    return dict(projected(chart, box).to_dict())
