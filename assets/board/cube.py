"""A metric's rows as tables small enough for a page: the rows themselves, or their sums by day, hour, district and key.

Which numbers there are is said by `assets.board.rollups`; what is done with the tables by static/metric.js.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from assets.board.rollups import Measure
from assets.board.source import DISTRICT, SLOT, Source
from assets.duck import quoted
from assets.publishing import withheld

BUDGET = 200_000
"""Numbers in one table of a page: about 1.5 MB."""
VALUES = 200
"""Values of a column by which a page breaks numbers down."""
SAMPLE = 2000
DIGITS = 12
DAY, ROWS, WITHHELD = "day", "rows", "withheld"


@dataclass(frozen=True)
class Table:
    """What a page sums: columns of equal length.

    Attributes:
        exact: every cell is one row of the metric; else a cell holds sums, and `lo:x` and `hi:x` the least and greatest x.
            `withheld` counts rows, and `held:x` told rows that withhold x.
        since: the first day in it, where older ones were left out for size.
        slot: minutes of a cell, of tables by time of day.
    """

    exact: bool
    frame: pl.DataFrame
    dims: tuple[str, ...]
    since: Any = None
    slot: int | None = None

    def said(self) -> dict[str, Any]:
        """As the page's data: days and texts by their place in a list of values."""
        days = sorted(self.frame[DAY].unique().to_list())
        out: dict[str, Any] = {
            "exact": self.exact,
            "since": self.since,
            "slot": self.slot,
            "days": days,
            "day": _places(self.frame[DAY], days),
            "dims": [],
            "values": {},
        }
        for name in self.dims:
            values = sorted(self.frame[name].unique().to_list(), key=lambda v: (v is None, v))
            out["dims"].append({"name": name, "values": values, "at": _places(self.frame[name], values)})
        if self.slot:
            out["at"] = self.frame[SLOT].to_list()
        for name in self.frame.columns:
            if name not in (DAY, SLOT, *self.dims):
                column = self.frame[name]
                if column.dtype.is_float():
                    column = column.fill_nan(None).round_sig_figs(DIGITS)
                out["values"][name] = column.to_list()
        return out


def _places(column: pl.Series, values: Sequence[Any]) -> list[int]:
    place = {v: n for n, v in enumerate(values)}
    return [place[v] for v in column.to_list()]


@dataclass(frozen=True)
class Cut:
    """The tables of a metric: `main` for all its days; `timed` by time of day; `sample` of rows, where main has sums."""

    main: Table
    timed: Table | None
    sample: Table | None
    left_out: tuple[str, ...]


def cut(con: duckdb.DuckDBPyConnection, source: Source, measures: Sequence[Measure], budget: int = BUDGET) -> Cut:
    """The metric's tables, each of at most `budget` numbers (of the days that fit, at least one)."""
    held = _held(con, source, measures)
    width = len(measures) + len(held) + len(source.dims) + 3
    known = source.distinct(con)
    dims = tuple(d for d in source.dims if known[d] <= VALUES)
    left_out = tuple(d for d in source.dims if d not in dims)
    if source.count(con) * width <= budget:
        main = Table(True, _rows(con, source, measures, held, dims), dims, slot=source.slot)
        return Cut(main, None, None, left_out)
    parts = _parts(con, source, measures) | {n: f"count(*) FILTER ({sql})" for n, sql in held.items()}
    ranged = [m.name for m in measures if m.how == "rows"]
    values = parts | {f"{end}:{n}": f"{fn}({quoted(n)})" for n in ranged for end, fn in (("lo", "min"), ("hi", "max"))}
    must = tuple(d for d in dims if d in source.must)
    kept, since = _fitting(con, source, (DAY,), must, dims, len(values), known, budget)
    main = Table(False, _sums(con, source, (DAY, *kept), values, since), kept, since)
    timed = None
    if source.slot:
        slot = source.slot if _cells(con, source, (DAY, SLOT, *must)) * (len(parts) + 3) <= budget else max(source.slot, 60)
        coarse = source.slotted(slot)
        here, first = _fitting(con, coarse, (DAY, SLOT), must, dims, len(parts), known, budget)
        timed = Table(False, _sums(con, coarse, (DAY, SLOT, *here), parts, first), here, first, slot)
    sampled = tuple(d for d in dims if d in kept)
    sample = Table(True, _rows(con, source, measures, held, sampled, SAMPLE), sampled) if ranged else None
    return Cut(main, timed, sample, (*left_out, *(d for d in dims if d not in kept)))


def _rows(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    measures: Sequence[Measure],
    held: dict[str, str],
    dims: Sequence[str],
    most: int | None = None,
) -> pl.DataFrame:
    numbers = dict.fromkeys(n for m in measures for n in (m.name, *m.parts))
    names = [DAY, *([SLOT] if source.slot and most is None else []), *dims, *numbers]
    flags = {WITHHELD: source.withheld, **held}
    told = ", ".join(f"({sql})::INT AS {quoted(n)}" for n, sql in flags.items())
    sql = f"SELECT {', '.join(map(quoted, names))}, 1 AS {ROWS}, {told} FROM ({source.sql})"
    if most is None:
        return con.sql(f"{sql} ORDER BY ALL").pl()
    # the same rows every time, spread over days and keys
    return con.sql(f"{sql} ORDER BY hash({', '.join(map(quoted, source.key))}) LIMIT {most}").pl()


def _held(con: duckdb.DuckDBPyConnection, source: Source, measures: Sequence[Measure]) -> dict[str, str]:
    """`held:x` of the measures that some told row withholds: whether it does, as SQL."""
    asked = withheld.values(source.have, {f"held:{m.name}": (m.name, *m.parts) for m in measures})
    if not asked:
        return {}
    counted = ", ".join(f"bool_or({sql})" for sql in asked.values())
    found = con.sql(f"SELECT {counted} FROM ({source.sql})").fetchone() or ()
    return {n: sql for (n, sql), some in zip(asked.items(), found, strict=True) if some}


def _parts(con: duckdb.DuckDBPyConnection, source: Source, measures: Sequence[Measure]) -> dict[str, str]:
    """Sums that cells need, as SQL. A ratio's parts are summed apart where some rows know only some of them."""
    out = {p: f"sum({quoted(p)})" for m in measures for p in m.parts}
    ratios = [m for m in measures if m.how == "ratio" and len(m.parts) > 1]
    if not ratios:
        return out
    whole = {m.name: " AND ".join(f"{quoted(p)} IS NOT NULL" for p in m.parts) for m in ratios}
    some = {m.name: " OR ".join(f"{quoted(p)} IS NOT NULL" for p in m.parts) for m in ratios}
    asked = ", ".join(f"count(*) FILTER (({some[m.name]}) AND NOT ({whole[m.name]}))" for m in ratios)
    halves = con.sql(f"SELECT {asked} FROM ({source.sql})").fetchone() or ()
    for measure, half in zip(ratios, halves, strict=True):
        if half:
            out |= {f"{p}|{measure.name}": f"sum({quoted(p)}) FILTER ({whole[measure.name]})" for p in measure.parts}
    return out


def _cells(con: duckdb.DuckDBPyConnection, source: Source, dims: Sequence[str]) -> int:
    named = ", ".join(map(quoted, dims))
    return int((con.sql(f"SELECT count(*) FROM (SELECT DISTINCT {named} FROM ({source.sql}))").fetchone() or (0,))[0])


def _fitting(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    time: tuple[str, ...],
    must: tuple[str, ...],
    dims: tuple[str, ...],
    width: int,
    known: dict[str, int],
    budget: int,
) -> tuple[tuple[str, ...], Any]:
    """The columns to break down by, those with fewest values first, and the first day where not all days fit."""
    kept = must
    if _cells(con, source, (*time, *kept)) * (width + len(kept) + 2) <= budget:
        for name in sorted((d for d in dims if d not in must), key=lambda d: (d != DISTRICT, known[d])):
            if _cells(con, source, (*time, *kept, name)) * (width + len(kept) + 3) <= budget:
                kept = (*kept, name)
        return tuple(d for d in dims if d in kept), None
    named = ", ".join(map(quoted, (*time, *kept)))
    size = f"sum(count(*)) OVER (ORDER BY {DAY} DESC) * {width + len(kept) + 2}"
    by_day = f"SELECT {DAY}, {size} AS size FROM (SELECT DISTINCT {named} FROM ({source.sql})) GROUP BY {DAY}"
    since = con.sql(f"SELECT coalesce(min({DAY}) FILTER (size <= {budget}), max({DAY})) FROM ({by_day})").fetchone()
    return kept, since[0] if since else None


def _sums(
    con: duckdb.DuckDBPyConnection, source: Source, dims: Sequence[str], values: dict[str, str], since: Any
) -> pl.DataFrame:
    named = ", ".join(map(quoted, dims))
    summed = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in values.items())
    where = f"WHERE {DAY} >= DATE '{since}'" if since else ""
    sql = (
        f"SELECT {named}, {summed + ', ' if summed else ''}count(*) AS {ROWS}, "
        f"count(*) FILTER ({source.withheld}) AS {WITHHELD} FROM ({source.sql}) {where} GROUP BY {named} ORDER BY {named}"
    )
    return con.sql(sql).pl().with_columns(pl.col(pl.Decimal).cast(pl.Float64), pl.col(pl.Int128).cast(pl.Float64))
