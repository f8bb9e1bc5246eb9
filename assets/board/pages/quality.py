"""Data quality: do the books balance, what was refused and why, what the gates and the devices' tests say, what is covered.

What is asked is in `assets.board.trust`; what is chosen is summed in static/quality.js.
"""

from collections.abc import Iterator
from typing import Any

import altair as alt

from assets.board import trust
from assets.board.page import Board, Page
from assets.board.render import render

BOOKS = ("kept", "rejected", "repeated", "superseded")
BOOK_COLOURS = ("#009e73", "#d55e00", "#56b4e9", "#cc79a7")
GATE = {"passed": "#009e73", "warning": "#e69f00", "critical": "#d55e00", "unjudged": "#9a9a9a"}
"""Colours: Okabe, Ito (2008), Color Universal Design."""
STEP = 17


def pages(board: Board) -> Iterator[Page]:
    """The one page."""
    data: dict[str, Any] = {
        "balance": trust.balance(board.con),
        "refused": trust.refused(board.con),
        "examples": trust.examples(board),
        "gates": trust.as_columns(trust.gates(board.con)),
        "tables": trust.tables(board),
        "restated": trust.restated(board),
        "coverage": trust.as_columns(trust.coverage(board.con)),
        "health": trust.as_columns(trust.health(board.con)),
        "ailing": trust.as_columns(trust.ailing(board.con)),
        "specs": {"books": books(), "refused": refused(), "gates": gates(), "coverage": coverage(), "health": health()},
    }
    feeds = sorted({r["feed"] for r in data["balance"]})
    has = {name: bool(data[name]) for name in ("balance", "refused", "tables", "restated", "gates", "coverage", "health")}
    doc = "What to trust: every row that was taken accounted for, what was refused and why, and what of each day was seen."
    body = render("quality.html", feeds=feeds, has=has)
    yield Page("quality.html", "Data quality and balance", "Trust", doc, body, data, ("quality.js",))


def _sized(chart: Any, said: str, **size: Any) -> dict[str, Any]:
    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    return dict(chart.properties(width="container", autosize=fit, description=said, **size).to_dict())


def books() -> dict[str, Any]:
    """Rows by day and what became of them, stacked."""
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_bar()
        .encode(
            x=alt.X("event_date:O", title=None, axis=alt.Axis(labelOverlap=True, labelAngle=0)),
            y=alt.Y("n:Q", title="rows", axis=alt.Axis(format="~s")),
            color=alt.Color("became:N", title=None, scale=alt.Scale(domain=list(BOOKS), range=list(BOOK_COLOURS))),
            order=alt.Order("place:Q"),
            tooltip=["event_date:N", "became:N", alt.Tooltip("n:Q", title="rows", format=",")],
        )
    )
    return _sized(chart, "Rows taken by day, and what became of them", height=220)


def refused() -> dict[str, Any]:
    """Refused rows by reason and feed."""
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_bar()
        .encode(
            y=alt.Y("code:N", title=None, sort="-x"),
            x=alt.X("n:Q", title="refused rows", axis=alt.Axis(format="~s")),
            color=alt.Color("feed:N", title=None, scale=alt.Scale(scheme="tableau20")),
            tooltip=["code:N", "meaning:N", "feed:N", alt.Tooltip("n:Q", title="rows", format=",")],
        )
    )
    return _sized(chart, "Refused rows by reason and feed", height=alt.Step(STEP + 5))


def gates() -> dict[str, Any]:
    """The gates' verdict on each table and day."""
    chart = _heat("table_name").encode(
        color=alt.Color("verdict:N", title=None, scale=alt.Scale(domain=list(GATE), range=list(GATE.values()))),
        tooltip=["table_name:N", "event_date:N", "verdict:N"],
    )
    return _sized(chart, "Verdict of the gate on each table and day", height=alt.Step(STEP))


def coverage() -> dict[str, Any]:
    """Mean coverage of each metric and day; a day whose rows are all withheld is grey."""
    colour = alt.Color(
        "coverage:Q",
        title="coverage",
        scale=alt.Scale(scheme="viridis", domain=[0, 1]),
        legend=alt.Legend(format="%", gradientLength=200),
    )
    chart = _heat("metric").encode(
        color=alt.condition("!isValid(datum.coverage)", alt.value("#9a9a9a"), colour),
        tooltip=[
            "metric:N",
            "event_date:N",
            alt.Tooltip("coverage:Q", format=".1%"),
            alt.Tooltip("n:Q", title="rows", format=","),
            alt.Tooltip("withheld:Q", title="rows withheld", format=","),
        ],
    )
    return _sized(chart, "Mean coverage of each metric and day", height=alt.Step(STEP))


def health() -> dict[str, Any]:
    """Share of device days of each feed by verdict."""
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_bar()
        .encode(
            y=alt.Y("feed:N", title=None),
            x=alt.X("n:Q", title="devices x days", stack="normalize", axis=alt.Axis(format="%")),
            color=alt.Color("verdict:N", title=None, scale=alt.Scale(domain=["good", *_ill()], range=["#009e73", *_shades()])),
            order=alt.Order("place:Q"),
            tooltip=["feed:N", "verdict:N", alt.Tooltip("n:Q", title="devices x days", format=",")],
        )
    )
    return _sized(chart, "Verdicts on devices by feed", height=alt.Step(STEP + 5))


def _heat(rows: str) -> Any:
    return (
        alt.Chart(alt.NamedData("rows"))
        .mark_rect(invalid="show")
        .encode(
            x=alt.X("event_date:O", title=None, axis=alt.Axis(labelOverlap=True, labelAngle=0)),
            y=alt.Y(f"{rows}:N", title=None, axis=alt.Axis(labelLimit=260)),
        )
    )


def _ill() -> list[str]:
    return [v for v in trust.VERDICTS if v != "good"]


def _shades() -> list[str]:
    return ["#4d4d4d", "#9a9a9a", "#d55e00", "#e69f00", "#cc79a7", "#f0e442", "#0072b2", "#56b4e9"]
