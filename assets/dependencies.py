"""The SQL of metrics, and what it reads: tables and thresholds are parsed out of it, never listed.

Nothing is run here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files

import sqlglot
from sqlglot import exp

from assets import functions, health, reference_days
from schemas import registry
from schemas.errors import CitylakeError

LEDGER = "ledger"
LAYERS = ("refined", "reference", "metrics")
OF_ALERTS = ("landed", "reference")
"""What the SQL of metrics and views may read, and that of alerts."""


@dataclass(frozen=True)
class Query:
    """One SQL file and what it asks for by name.

    Attributes:
        tables: `layer.name` of the lake tables it reads itself, and `ledger`.
        beside: tables and views that only stand on the right of a LEFT JOIN: they add to rows and make none.
        views: shared views it reads, without `views.`.
        macros: formulas of `assets/macros.sql` it uses, and those that these use.
        functions: modules of `assets/functions` it calls, through macros too.
        thresholds: names of the limits it judges by, through macros too.
    """

    text: str
    tables: frozenset[str]
    beside: frozenset[str]
    views: frozenset[str]
    macros: frozenset[str]
    functions: frozenset[str]
    thresholds: frozenset[str]


@cache
def macros() -> dict[str, str]:
    """The statements of `assets/macros.sql` by macro name, in order, and those made from contracts."""
    text = (files("assets") / "macros.sql").read_text(encoding="utf-8")
    return {m[1]: m[0] for m in re.finditer(r"^CREATE MACRO (\w+).*?;$", text, re.M | re.S)} | health.macros()


@cache
def _with_theirs(names: frozenset[str]) -> frozenset[str]:
    """Macros, and those that they use themselves."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += [m for m in macros() if m != name and re.search(rf"\b{m}\(", macros()[name])]
    return frozenset(found)


@cache
def query(folder: str, name: str) -> Query:
    """The SQL file `assets/<folder>/<name>.sql`, or where there is none the view that contracts make, parsed."""
    where = f"assets/{folder}/{name}.sql"
    place = files("assets") / folder / f"{name}.sql"
    made = health.view(name) or reference_days.view(name) if folder == "views" and not place.is_file() else None
    if made is None and not place.is_file():
        raise CitylakeError(
            where, "there is no such file", "write it: one SELECT that returns the contract's columns and event_date"
        )
    text = made or place.read_text(encoding="utf-8")
    try:
        tree = sqlglot.parse_one(text, read="duckdb")
    except sqlglot.errors.ParseError as error:
        raise CitylakeError(where, f"not valid SQL: {str(error).splitlines()[0]}", "correct it") from error
    stands = [(t.db, t.name, isinstance(t.parent, exp.Join) and t.parent.side == "LEFT") for t in tree.find_all(exp.Table)]
    found = [(db, n) for db, n, _ in stands]
    layers = OF_ALERTS if folder == "alerts" else (*LAYERS, "views")
    unknown = sorted({db for db, _ in found} - {"", *layers})
    if unknown:
        raise CitylakeError(where, f"it reads schema {unknown[0]!r}", f"read {', '.join(layers)}")
    used = _with_theirs(frozenset(f.name.lower() for f in tree.find_all(exp.Anonymous)) & set(macros()))
    everything = "\n".join((text, *(macros()[m] for m in used)))
    return Query(
        text=text,
        tables=frozenset(
            [f"{db}.{n}" for db, n in found if db in layers and db != "views"] + [n for db, n in found if not db and n == LEDGER]
        ),
        beside=frozenset(f"{db}.{n}" for db, n, left in stands if left) - {f"{db}.{n}" for db, n, left in stands if not left},
        views=frozenset(n for db, n in found if db == "views"),
        macros=used,
        functions=frozenset(f for f in functions.texts() if re.search(rf"\b{f}\(", everything)),
        thresholds=frozenset(re.findall(r"\bthreshold\('(\w+)'\)", everything)),
    )


@cache
def closure(metric: str) -> tuple[Query, dict[str, Query]]:
    """The metric's query and every shared view it leads to, the views in the order in which they must be made."""
    top = query("metrics", metric)
    graph: dict[str, frozenset[str]] = {}
    todo = list(top.views)
    while todo:
        name = todo.pop()
        if name not in graph:
            graph[name] = query("views", name).views
            todo.extend(graph[name])
    return top, {name: query("views", name) for name in TopologicalSorter(_sorted(graph)).static_order()}


def dependencies(metric: str) -> set[str]:
    """Tables a metric reads, through shared views too: `refined.x`, `reference.x`, `metrics.x`, and `ledger`."""
    top, views = closure(metric)
    return set(top.tables).union(*(v.tables for v in views.values()))


@cache
def reach(table: str) -> tuple[int, int]:
    """How many days after and before its own a table's rows are seen: by metrics that look back and ahead, through others too.

    `(3, 1)`: what changes on a day changes metrics of the three days after it and of the one before.
    """
    after, before = 0, 0
    for name, contract in registry.metrics().items():
        if table in dependencies(name):
            theirs = reach(f"metrics.{name}")
            after = max(after, contract.lookback_days + theirs[0])
            before = max(before, contract.lookahead_days + theirs[1])
    return after, before


def makes_rows(metric: str) -> set[str]:
    """The tables without whose rows a metric has none: all it reads but those that are only joined beside others."""
    top, views = closure(metric)
    out: set[str] = set()
    todo = [top]
    while todo:
        asked = todo.pop()
        out |= asked.tables - asked.beside
        todo += [views[v] for v in asked.views if f"views.{v}" not in asked.beside]
    return out


def thresholds_read(metric: str) -> set[str]:
    """Names of the thresholds a metric judges by."""
    top, views = closure(metric)
    return set(top.thresholds).union(*(v.thresholds for v in views.values()))


def functions_called(metric: str) -> frozenset[str]:
    """Modules of `assets/functions` that a metric and its views call."""
    top, views = closure(metric)
    return top.functions.union(*(v.functions for v in views.values()))


def said(metric: str) -> list[str]:
    """All that makes a metric: its own SQL, the shared views', the macros' and the functions' code."""
    top, views = closure(metric)
    used = sorted(top.macros.union(*(v.macros for v in views.values())))
    called = [functions.texts()[f] for f in sorted(functions_called(metric))]
    return [top.text, *(v.text for v in views.values()), *(macros()[m] for m in used), *called]


def order(names: Iterable[str]) -> list[str]:
    """The metrics so that each comes after the metrics it reads; by name where free."""
    wanted = set(names)
    graph = {
        n: frozenset(d.removeprefix("metrics.") for d in dependencies(n) if d.startswith("metrics.")) & wanted for n in wanted
    }
    return list(TopologicalSorter(_sorted(graph)).static_order())


def _sorted(graph: dict[str, frozenset[str]]) -> dict[str, list[str]]:
    return {name: sorted(graph[name]) for name in sorted(graph)}
