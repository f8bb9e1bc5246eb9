"""Complementary suppression: which further rows must be withheld so that totals do not give away those that are.

Pure: rows are cells with a count. What was released before is `release`'s; where rows come from is `gate`'s.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.linalg import lsmr

TRIES = 2000
"""Steps in which the equations must be solved; some tens are usual."""


Line = Sequence[str]
"""Columns whose values the cells of a line share."""


def completed(cells: pl.DataFrame, lines: Sequence[Line], least: int, sums: Line | None = None) -> pl.DataFrame:
    """Withhold further cells until no line gives away one of its own.

    A line is a set of cells whose total may be known; one of which nothing is published has none. It keeps its secret where
    none of its cells is unknown to readers, or at least two are and count `least` together; then the equations of all lines
    are solved for what they tell exactly.

    Args:
        cells: `_cell` (0..n-1), `_count`, `_hidden`, `_fresh` (readers cannot know its count), and the columns of lines.
        lines: families of lines.
        sums: a family whose totals are told themselves where `_summed` says so, even if nothing of the line is.

    Returns:
        The cells, with `_hidden` completed, and `_exposed`: hidden cells that could not be protected, as readers know the others.
    """
    every = [*lines, sums] if sums else lines
    while True:
        more = _next(cells, every, least)
        if more.size == 0:
            told = _told(cells, every, sums)
            more = _beside(cells, every, told) if told.size else told
            if more.size == 0:
                return cells.with_columns(pl.col("_cell").is_in(pl.Series(told, dtype=pl.UInt32).implode()).alias("_exposed"))
        cells = cells.with_columns(pl.col("_hidden") | pl.col("_cell").is_in(pl.Series(more, dtype=pl.UInt32).implode()))


def _unknown() -> pl.Expr:
    return pl.col("_hidden") & pl.col("_fresh") & (pl.col("_count") > 0)


def _candidate() -> pl.Expr:
    return ~pl.col("_hidden") & pl.col("_fresh") & (pl.col("_count") > 0)


def _next(cells: pl.DataFrame, lines: Sequence[Line], least: int) -> np.ndarray:
    """For each line that gives something away, its smallest cell that can be withheld."""
    found = []
    for shared in lines:
        broken = cells.group_by(shared).agg(
            _unknown().sum().alias("_n"),
            pl.col("_count").filter(_unknown()).sum().alias("_sum"),
            pl.struct("_count", "_cell").filter(_candidate()).min().struct.field("_cell").alias("_pick"),
        )
        weak = (pl.col("_n") > 0) & ((pl.col("_n") < 2) | (pl.col("_sum") < least))
        found.append(broken.filter(weak & pl.col("_pick").is_not_null())["_pick"].to_numpy())
        if found[-1].size:
            break  # one family at a time: what it withholds often serves the others
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.uint32)


def _told(cells: pl.DataFrame, lines: Sequence[Line], sums: Line | None) -> np.ndarray:
    """Unknown cells that the totals of all lines tell exactly: those whose unit vector is made of the lines' equations."""
    unknown = cells.filter(_unknown())
    rows, columns, size = [], [], 0
    for shared in lines:
        has_total = ~pl.col("_hidden") & (pl.col("_count") > 0)
        shown = cells.filter(has_total | pl.col("_summed") if shared is sums else has_total).select(shared).unique()
        inside = unknown.with_row_index("_at").join(shown, on=list(shared), how="semi", nulls_equal=True)
        if inside.height:
            rows.append(inside.select(pl.struct(shared).rank("dense").cast(pl.Int64)).to_series().to_numpy() - 1 + size)
            columns.append(inside["_at"].to_numpy())
            size = int(rows[-1].max()) + 1
    if not rows:
        return np.empty(0, np.uint32)
    at = np.concatenate(columns)
    equations = coo_matrix((np.ones(at.size), (np.concatenate(rows), at)), shape=(size, unknown.height)).tocsr()
    return unknown["_cell"].to_numpy()[_determined(equations)]


def _determined(equations: csr_matrix) -> np.ndarray:
    """Which unknowns have one value alone in every solution: in those the part of any vector that solves A x = 0 is nothing.

    Two random vectors are projected; that an unknown which is free looks bound in both has probability 0. Source: Fong, Saunders
    (2011), LSMR, SIAM J. Sci. Comput. 33(5).
    """
    bound = np.ones(equations.shape[1], bool)
    for seed in (1, 2):
        drawn = np.random.default_rng(seed).normal(size=equations.shape[1])
        told = lsmr(equations, equations @ drawn, atol=1e-12, btol=1e-12, conlim=0, maxiter=TRIES)[0]
        bound &= np.abs(drawn - told) < 1e-6
    return bound


def _beside(cells: pl.DataFrame, lines: Sequence[Line], told: np.ndarray) -> np.ndarray:
    """A further cell in a line of each cell that is told."""
    found = []
    victims = cells.filter(pl.col("_cell").is_in(pl.Series(told, dtype=pl.UInt32).implode()))
    for shared in lines:
        others = cells.filter(_candidate()).join(victims.select(shared).unique(), on=list(shared), how="semi", nulls_equal=True)
        if others.height:
            found.append(
                others.sort("_count", "_cell").unique(list(shared), keep="first", maintain_order=True)["_cell"].to_numpy()
            )
            break
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.uint32)
