"""A page for every metric of the exported file: what it means, what it says, and where to get it.

What is summed is said in `assets.board.cube`, what is drawn in `assets.board.specs`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

from assets.board.cube import Cut, cut
from assets.board.page import Board, Page
from assets.board.render import render
from assets.board.rollups import Measure, measures
from assets.board.source import DISTRICT, Source, source
from assets.board.specs import charts
from assets.dictionary.entry import Entry
from assets.duck import quoted
from schemas.contract import Contract
from schemas.measure import NULL_REASON
from schemas.registry import kernel, metrics

SCRIPTS = ("cube.js", "metric.js")
OVER = {
    "sum": "sum",
    "at_once": "sum at one time; range over times",
    "ratio": "from the sums of its parts",
    "rows": "range over rows",
}
PERCENTILE = re.compile(r"(?P<of>.+?)_(?P<rank>p\d+)(?:_\w+)?")
REASONS = 20_000
"""Lines of empty ratios by day and district; above it they are told by day."""


def pages(board: Board) -> Iterator[Page]:
    """metrics/<name>.html."""
    specs = charts()
    files = {t["table"]: t for t in board.catalog.get("tables", [])}
    limits = thresholds(board.con)
    for contract in (metrics() | kernel()).values():
        found = source(board.con, contract)
        if found is None:
            continue
        numbers, judged_by = measures(contract), Entry(contract).thresholds
        said = files.get(f"metrics.{contract.name}", {})
        about = {
            "contract": contract,
            "rows": found.count(board.con),
            "days": days(board.con, contract),
            "downloads": downloads(contract, said),
            "thresholds": [t for t in limits if t["name"] in judged_by],
            "gated": contract.is_gated,
            "over": {m.name: OVER[m.how] for m in numbers},
        }
        page: dict[str, Any] = {
            "path": f"metrics/{contract.name}.html",
            "title": title(contract),
            "group": contract.domain.capitalize(),
        }
        # what the house itself writes has a page of its own in the navigation
        page |= {"doc": first_sentence(contract), "unlisted": contract.name in kernel()}
        if not about["rows"]:
            yield Page(
                **page,
                body=render("metric.html", **about, tables=None, measures=[], controls=[], breakdowns=[], families=[]),
                filters=(),
            )
            continue
        tables = cut(board.con, found, numbers)
        data = {
            "rows": about["rows"],
            "monthly": contract.period == "month",
            "measures": [told(m) for m in numbers],
            "tables": {k: t.said() if (t := getattr(tables, k)) else None for k in ("main", "timed", "sample")},
            "reasons": reasons(board.con, contract, found),
            "families": families(numbers),
            "charts": specs,
        }
        body = render(
            "metric.html",
            **about,
            tables=tables,
            measures=data["measures"],
            families=data["families"],
            **choices(contract, found, tables),
        )
        yield Page(**page, body=body, data=data, scripts=SCRIPTS)


def title(contract: Contract) -> str:
    """A metric's name as a heading."""
    return contract.name.replace("_", " ").capitalize()


def first_sentence(contract: Contract) -> str:
    """What one row is."""
    return contract.doc.split(". ")[0].rstrip(".") + "."


def told(measure: Measure) -> dict[str, Any]:
    """A measure as a page's script knows it."""
    column = measure.column
    # a sum of shares is no share
    unit = None if measure.how == "sum" and column.unit == "share" else column.unit
    return {
        "name": measure.name, "label": measure.name, "doc": column.doc, "unit": unit, "formula_said": column.formula,
        "how": measure.how, "parts": measure.parts, "formula": measure.formula,
    }  # fmt: skip


def choices(contract: Contract, found: Source, tables: Cut) -> dict[str, Any]:
    """The controls of a page: columns by which rows can be chosen, and by which numbers can be broken down."""
    controls = []
    for name in tables.main.dims:
        values = tables.main.frame[name].unique().to_list()
        if name == DISTRICT or len(values) < 2:
            continue
        listed = sorted(values, key=lambda v: (v is None, v))
        apart = name in found.apart
        common = tables.main.frame[name].mode().sort().to_list()[0] if apart else None
        controls.append(
            {
                "name": name,
                "doc": contract[name].doc,
                "apart": apart,
                "values": listed,
                "first": listed.index(common) if apart else None,
            }
        )
    dims = [d for d in tables.main.dims if d not in found.apart and tables.main.frame[d].n_unique() > 1]
    return {"controls": controls, "breakdowns": dims}


def families(numbers: Sequence[Measure]) -> list[dict[str, Any]]:
    """Percentiles of one thing, told in columns side by side: [{title, columns}]."""
    found: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
    for measure in numbers:
        match = PERCENTILE.fullmatch(measure.name)
        if match:
            column = {"name": measure.name, "label": match["rank"], "unit": measure.column.unit}
            found.setdefault((match["of"], measure.column.unit), []).append(column)
    return [{"title": of.replace("_", " "), "unit": unit, "columns": columns} for (of, unit), columns in found.items()]


def thresholds(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Thresholds in force; none where the file does not tell them."""
    try:
        return con.sql("SELECT name, value, unit, source, edition FROM quality.thresholds ORDER BY name").pl().to_dicts()
    except duckdb.Error:
        return []


def days(con: duckdb.DuckDBPyConnection, contract: Contract) -> dict[str, Any]:
    """First and last day with rows, and how many days have some."""
    found = con.sql(f"SELECT min(event_date), max(event_date), count(DISTINCT event_date) FROM metrics.{quoted(contract.name)}")
    first, last, count = found.fetchone() or (None, None, 0)
    return {"first": first, "last": last, "count": count}


def reasons(con: duckdb.DuckDBPyConnection, contract: Contract, found: Source) -> list[list[Any]]:
    """Rows whose ratios are empty: [day, district, reason, rows]."""
    if NULL_REASON.name not in contract:
        return []
    placed = DISTRICT in found.dims

    def asked(district: str) -> list[list[Any]]:
        sql = (
            f"SELECT day::VARCHAR, {district}, {NULL_REASON.name}, count(*) FROM ({found.sql}) "
            f"WHERE {NULL_REASON.name} IS NOT NULL GROUP BY ALL ORDER BY ALL"
        )
        return [list(row) for row in con.sql(sql).fetchall()]

    rows = asked(DISTRICT if placed else "NULL")
    return rows if len(rows) <= REASONS else asked("NULL")


def downloads(contract: Contract, said: dict[str, Any]) -> list[dict[str, Any]]:
    """Files of the metric beside the board: [{href, label, bytes}]; of Parquet the months."""
    out = []
    files, sizes = said.get("files", {}), said.get("file_bytes", {})
    if csv := files.get("csv"):
        out.append({"href": f"../../{csv}", "label": f"{contract.name}.csv.gz", "bytes": sizes.get("csv")})
    for month in said.get("months", []) if files.get("parquet") else []:
        href = f"../../{files['parquet']}/event_month={month['month']}/{contract.name}.parquet"
        out.append({"href": href, "label": f"Parquet, {month['month']}", "bytes": None})
    return out
