"""SQL of a metric's numbers over many rows, as Apache Superset's saved metrics: sums, and ratios of sums.

Which numbers add up and which are worked out anew is found by `assets.board.rollups`; charts are made in
`assets.exports.superset_charts`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from assets.board.rollups import QUALITY, Measure, measures
from assets.duck import quoted
from assets.publishing import withheld
from schemas.column import Column
from schemas.contract import Contract
from schemas.measure import N
from schemas.stages import RELEASED

TIMES = ("s", "s2", "min", "h")
"""Units of time observed, waited or open: what ratios rest on, and no amount of what happened."""
ROWS = "rows"
WITHHELD = "withheld"


@dataclass(frozen=True)
class Number:
    """One saved metric.

    Attributes:
        name: unlike any column's, so that an alias never shadows what it is made of: "sum__volume_veh".
        kind: "sum", "ratio", "mean" (of what is added up at one time, over the times), "lowest", "highest", "count".
        form: how it is written, in the language of d3-format.
        is_amount: whether it says how much there was, as a total.
        base: of a ratio, the saved metric of the cases that it is a share or mean of, where these are counted.
    """

    name: str
    kind: str
    title: str
    sql: str
    doc: str
    form: str
    is_amount: bool = False
    base: str | None = None

    @property
    def is_headline(self) -> bool:
        """Whether a chart may open with it."""
        return self.kind in ("sum", "ratio", "mean") and not self.name.endswith(tuple(f"__{n}" for n in (*QUALITY, N.name)))


def numbers(contract: Contract, columns: Sequence[Column]) -> list[Number]:
    """The saved metrics of a metric's table, the one that says most first.

    Args:
        columns: those of the exported table, which may lack some of the contract's and have `release`.
    """
    names = {c.name for c in columns}
    found = [n for m in measures(contract) if {m.name, *m.parts} <= names for n in _of(m, contract)]
    titles = Counter(n.title for n in found)  # Superset refuses a chart with two numbers of one title
    found = [replace(n, title=f"{n.title} ({n.name.split('__')[1]})") if titles[n.title] > 1 else n for n in found]
    found.append(Number(ROWS, "count", "rows", "COUNT(*)", "rows of the table", ",d"))
    if RELEASED in names:
        sql = f"COUNT(*) FILTER (WHERE {withheld.row(names)})"
        found.append(
            Number(WITHHELD, "count", "rows withheld", sql, "rows that could tell of single people: no sum has them", ",d")
        )
    return found


def _of(measure: Measure, contract: Contract) -> list[Number]:
    column, name = measure.column, quoted(measure.name)
    title = re.split(r"[:;(,]", column.doc)[0].strip() + (f" [{column.unit}]" if column.unit and column.unit != "share" else "")
    form = ".1%" if column.unit == "share" else ",d" if column.kind == "int" else ",.3~f"
    if measure.how == "sum":
        return [Number(f"sum__{measure.name}", "sum", title, f"SUM({name})", column.label, form, column.unit not in TIMES)]
    if measure.how == "ratio":
        sql = _formula(measure.formula, measure.parts)
        return [
            Number(f"ratio__{measure.name}", "ratio", title, sql, f"{column.label}; of sums", form, base=_base(measure, contract))
        ]
    if measure.how == "at_once":
        sql = f"SUM({name}) / NULLIF(COUNT(DISTINCT {quoted(_time(contract))}), 0)"
        doc = f"{column.label}; added up at one time, then the mean of the times"
        return [Number(f"mean__{measure.name}", "mean", f"{title}, mean", sql, doc, ".1%" if form == ".1%" else ",.3~f", True)]
    ends = (("lowest", "MIN"), ("highest", "MAX"))
    return [
        Number(f"{end}__{measure.name}", end, f"{title}, {end}", f"{call}({name})", f"{column.label}; {end} of the rows", form)
        for end, call in ends
    ]


def _base(measure: Measure, contract: Contract) -> str | None:
    """What a ratio divides by, where that is a plain count that adds up."""
    match measure.formula:
        case ["/", _, str(name)] if contract[name].kind == "int" and contract[name].roll_up == "sum":
            return f"sum__{name}"
    return None


def _time(contract: Contract) -> str:
    """The column that tells one time from another."""
    return next((k for k in contract.key if contract[k].kind == "instant"), "event_date")


def _formula(formula: Any, parts: Sequence[str]) -> str:
    """A formula over sums of the rows in which all parts are known, as far as anything is divided by zero empty."""
    if isinstance(formula, str):
        known = " AND ".join(f"{quoted(p)} IS NOT NULL" for p in parts)
        return f"SUM({quoted(formula)})" if len(parts) == 1 else f"SUM({quoted(formula)}) FILTER (WHERE {known})"
    if not isinstance(formula, list):
        return f"{formula:g}"
    sign, left, right = formula
    first = _formula(left, parts)
    if sign == "log10":
        return f"LOG10(NULLIF({first}, 0))"
    second = _formula(right, parts)
    return f"({first} / NULLIF({second}, 0))" if sign == "/" else f"({first} {sign} {second})"
