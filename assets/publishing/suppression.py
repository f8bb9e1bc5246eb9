"""Complementary suppression: which further rows must be withheld so that totals do not give away those that are.

Pure: rows are cells with a count. What was released before is `release`'s; where rows come from is `gate`'s.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

AUDIT_MAX = 1500
"""Unknown cells that hang together beyond which their equations are not solved: so many hide each other."""


def completed(cells: pl.DataFrame, lines: Sequence[Sequence[str]], least: int) -> pl.DataFrame:
    """Withhold further cells until no line gives away one of its own.

    A line is a set of cells whose total may be known; one of which nothing is published has none. It keeps its secret where
    none of its cells is unknown to readers, or at least two are and count `least` together; then the equations of all lines
    are solved for what they tell exactly.

    Args:
        cells: `_cell` (0..n-1), `_count`, `_hidden`, `_fresh` (readers cannot know its count), and the columns of lines.
        lines: for each family of lines the columns whose values a line's cells share.

    Returns:
        The cells, with `_hidden` completed, and `_exposed`: hidden cells that could not be protected, as readers know the others.
    """
    while True:
        more = _next(cells, lines, least)
        if more.size == 0:
            told = _told(cells, lines)
            more = _beside(cells, lines, told) if told.size else told
            if more.size == 0:
                return cells.with_columns(pl.col("_cell").is_in(pl.Series(told, dtype=pl.UInt32).implode()).alias("_exposed"))
        cells = cells.with_columns(pl.col("_hidden") | pl.col("_cell").is_in(pl.Series(more, dtype=pl.UInt32).implode()))


def _unknown() -> pl.Expr:
    return pl.col("_hidden") & pl.col("_fresh") & (pl.col("_count") > 0)


def _candidate() -> pl.Expr:
    return ~pl.col("_hidden") & pl.col("_fresh") & (pl.col("_count") > 0)


def _next(cells: pl.DataFrame, lines: Sequence[Sequence[str]], least: int) -> np.ndarray:
    """For each line that gives something away, its smallest cell that can be withheld."""
    found = []
    for shared in lines:
        broken = cells.group_by(shared).agg(
            _unknown().sum().alias("_n"),
            pl.col("_count").filter(_unknown()).sum().alias("_sum"),
            pl.col("_cell").filter(_candidate()).sort_by(pl.col("_count").filter(_candidate())).first().alias("_pick"),
        )
        weak = (pl.col("_n") > 0) & ((pl.col("_n") < 2) | (pl.col("_sum") < least))
        found.append(broken.filter(weak & pl.col("_pick").is_not_null())["_pick"].to_numpy())
        if found[-1].size:
            break  # one family at a time: what it withholds often serves the others
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.uint32)


def _told(cells: pl.DataFrame, lines: Sequence[Sequence[str]]) -> np.ndarray:
    """Unknown cells that the totals of all lines tell exactly: those whose unit vector is made of the lines' equations."""
    unknown = cells.filter(_unknown())
    rows, columns, size = [], [], 0
    for shared in lines:
        shown = cells.filter(~pl.col("_hidden") & (pl.col("_count") > 0)).select(shared).unique()
        inside = unknown.with_row_index("_at").join(shown, on=list(shared), how="semi", nulls_equal=True)
        if inside.height:
            rows.append(inside.select(pl.struct(shared).rank("dense").cast(pl.Int64)).to_series().to_numpy() - 1 + size)
            columns.append(inside["_at"].to_numpy())
            size = int(rows[-1].max()) + 1
    if not rows:
        return np.empty(0, np.uint32)
    at = np.concatenate(columns)
    equations = coo_matrix((np.ones(at.size), (np.concatenate(rows), at)), shape=(size, unknown.height)).tocsc()
    told = [ids[_determined(equations[:, ids].toarray())] for ids in _apart(equations)]
    return unknown["_cell"].to_numpy()[np.concatenate(told)] if told else np.empty(0, np.uint32)


def _apart(equations: coo_matrix) -> Iterator[np.ndarray]:
    """Groups of cells that share lines."""
    _, label = connected_components(equations.T @ equations, directed=False)
    order = np.argsort(label, kind="stable")
    for ids in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
        if ids.size <= AUDIT_MAX:
            yield ids


def _determined(equations: np.ndarray) -> np.ndarray:
    """Which unknowns have one value alone in every solution."""
    used = equations[equations.any(axis=1)]
    _, singular, right = np.linalg.svd(used, full_matrices=False)
    basis = right[singular > 1e-9]
    return (basis**2).sum(axis=0) > 1 - 1e-6


def _beside(cells: pl.DataFrame, lines: Sequence[Sequence[str]], told: np.ndarray) -> np.ndarray:
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
