"""The first page: the city at a glance, metric by metric. What a metric is in detail is on its own page."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import duckdb

from assets.board.cube import cut
from assets.board.page import Board, Page
from assets.board.pages import metrics as of_metric
from assets.board.render import render
from assets.board.rollups import measures
from assets.board.source import DISTRICT, Source, source
from assets.board.specs import charts
from assets.duck import quoted
from schemas.contract import Contract
from schemas.registry import metrics

BUDGET = 20_000
"""Numbers of one metric on this page."""


def pages(board: Board) -> Iterator[Page]:
    """index.html."""
    shown = [m for c in metrics().values() if (m := _glance(board.con, c))]
    domains = sorted({m["domain"] for m in shown})
    data = {"metrics": shown, "chart": charts()["spark"]}
    body = render("index.html", domains={d: [m for m in shown if m["domain"] == d] for d in domains}, state=_state(board))
    yield Page(
        "index.html", "The city at a glance", "City", f"What the lake says of {board.city.name}, metric by metric.", body, data,
        ("cube.js", "index.js"),
    )  # fmt: skip


def _glance(con: duckdb.DuckDBPyConnection, contract: Contract) -> dict[str, Any] | None:
    """One number of a metric by day and district; None where it has no rows or no number."""
    found = source(con, contract)
    if found is None or not found.count(con):
        return None
    # what stands at one time would need every time of the day
    numbers = [m for m in measures(contract) if m.how != "at_once" or not found.slot]
    if not numbers:
        return None
    kind, narrowed = _usual(con, found)
    table = cut(con, narrowed, numbers[:1], BUDGET).main
    return {
        "name": contract.name,
        "title": of_metric.title(contract),
        "doc": of_metric.first_sentence(contract),
        "domain": contract.domain,
        "monthly": contract.period == "month",
        "measure": of_metric.told(numbers[0]),
        "kind": kind,
        "last": of_metric.days(con, contract)["last"],
        "table": table.said(),
    }


def _usual(con: duckdb.DuckDBPyConnection, found: Source) -> tuple[str, Source]:
    """The metric at the most frequent value of each column whose values are never put together, and what that is."""
    kind, sql = [], found.sql
    for name in found.apart:
        value = con.sql(f"SELECT mode({quoted(name)} ORDER BY {quoted(name)}) FROM ({sql})").fetchone()
        sql = f"SELECT * FROM ({sql}) WHERE {quoted(name)} = (SELECT mode({quoted(name)} ORDER BY {quoted(name)}) FROM ({sql}))"
        kind.append(f"{name.replace('_', ' ')}: {value[0] if value else ''}")
    dims = tuple(d for d in found.dims if d == DISTRICT)
    return ", ".join(kind), replace(found, sql=sql, dims=dims, must=dims, slot=None)


def _state(board: Board) -> dict[str, Any]:
    """Books and age: `taken` rows, those `missing` from the books, `newest` event; None where the file does not tell."""
    try:
        taken, missing = board.con.sql("SELECT sum(taken), sum(abs(off_by)) FROM quality.balance").fetchone() or (None, None)
        newest = board.con.sql("SELECT max(written_at) FROM quality.tables").fetchone()
    except duckdb.Error:
        return {"taken": None, "missing": None, "newest": None}
    return {"taken": taken, "missing": missing, "newest": newest[0] if newest else None}
