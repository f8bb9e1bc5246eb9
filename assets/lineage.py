"""Which columns of the lake a metric's columns are made of, traced through its SQL and the shared views by sqlglot.

Which tables it reads is said by `assets.dependencies`; nothing is run here.
"""

import re
from functools import cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope
from sqlglot.schema import MappingSchema

from assets.dependencies import LAYERS, LEDGER, closure, dependencies, macros, query
from assets.duck import SQL_TYPES
from schemas import ledger, registry

CALENDAR = "calendar"
DAYS = ("event_date", "starts_at", "ends_at", "seconds")
QUARTERS = ("event_date", "quarter", "bin_at", "local_time", "seconds")
"""What `assets.relations.connect` gives every metric besides the lake: no data, so no lineage either."""

Traced = dict[str, frozenset[str]]
"""Column to the `schema.table.column`s it is made of."""


def readers(table: str) -> list[str]:
    """The metrics that read a table (`refined.x`, `reference.x`, `metrics.x`, `ledger`), through shared views too, sorted."""
    return [name for name in registry.metrics() if table in dependencies(name)]


def sources(metric: str) -> list[str]:
    """The tables a metric reads, in the order of the lake's layers."""
    return sorted(dependencies(metric), key=lambda t: ((*LAYERS, LEDGER).index(t.partition(".")[0]), t))


@cache
def columns(metric: str) -> dict[str, tuple[str, ...]]:
    """Column of a metric to the columns of the lake that its value is made of, as `layer.table.column`, sorted.

    Conditions, joins and groupings are not in it: only what flows into the value. A column that is counted or constant has
    none; one that sqlglot cannot trace is left out.
    """
    traced = _through("metrics", metric) or {}
    return {name: tuple(sorted(found)) for name, found in traced.items() if name in registry.metrics()[metric]}


def used_by(table: str) -> dict[str, list[str]]:
    """Column of a table to the columns of metrics (`metric.column`) that are made of it, both sorted."""
    out: dict[str, list[str]] = {}
    for metric in readers(table):
        for column, made_of in columns(metric).items():
            for one in made_of:
                of, _, name = one.rpartition(".")
                if of == table:
                    out.setdefault(name, []).append(f"{metric}.{column}")
    return dict(sorted(out.items()))


@cache
def _through(folder: str, name: str) -> Traced | None:
    """The lineage of a query with that of the views it reads put in their place."""
    own = _own(folder, name)
    if own is None:
        return None
    out: Traced = {}
    for column, leaves in own.items():
        found: set[str] = set()
        for leaf in leaves:
            schema, table, inner = leaf.split(".")
            if schema == "views":
                found |= (_through("views", table) or {}).get(inner, frozenset())
            elif table == LEDGER:
                found.add(f"{LEDGER}.{inner}")
            elif schema != CALENDAR:
                found.add(leaf)
        out[column] = frozenset(found)
    return out


@cache
def _own(folder: str, name: str) -> Traced | None:
    """The columns that one SQL file makes, of those of the tables and views that it names; None where that cannot be told."""
    asked = query(folder, name)
    tree = sqlglot.parse_one(asked.text, read="duckdb")
    _by_position(tree)
    _fields_apart(tree)
    local = {cte.alias for cte in tree.find_all(exp.CTE)}
    given = {*_given()[CALENDAR]}
    for table in tree.find_all(exp.Table):
        if not table.db and table.name in given - local:
            table.set("db", exp.to_identifier(CALENDAR))
    read = {s: {t: c for t, c in of.items() if s == CALENDAR or f"{s}.{t}" in asked.tables} for s, of in _given().items()}
    told = {v: _own("views", v) for v in sorted(asked.views)}
    if None in told.values():
        return None
    views = {v: dict.fromkeys(of or {}, "VARCHAR") for v, of in told.items()}
    known = MappingSchema({s: of for s, of in (read | {"views": views}).items() if of}, dialect="duckdb", normalize=False)
    try:
        tree = qualify(tree, schema=known, dialect="duckdb", validate_qualify_columns=False, identify=False)
        _by_position(tree)
        nodes = lineage(None, tree, schema=known, dialect="duckdb", scope=build_scope(tree), trim_selects=False, copy=False)
    except SqlglotError:
        return None
    return {column: frozenset(_leaves(node)) for column, node in nodes.items()}


def _by_position(tree: exp.Expr) -> None:
    """Put the columns of each UNION BY NAME into one order: sqlglot goes by position, and would tell the wrong ones.

    Unions of what is not spelled out yet (`*`) wait until sqlglot has done so.
    """
    for union in list(tree.find_all(exp.Union)):
        selects = [s for s in _branches(union) if isinstance(s, exp.Select)]
        if union.args.get("by_name") and not any(s.is_star for s in selects):
            names = list(dict.fromkeys(n for s in selects for n in s.named_selects))
            for select in selects:
                said = {p.alias_or_name: p for p in select.selects}
                select.set("expressions", [said.get(n) or exp.alias_(exp.Null(), n) for n in names])
            union.set("by_name", False)


def _branches(query: exp.Expr) -> list[exp.Expr]:
    """The queries that a chain of unions puts under each other."""
    bare = query.unnest()
    return [*_branches(bare.left), *_branches(bare.right)] if isinstance(bare, exp.Union) else [bare]


def _fields_apart(tree: exp.Expr) -> None:
    """Write out the fields of an unnested macro that makes a struct, as columns of the select that unnests it."""
    for select in tree.find_all(exp.Select):
        out: list[exp.Expr] = []
        for one in select.selects:
            call = one.this if isinstance(one, exp.Unnest | exp.Explode) else None
            fields = _fields(call) if isinstance(call, exp.Anonymous) else []
            out += fields or [one]
        select.set("expressions", out)


def _fields(call: exp.Anonymous) -> list[exp.Expr]:
    """The fields of a struct-making macro with the call's arguments in place of its own; empty where it makes none."""
    head, _, body = macros().get(call.name.lower(), "").partition(" AS {")
    if not body:
        return []
    [struct] = sqlglot.parse_one("SELECT {" + body.rstrip(";"), read="duckdb").expressions
    given = dict(zip(re.findall(r"\w+", head.partition("(")[2]), call.expressions, strict=True))

    def filled(node: exp.Expr) -> exp.Expr:
        return given[node.name].copy() if isinstance(node, exp.Column) and node.name in given else node

    return [exp.alias_(f.expression.transform(filled), f.name) for f in struct.expressions]


def _leaves(node: Node) -> set[str]:
    """The columns of tables in which a lineage ends; constants and counts of rows end in none."""
    ends = ((n.source, n.name.rpartition(".")[2]) for n in node.walk() if not n.downstream)
    return {f"{source.db}.{source.name}.{name}" for source, name in ends if isinstance(source, exp.Table) and source.db}


@cache
def _given() -> dict[str, dict[str, dict[str, str]]]:
    """Schema, table, column and type of all that SQL may read without asking a view."""
    out: dict[str, dict[str, dict[str, str]]] = {
        CALENDAR: {
            "days": dict.fromkeys(DAYS, "VARCHAR"),
            "quarters": dict.fromkeys(QUARTERS, "VARCHAR"),
            LEDGER: {c.name: SQL_TYPES[c.kind] for c in ledger.COLUMNS} | {"day": "DATE"},
        }
    }
    for full, contract in registry.table_contracts().items():
        layer, table = full.split(".")
        if layer in LAYERS:
            out.setdefault(layer, {})[table] = {c.name: SQL_TYPES[c.kind] for c in contract.stage_columns(layer)}
    return out


def views(metric: str) -> list[str]:
    """The shared views that a metric goes through, in the order in which they are made."""
    return list(closure(metric)[1])
