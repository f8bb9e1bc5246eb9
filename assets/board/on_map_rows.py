"""A metric's rows as a map needs them: its measures summed by day, cell and district, and what its rows say in words counted.

How rows come to a place is said in `on_map`; what sums become, in `rollups`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from assets.board.on_map import Placed
from assets.board.rollups import QUALITY, Measure, measures
from assets.board.source import exported
from assets.duck import quoted
from assets.publishing import withheld
from schemas.column import Column
from schemas.contract import Contract
from schemas.stages import WITHHELD_COLUMNS

BUDGET = 400_000
"""Numbers of one metric: about 3 MB. Where there are more, the latest days that fit are kept."""
VALUES = 40
"""Values of a column that can be chosen from."""
DIGITS = 12


@dataclass(frozen=True)
class Cut:
    """Rows by day, cell, district and what must be told apart; `since` is the first day where older ones were left out.

    Attributes:
        sums: of each group `rows`, `withheld`, and `p<i>`, the sums that measures need by their place in `parts`; `h<i>`, told
            rows that withhold the measure of that place, where there are any.
        states: of each group, `column` (a place in `words`), `value` and `n`.
        dims: columns to choose one value of; those of `must` have no "all".
        parts: (column, measure or ""): the column's sum over rows, or over those in which the measure's other parts are known.
    """

    measures: tuple[Measure, ...]
    words: tuple[Column, ...]
    dims: tuple[str, ...]
    must: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]
    sums: pl.DataFrame
    states: pl.DataFrame
    since: Any


def cut(con: duckdb.DuckDBPyConnection, contract: Contract, where: Placed, budget: int = BUDGET) -> Cut | None:
    """The rows of a metric that leads to places; None where no row does, or none can be coloured.

    Args:
        con: of `on_map.opened`.
    """
    table = f"metrics.{quoted(contract.name)} AS m {where.join}"
    counted = con.sql(f"SELECT count({where.cell}) + count({where.district}) FROM {table}").fetchone()
    if not counted or not counted[0]:
        return None
    dims, must = _dims(con, contract, where)
    chosen = tuple(m for m in measures(contract) if m.how != "rows" and m.name not in QUALITY)
    words = tuple(c for c in contract.columns if c.kind == "string" and c.allowed and c.name not in contract.key and _is_word(c))
    if not chosen and not words:
        return None
    parts = tuple(dict.fromkeys((p, m.name if m.how == "ratio" else "") for m in chosen for p in m.parts))
    named = ["day", "cell", "district", *dims]
    since = _since(con, contract, where, table, dims, len(named) + 2 + len(parts), budget)
    have = exported(con, contract)
    rows = _rows(contract, where, table, since, have)
    held = withheld.values(have, {f"h{n}": (m.name, *m.parts) for n, m in enumerate(chosen)})
    sums = con.sql(_sums(contract, rows, named, chosen, parts, held)).pl()
    sums = sums.drop(n for n in held if not sums[n].sum())
    states = pl.concat(
        [
            con.sql(
                f"SELECT {', '.join(map(quoted, named))}, {n} AS word, {quoted(c.name)} AS value, count(*) AS n "
                f"FROM ({rows}) WHERE {quoted(c.name)} IS NOT NULL GROUP BY ALL ORDER BY ALL"
            ).pl()
            for n, c in enumerate(words)
        ]
    ) if words else pl.DataFrame()  # fmt: skip
    return Cut(chosen, words, dims, must, parts, _plain(sums), states, since)


def _is_word(column: Column) -> bool:
    return column.name not in ("null_reason", "release") and not column.name.endswith("_null_reason")


def _dims(con: duckdb.DuckDBPyConnection, contract: Contract, where: Placed) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What may be chosen, and what must be: keys that do not say the place or an instant, and columns that are kept apart."""
    must = tuple(c.name for c in contract.columns if c.roll_up == "apart" and c.name not in where.used)
    free = [k for k in contract.key if contract[k].kind in ("string", "bool") and k not in (*where.used, *must)]
    asked = ", ".join(["count(*)", *(f"count(DISTINCT {quoted(c)})" for c in free)])
    rows, *counts = con.sql(f"SELECT {asked} FROM metrics.{quoted(contract.name)}").fetchone() or (0,)
    few = [c for c, n in zip(free, counts, strict=True) if 1 < n <= VALUES and n < rows]  # else it names single rows
    return (*must, *few), must


def _rows(contract: Contract, where: Placed, table: str, since: Any, have: Collection[str]) -> str:
    late = f"WHERE m.event_date >= DATE '{since}'" if since else ""
    given = {"day", "cell", "district"}
    names = [*contract.names, *({WITHHELD_COLUMNS} & set(have))]
    columns = ", ".join(f"m.{quoted(n)}" for n in names if n not in given)
    return (
        f"SELECT m.event_date AS day, {where.cell} AS cell, {where.district} AS district, {columns}, "
        f"{withheld.row(have)} AS is_withheld FROM {table} {late}"
    )


def _sums(
    contract: Contract,
    rows: str,
    named: Sequence[str],
    chosen: Sequence[Measure],
    parts: Sequence[tuple[str, str]],
    held: dict[str, str],
) -> str:
    """SQL of the sums. What is there at once is added up within a time of the key, and of a day's times the mean is taken."""
    by_name = {m.name: m for m in chosen}
    by = ", ".join(map(quoted, named))
    instants = [k for k in contract.key if contract[k].kind == "instant"]
    summed, at_once = [], []
    for n, (part, measure) in enumerate(parts):
        known = " AND ".join(f"{quoted(p)} IS NOT NULL" for p in by_name[measure].parts) if measure else "true"
        if not measure and by_name[part].how == "at_once" and instants:
            at_once.append((n, part))
        else:
            summed.append(f"sum({quoted(part)}) FILTER ({known}) AS p{n}")
    counts = {"rows": "true", "withheld": "is_withheld", **held}
    counted = [f"count(*) FILTER ({sql}) AS {name}" for name, sql in counts.items()]
    whole = f"SELECT {by}, {', '.join([*counted, *summed])} FROM ({rows}) GROUP BY {by}"
    if not at_once:
        return f"{whole} ORDER BY {by}"
    then = ", ".join(map(quoted, instants))
    once = ", ".join(f"sum({quoted(p)}) AS p{n}" for n, p in at_once)
    mean = ", ".join(f"avg(p{n}) AS p{n}" for n, _ in at_once)
    times = f"SELECT {by}, {mean} FROM (SELECT {by}, {once} FROM ({rows}) GROUP BY {by}, {then}) GROUP BY {by}"
    same = " AND ".join(f"a.{quoted(c)} IS NOT DISTINCT FROM b.{quoted(c)}" for c in named)
    return (
        f"SELECT a.*, {', '.join(f'b.p{n}' for n, _ in at_once)} FROM ({whole}) AS a JOIN ({times}) AS b ON {same} ORDER BY {by}"
    )


def _since(
    con: duckdb.DuckDBPyConnection, contract: Contract, where: Placed, table: str, dims: Sequence[str], width: int, budget: int
) -> Any:
    """The first day of the latest that fit into the budget, at least one; None where all do."""
    named = ", ".join(["day", "cell", "district", *map(quoted, dims)])
    distinct = f"SELECT DISTINCT {named} FROM ({_rows(contract, where, table, None, ())})"
    groups = f"SELECT day, count(*) AS n FROM ({distinct}) GROUP BY day"
    size = f"SELECT day, sum(n) OVER (ORDER BY day DESC) * {width} AS size FROM ({groups})"
    said = con.sql(f"SELECT coalesce(min(day) FILTER (size <= {budget}), max(day)), min(day) FROM ({size})").fetchone()
    return None if said is None or said[0] == said[1] else said[0]


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Numbers as JavaScript has them."""
    frame = frame.with_columns(pl.col(pl.Decimal, pl.Int128).cast(pl.Float64))
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None).round_sig_figs(DIGITS))
