"""Charts of a metric's page as Vega-Lite, made with Altair. Their rows are made in static/metric.js; colours are the page's."""

from typing import Any

import altair as alt

ROWS = alt.NamedData("rows")
HEIGHT = 240
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
NO_TITLE = alt.Axis(title=None)


def _plain(chart: Any, description: str, height: Any = HEIGHT) -> dict[str, Any]:
    made = chart.properties(width="container", height=height, description=description).to_dict()
    made.pop("config", None)
    return {k: v for k, v in made.items() if k not in ("$schema", "usermeta")}


def charts() -> dict[str, Any]:
    """Name to specification."""
    rows = alt.Chart(ROWS)
    tip = [alt.Tooltip("when:T", format="%a %d %b %Y %H:%M"), alt.Tooltip("value:Q", format=",.4~g")]
    day = alt.X("when:T", axis=alt.Axis(title=None, format="%d %b", tickCount={"interval": "day", "step": 1}, labelOverlap=True))
    clock = alt.X("when:T", axis=alt.Axis(title=None, format="%d %b %H:%M", labelOverlap=True))
    value = alt.Y("value:Q", axis=NO_TITLE)
    band = rows.mark_area(opacity=0.25).encode(
        x="when:T", y=alt.Y("low:Q", axis=NO_TITLE), y2="high:Q", tooltip=["when:T", "low:Q", "high:Q"]
    )
    rule = rows.mark_rule(strokeWidth=3, opacity=0.4).encode(x="when:T", y=alt.Y("low:Q", axis=NO_TITLE), y2="high:Q")
    line = rows.mark_line(point=True, clip=True).encode(x=day, y=value, tooltip=tip)
    held = (
        rows.transform_filter("datum.note != ''")
        .mark_text(align="center", baseline="bottom", fontStyle="italic", fontSize=10)
        .encode(x="when:T", y=alt.value(HEIGHT - 4), text="note:N")
    )
    tall = alt.Y("name:N", sort=None, axis=alt.Axis(title=None))
    bar = rows.mark_bar().encode(
        y=tall, x=alt.X("value:Q", axis=NO_TITLE), tooltip=["name:N", "value:Q", "low:Q", "high:Q", "rows:Q"]
    )
    reach = rows.mark_rule(strokeWidth=4, opacity=0.45).encode(y=tall, x=alt.X("low:Q", axis=NO_TITLE), x2="high:Q")
    kept = (
        rows.transform_filter("datum.note != ''")
        .mark_text(align="left", dx=4, fontStyle="italic")
        .encode(y=tall, x=alt.value(0), text="note:N")
    )
    share = alt.Axis(title="share of time, %")
    bare = {"x": alt.X("when:T", axis=None), "y": alt.Y("value:Q", axis=None, scale=alt.Scale(zero=False))}
    reached = rows.mark_area(opacity=0.25).encode(x=bare["x"], y=alt.Y("low:Q", axis=None), y2="high:Q")
    slim = reached + rows.mark_line(point=alt.OverlayMarkDef(size=12)).encode(**bare, tooltip=tip)
    return {
        "series": _plain(band + rule + line + held, "By day"),
        "times": _plain(rows.mark_line(clip=True).encode(x=clock, y=value, tooltip=tip), "By time of day"),
        "curve": _plain(
            rows.mark_line(interpolate="step-before").encode(
                x=alt.X("share:Q", axis=share, scale=alt.Scale(domain=[0, 100])), y=value, tooltip=["share:Q", "value:Q"]
            ),
            "Load curve: the share of time for which the value is at least so high",
        ),
        "heat": _plain(
            rows.mark_rect().encode(
                x=alt.X("hour:O", axis=alt.Axis(title="hour", labelAngle=0)),
                y=alt.Y("weekday:N", sort=WEEKDAYS, axis=NO_TITLE),
                color=alt.Color("value:Q", scale=alt.Scale(scheme="cividis"), legend=alt.Legend(title=None, gradientLength=160)),
                tooltip=["weekday:N", "hour:O", alt.Tooltip("value:Q", format=",.4~g"), "note:N"],
            ),
            "Hour of the day by weekday",
            190,
        ),
        "histogram": _plain(
            rows.mark_bar().encode(
                x=alt.X("from:Q", bin="binned", axis=NO_TITLE), x2="to:Q", y=alt.Y("rows:Q", axis=alt.Axis(title="rows")),
                tooltip=["from:Q", "to:Q", "rows:Q"],
            ),
            "How many rows have which value",
        ),
        "ecdf": _plain(
            rows.mark_line(interpolate="step-after").encode(
                x=alt.X("value:Q", axis=NO_TITLE),
                y=alt.Y("share:Q", axis=alt.Axis(title="rows at most so high, %"), scale=alt.Scale(domain=[0, 100])),
                tooltip=["value:Q", "share:Q"],
            ),
            "Share of rows that are at most so high",
        ),
        "bars": _plain(bar + reach + kept, "Broken down", alt.Step(20)),
        "percentiles": _plain(
            rows.mark_tick(thickness=2, opacity=0.6).encode(
                x=alt.X("value:Q", axis=NO_TITLE),
                y=alt.Y("name:N", sort=None, axis=NO_TITLE),
                tooltip=["name:N", "value:Q", "unit:N", "day:N"],
            ),
            "Percentiles, row by row",
            alt.Step(26),
        ),
        "spark": _plain(slim, "By day", 48),
        "reasons": _plain(
            rows.mark_bar().encode(
                y=alt.Y("reason:N", sort="-x", axis=NO_TITLE),
                x=alt.X("rows:Q", axis=alt.Axis(title="rows")),
                tooltip=["reason:N", "rows:Q"],
            ),
            "Why ratios are empty",
            alt.Step(22),
        ),
    }  # fmt: skip
