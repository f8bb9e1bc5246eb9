"""The data dictionary of this lake: an index to search, and a page for every feed, reference table and metric.

What is said of a dataset comes from `assets.dictionary`; here stands what only the lake knows: limits in force, rows, freshness.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from assets.board.page import Board, Page
from assets.board.render import render
from assets.board.source import is_told
from assets.dictionary import words
from assets.dictionary.entry import FOLDERS, TITLES, Entry, entries, packaged_limits
from assets.duck import quoted
from assets.publishing import withheld
from schemas.measure import NULL_REASON
from schemas.stages import RELEASED

GROUP, FOLDER = "Dictionary", "dictionary"
SHOWN = {"feed": ("raw", "refined", "quarantine")}
"""Layers whose tables a page counts, where there are more than the dataset's own."""

Row = dict[str, Any]


def pages(board: Board) -> Iterator[Page]:
    """The index, and a page for each dataset, found through it."""
    found = list(entries())
    limits = {r["name"]: r for r in _rows(board, "FROM quality.thresholds")}
    tables = {f"{r['layer']}.{r['table_name']}": r for r in _rows(board, "FROM quality.tables")}
    yield _index(found, tables)
    for entry in found:
        yield _page(board, entry, limits, tables)


def _index(found: list[Entry], tables: Mapping[str, Row]) -> Page:
    layers = [(title, [_listed(e, tables) for e in found if e.contract.layer == layer]) for layer, title in TITLES.items()]
    columns = [
        {
            "column": c.name, "dataset": e.name, "kind": TITLES[e.contract.layer], "unit": c.unit or "", "doc": c.doc,
            "formula": c.formula or "", "href": f"{e.page}.html#{c.name}",
        }
        for e in found
        for c in e.columns
    ]  # fmt: skip
    body = render("dictionary_index.html", layers=layers, columns=len(columns))
    doc = "What every feed, reference table and metric means, column by column, and where it comes from."
    return Page(f"{FOLDER}/index.html", "Data dictionary", GROUP, doc, body, {"columns": columns}, ("dictionary.js",), ())


def _listed(entry: Entry, tables: Mapping[str, Row]) -> Row:
    """One line of the index; of a feed, its refined rows are counted."""
    layer = {"feed": "refined", "metric": "metrics"}.get(entry.contract.layer, "reference")
    rows = tables.get(f"{layer}.{entry.name}", {}).get("rows")
    return {
        "name": entry.name,
        "href": f"{entry.page}.html",
        "domain": entry.contract.domain,
        "doc": entry.contract.doc,
        "rows": rows,
    }


def _page(board: Board, entry: Entry, limits: Mapping[str, Row], tables: Mapping[str, Row]) -> Page:
    contract = entry.contract
    body = render(
        "dictionary.html",
        entry=entry,
        contract=contract,
        facts=words.facts(contract),
        freshness=words.freshness(contract),
        held=words.held(contract),
        told=entry.published({n: float(r["value"]) for n, r in limits.items()}),
        values=words.values,
        incoming=words.incoming,
        holds=[_held(tables[t], board.at) for t in _tables(entry) if t in tables],
        limits=[_limit(limits[n]) for n in entry.thresholds if n in limits],
        upstream=_upstream(entry),
        href=_href,
        made_of={n: _grouped(m) for n, m in entry.made_of.items()},
        used_by={n: _grouped(m) for n, m in entry.used_by.items()},
        example=_example(board, entry),
        metric_page=f"../../metrics/{entry.name}.html" if _has_page(board, entry) else None,
    )
    return Page(f"{FOLDER}/{entry.page}.html", entry.name, GROUP, contract.doc, body, filters=(), unlisted=True)


def _has_page(board: Board, entry: Entry) -> bool:
    """Whether there is a page of its numbers."""
    return entry.contract.layer == "metric" and is_told(board.con, entry.contract)


def _tables(entry: Entry) -> list[str]:
    layer = entry.contract.layer
    own = SHOWN.get(layer, ("metrics" if layer == "metric" else layer,))
    return [f"{of}.{entry.name}" for of in own]


def _held(table: Row, at: datetime) -> Row:
    """What a table holds, and how old its newest rows are, in hours."""
    ages = {n: _hours(table[f"newest_{n}_at"], at) for n in ("event", "landing")}
    return {**table, **{f"{n}_age_h": age for n, age in ages.items()}}


def _hours(then: datetime | None, at: datetime) -> float | None:
    return None if then is None else (at - then).total_seconds() / 3600


def _limit(limit: Row) -> Row:
    """A limit in force, with the package's own value where the city replaced it."""
    packaged = packaged_limits().get(limit["name"])
    same = packaged is not None and float(packaged["value"]) == limit["value"]
    return {**limit, "shown": f"{limit['value']:.12g}", "packaged": None if same or packaged is None else packaged["value"]}


def _upstream(entry: Entry) -> list[tuple[str, list[str]]]:
    """The tables it is made of, each with those that it is made of itself."""
    by_name = {f"metrics.{n}": e for n, e in ((e.name, e) for e in entries() if e.contract.layer == "metric")}
    return [(t, by_name[t].reads if t in by_name else []) for t in entry.reads]


def _href(table: str) -> str:
    """A lake table's dataset among the pages, from the page of another; the books are on the page of data quality."""
    layer, _, name = table.partition(".")
    if not name:
        return "../../quality.html"
    return f"../{FOLDERS['feed'] if layer in ('raw', 'refined') else layer}/{name}.html"


def _grouped(columns: tuple[str, ...] | list[str]) -> list[tuple[str, list[str]]]:
    """`table.column`s by table."""
    out: dict[str, list[str]] = {}
    for one in columns:
        out.setdefault(one.rpartition(".")[0], []).append(one.rpartition(".")[2])
    return list(out.items())


def _example(board: Board, entry: Entry) -> Row | None:
    """A row to show: of a metric one that was released, of a reference table one of this lake, of a feed the tests' sample.

    Where the lake has none, the row of the tests.
    """
    contract = entry.contract
    if contract.layer != "feed":
        layer = "metrics" if contract.layer == "metric" else contract.layer
        gated = f" WHERE NOT {withheld.row([RELEASED])}" if contract.is_gated else ""
        key = ", ".join(f"{quoted(k)} DESC" for k in ("event_date", *contract.key) if k in contract or layer == "metrics")
        said = f"{NULL_REASON.name} NULLS FIRST, " if NULL_REASON.name in contract else ""  # a row that has its ratios, if any
        found = _rows(board, f"SELECT * FROM {layer}.{quoted(entry.name)}{gated} ORDER BY {said}{key} LIMIT 1")
        if found:
            return {"of": "this lake", "row": _shown(found[0])}
    return entry.example and {"of": entry.example["from"], "row": _shown(entry.example["row"])}


def _shown(row: Row) -> dict[str, str]:
    """Values as texts; empty ones stay empty."""

    def text(value: Any) -> str:
        if value is None:
            return ""
        return f"{value:.9g}" if isinstance(value, float) else value.isoformat() if isinstance(value, datetime) else str(value)

    return {name: text(value) for name, value in row.items()}


def _rows(board: Board, sql: str) -> list[Row]:
    return board.con.sql(sql).pl().to_dicts()
