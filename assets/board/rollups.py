"""What a metric's numbers become over many rows: measures, found from the contract's columns and formulas.

Sums are added, ratios computed anew from sums, and of what cannot be put together (percentiles, peaks) only the range over
rows is told. Where the numbers come from is said in `assets.board.cube`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from schemas.column import Column
from schemas.contract import Contract
from schemas.measure import COVERAGE, HEALTH, N

OPERATORS: dict[type[exp.Expression], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
ADDITIVE = ("sum", "at_once")
QUALITY = (COVERAGE.name, HEALTH.name)
"""Columns about the rows themselves: told, but not what a page opens with."""

How = Literal["sum", "at_once", "ratio", "rows"]


@dataclass(frozen=True)
class Measure:
    """A number of a metric and how rows are put together to one.

    Attributes:
        how: "sum" adds rows; "at_once" adds those of one time, and over several times has a range; "ratio" is computed from
            sums of `parts`, of the rows in which all of them are known; "rows" has a range over rows.
        formula: of ratios: a number, the name of a part, or [operator, left, right].
    """

    column: Column
    how: How
    parts: tuple[str, ...] = ()
    formula: Any = field(default=None, hash=False)

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name


def measures(contract: Contract) -> list[Measure]:
    """Every number of a metric that is no key, the one that a page opens with first."""
    columns = {c.name: c for c in contract.columns}
    found = [
        _measure(c, columns)
        for c in contract.columns
        if c.kind in ("int", "float") and c.name not in contract.key and c.roll_up != "apart"
    ]
    parts = {p for m in found if m.how == "ratio" for p in m.parts}
    return sorted(found, key=lambda m: (_rank(m), m.name in parts))


def _measure(column: Column, columns: Mapping[str, Column]) -> Measure:
    if column.roll_up == "sum":
        return Measure(column, "sum", (column.name,))
    if column.roll_up == "at_once":
        return Measure(column, "at_once", (column.name,))
    if column.formula and (read := recomputed(column.formula, columns)):
        formula, parts = read
        return Measure(column, "ratio", parts, formula)
    return Measure(column, "rows")


def _rank(measure: Measure) -> int:
    """Ratios say most; then amounts, shares of rows, counts and the rest; what is about the rows themselves comes last."""
    if measure.name in QUALITY or measure.name == N.name:
        return 9
    if measure.how == "rows":
        return 2 if measure.column.unit == "share" else 4
    return 0 if measure.how == "ratio" else 3 if measure.column.kind == "int" else 1


def recomputed(formula: str, columns: Mapping[str, Column]) -> tuple[Any, tuple[str, ...]] | None:
    """A formula as numbers, names and [operator, left, right], and its names; None where sums do not carry it.

    They do where it has only + - * / of numbers and additive columns, and where as many of these multiply as divide: then rows
    weighted by what they divide by give the same as their sums.
    """
    try:
        tree: Any = sqlglot.parse_one(formula, read="duckdb")
    except SqlglotError:
        return None
    read = _read(tree, columns)
    if read is None or read[1] != 0:
        return None
    names = tuple(dict.fromkeys(_names(read[0])))
    return (read[0], names) if names else None


def _read(node: exp.Expression, columns: Mapping[str, Column]) -> tuple[Any, int] | None:
    """An expression as a nested list, and its degree: how often additive columns multiply, less how often they divide."""
    if isinstance(node, exp.Paren):
        return _read(node.this, columns)
    if isinstance(node, exp.Literal) and not node.is_string:
        return float(node.this), 0
    if isinstance(node, exp.Column) and not node.table:
        column = columns.get(node.name)
        return (column.name, 1) if column and column.roll_up in ADDITIVE else None
    if isinstance(node, exp.Log) and node.expression is not None and node.this.name == "10":
        return _log(node.expression, columns)
    if type(node) not in OPERATORS:
        return None
    left, right = _read(node.this, columns), _read(node.expression, columns)
    if left is None or right is None:
        return None
    sign = OPERATORS[type(node)]
    if sign in "+-" and left[1] != right[1]:
        return None
    degree = {"*": left[1] + right[1], "/": left[1] - right[1]}.get(sign, left[1])
    return [sign, left[0], right[0]], degree


def _log(node: exp.Expression, columns: Mapping[str, Column]) -> tuple[Any, int] | None:
    """The decadic logarithm of a ratio of sums: what levels in decibels are made of."""
    inner = _read(node, columns)
    return (["log10", inner[0], 0], 0) if inner is not None and inner[1] == 0 else None


def _names(formula: Any) -> list[str]:
    if isinstance(formula, list):
        return [n for part in formula[1:] for n in _names(part)]
    return [formula] if isinstance(formula, str) else []
