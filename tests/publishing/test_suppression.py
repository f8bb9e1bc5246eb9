"""No withheld count can be worked out of a release whose totals are known. Several releases are in test_releases."""

import numpy as np
import polars as pl
import pytest

from assets.publishing.suppression import completed

from .attacker import bounds

K = 10
LINES = [["district"], ["kind"]]


def table(seed: int, shape: tuple[int, int] = (6, 4)) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    cells = pl.DataFrame(
        [(f"d{i}", f"k{j}") for i in range(shape[0]) for j in range(shape[1])], schema=["district", "kind"], orient="row"
    )
    counts = rng.negative_binomial(1, 0.04, cells.height) * (rng.random(cells.height) > 0.1)
    return cells.with_row_index("_cell").with_columns(
        pl.Series("_count", counts), ((pl.lit(counts) > 0) & (pl.lit(counts) < K)).alias("_hidden"), pl.lit(True).alias("_fresh")
    )


def attack(cells: pl.DataFrame) -> dict[int, tuple[float, float]]:
    """Every row's and column's total is known, unless nothing of it is published."""
    hidden = cells.filter(pl.col("_hidden"))["_cell"].to_list()
    equations = []
    for (column,) in LINES:
        for (_,), line in cells.partition_by(column, as_dict=True).items():
            unknown = line.filter(pl.col("_hidden"))
            shown = line.filter(~pl.col("_hidden") & (pl.col("_count") > 0))
            if unknown.height and shown.height:
                equations.append((dict.fromkeys(unknown["_cell"], 1.0), float(unknown["_count"].sum())))
    return bounds(hidden, equations) if hidden else {}


@pytest.mark.parametrize("seed", range(25))
def test_no_withheld_count_can_be_worked_out(seed: int) -> None:
    before = table(seed)
    after = completed(before, LINES, K)
    assert after.filter("_hidden")["_cell"].is_in(before.filter("_hidden")["_cell"].implode()).sum() == before["_hidden"].sum()
    exposed = set(after.filter("_exposed")["_cell"])
    for cell, (low, high) in attack(after).items():
        assert high - low >= 1 or cell in exposed
    assert not exposed, "with every cell new there is always another one to withhold"


def test_the_attacker_finds_what_is_not_completed() -> None:
    """The same attack on primary suppression alone works: the test above can fail."""
    found = [c for seed in range(25) for c, (low, high) in attack(table(seed)).items() if high - low < 1e-6]
    assert found


def test_withheld_cells_that_hang_on_a_bridge_are_found() -> None:
    """Two cells in every line are not enough: two squares joined by one cell tell that cell. Worked by hand.

    Rows a, b over columns p, q are a square; rows c, d over r, s another; (a, r) joins them. Sum of rows a and b less columns
    p and q leaves (a, r) alone.
    """
    names = [("a", "p"), ("a", "q"), ("b", "p"), ("b", "q"), ("c", "r"), ("c", "s"), ("d", "r"), ("d", "s"), ("a", "r")]
    shown = [("a", "s"), ("b", "s"), ("c", "p"), ("d", "q"), ("b", "r"), ("c", "q"), ("d", "p")]
    cells = pl.DataFrame([*names, *shown], schema=["district", "kind"], orient="row").with_row_index("_cell")
    cells = cells.with_columns(
        pl.lit(12, pl.Int64).alias("_count"), pl.col("_cell").lt(len(names)).alias("_hidden"), pl.lit(True).alias("_fresh")
    )
    low, high = attack(cells)[8]
    assert high - low < 1e-6
    low, high = attack(completed(cells, LINES, K))[8]
    assert high - low >= 1


def test_a_cell_that_readers_know_hides_nothing() -> None:
    """Its neighbour was published before with the same count: to withhold it now is no protection, another one is taken."""
    cells = pl.DataFrame(
        {"_cell": [0, 1, 2], "kind": ["a", "a", "a"], "_count": [4, 11, 30]}, schema_overrides={"_cell": pl.UInt32}
    )
    cells = cells.with_columns(_hidden=pl.Series([True, False, False]), _fresh=pl.Series([True, False, True]))
    assert completed(cells, [["kind"]], K)["_hidden"].to_list() == [True, False, True]
    known = cells.with_columns(_fresh=pl.Series([True, False, False]))
    assert completed(known, [["kind"]], K)["_exposed"].to_list() == [True, False, False]


def test_where_nothing_is_few_nothing_is_withheld() -> None:
    cells = table(3).with_columns(pl.lit(50, pl.Int64).alias("_count"), pl.lit(False).alias("_hidden"))
    assert not completed(cells, LINES, K)["_hidden"].any()
