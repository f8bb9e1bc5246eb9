"""The alerts: which are open, where, since when, what raised them, and how fast they were heard.

What is chosen is filtered and counted in static/alerts.js.
"""

import json
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import polars as pl
import polars_h3

from assets.board.page import Board, Page
from assets.board.projection import Box, box_of, corners, projected
from assets.board.render import render
from assets.board.shapes import district_outlines, locate
from assets.board.standing import areas, places
from assets.duck import quoted
from schemas.alerts import CLOSED, CONTRACT, OPENED, SEVERITIES

ALERTS_AT_MOST = 5_000
CLOCK = "%Y-%m-%dT%H:%M:%S"
HOURS = "timeFormat(datum.value, hours(datum.value) || minutes(datum.value) ? '%H:%M' : '%d %b')"
COLOURS = ("#56b4e9", "#e69f00", "#d55e00")
"""Of info, warning and critical. Source: Okabe, Ito (2008), Color Universal Design."""

EVERY = f"""
WITH said AS (SELECT *, row_number() OVER (PARTITION BY alert_id, state ORDER BY number) AS nth
    FROM metrics.{quoted(CONTRACT.name)}),
opened AS (SELECT * FROM said WHERE state = $opened AND nth = 1),
closed AS (SELECT * FROM said WHERE state = $closed AND nth = 1)
SELECT
    coalesce(o.event_date, c.event_date)::VARCHAR AS day,
    coalesce(o.alert_id, c.alert_id) AS alert_id,
    coalesce(o.rule, c.rule) AS rule,
    coalesce(o.severity, c.severity) AS severity,
    coalesce(o.place_kind, c.place_kind) AS place_kind,
    coalesce(o.place_id, c.place_id) AS place_id,
    coalesce(o.h3_cell, c.h3_cell) AS h3_cell,
    coalesce(o.started_at, c.started_at) AS started,
    o.raised_at AS raised,
    c.closed_at AS closed,
    epoch_us(o.raised_at - o.event_at) / 1e6 AS raised_after_s,
    coalesce(o.value, c.value) AS value,
    coalesce(o.threshold_value, c.threshold_value) AS threshold_value,
    coalesce(o.unit, c.unit) AS unit,
    coalesce(o.message, c.message) AS message,
    coalesce(o.causes, c.causes) AS causes,
    count(*) OVER () AS every
FROM opened AS o FULL JOIN closed AS c USING (alert_id)
ORDER BY c.closed_at IS NOT NULL, started DESC, alert_id
LIMIT {ALERTS_AT_MOST}
"""


def pages(board: Board) -> Iterator[Page]:
    """The one page; where no alert was raised yet it says so."""
    rows = alerts(board)
    held = rows["every"][0] if rows.height else 0
    outlines = areas(board.con, board.at)
    shapes = district_outlines(outlines["wkt"].to_list())
    box = box_of([*(p for s in shapes if s for p in corners(s)), *rows.select("lon", "lat").drop_nulls().iter_rows()])
    data = {
        "at": board.at.astimezone(ZoneInfo(board.city.zone)).strftime(CLOCK),
        "alerts": rows.drop("every").to_dicts(),
        "districts": [
            {"layer": "district", "name": n, "geometry": s}
            for n, s in zip(outlines["name"], shapes, strict=True)
            if s is not None
        ],
        "severities": SEVERITIES,
        "specs": {"times": times(), "map": small_map(box)},
    }
    body = render("alerts.html", shown=rows.height, held=held, doc=CONTRACT.doc, rules=rows["rule"].unique().sort().to_list(),
                  severities=[s for s in reversed(SEVERITIES) if s in set(rows["severity"])],
                  kinds=rows["place_kind"].unique().sort().to_list())  # fmt: skip
    doc = "What needed somebody at once: open alerts first, where they are, what raised them and how fast it was heard."
    yield Page("alerts.html", "Alerts", "City", doc, body, data, ("alerts.js",))


def alerts(board: Board) -> pl.DataFrame:
    """One row per alert, open ones first, then the latest: with place, district and local times as text.

    An alert stands where the reference tables have its place in its cell, else in the cell's middle.
    """
    rows = board.con.execute(EVERY, {"opened": OPENED, "closed": CLOSED}).pl()
    zone = board.city.zone
    times = [pl.col(c).dt.convert_time_zone(zone).dt.strftime(CLOCK) for c in ("started", "raised", "closed")]
    stand = places(board.con, board.at, board.city.h3_resolution).unique(["id", "h3_cell"], keep="first", maintain_order=True)
    stand = stand.select("h3_cell", "district", "lat", "lon", place_id="id")
    found = rows.join(stand, on=["place_id", "h3_cell"], how="left", maintain_order="left")
    outlines = areas(board.con, board.at).filter(pl.col("kind") == "district")
    cells = found.select("h3_cell").unique().drop_nulls().filter(polars_h3.is_valid_cell("h3_cell"))
    cells = cells.with_columns(cell_lat=polars_h3.cell_to_lat("h3_cell"), cell_lon=polars_h3.cell_to_lng("h3_cell"))
    cells = cells.with_columns(locate(cells["cell_lat"], cells["cell_lon"], outlines["id"], outlines["wkt"]).alias("lies_in"))
    found = found.join(cells, on="h3_cell", how="left", maintain_order="left")
    return found.with_columns(
        *times,
        pl.coalesce("lat", "cell_lat").alias("lat"),
        pl.coalesce("lon", "cell_lon").alias("lon"),
        pl.coalesce("district", "lies_in").alias("district"),
        pl.col("causes").map_elements(said, return_dtype=pl.String),
    ).drop("cell_lat", "cell_lon", "lies_in")


def said(causes: str) -> str:
    """The rows that raised an alert, as a person reads them; what is no list of rows is left out."""
    try:
        rows: list[Any] = json.loads(causes)
        return "; ".join(f"{r['feed']}: {str(r['source']).rpartition('/')[2]} at {r['position']}" for r in rows)
    except (ValueError, TypeError, KeyError):
        return ""


def severity() -> alt.Color:
    """Severity as colour."""
    return alt.Color("severity:N", title=None, scale=alt.Scale(domain=list(SEVERITIES), range=list(COLOURS)))


def times() -> dict[str, Any]:
    """The specification of the time line: a bar from start to end of each alert, by rule."""
    base = alt.Chart(alt.NamedData("rows")).encode(
        x=alt.X("started:T", title=None, axis=alt.Axis(labelExpr=HOURS)),
        y=alt.Y("rule:N", title=None),
        color=severity(),
        tooltip=["rule:N", "severity:N", "place_id:N", "district:N", "started:N", "closed:N", "message:N"],
    )
    bars = base.mark_bar(height=6, opacity=0.6).encode(x2="until:T")
    chart = alt.layer(bars, base.mark_tick(thickness=2, size=14))
    chart = chart.properties(
        width="container",
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        description="Alerts by rule along time, coloured by severity",
    )
    return dict(chart.to_dict())


def small_map(box: Box | None) -> dict[str, Any]:
    """The specification of the map: outlines of districts, and a point where each alert is."""
    base = alt.Chart(alt.NamedData("rows"))
    land = (
        base.transform_filter("datum.layer === 'district'")
        .mark_geoshape(fill="transparent", stroke="var(--soft)", strokeWidth=1)
        .encode(shape=alt.Shape("geometry", type="geojson"), tooltip=alt.Tooltip("name:N", title="district"))
    )
    points = (
        base.transform_filter("datum.layer === 'alert'")
        .mark_circle(opacity=0.8, stroke="var(--paper)", strokeWidth=0.5)
        .encode(
            longitude="lon:Q",
            latitude="lat:Q",
            size=alt.Size("n:Q", title="alerts", scale=alt.Scale(range=[40, 400], zero=False), legend=None),
            color=severity(),
            tooltip=["place_kind:N", "place_id:N", "district:N", "severity:N", "n:Q"],
        )
    )
    chart = alt.layer(land, points).properties(width="container", height=340, description="Where the alerts are")
    return dict(projected(chart, box).to_dict())
