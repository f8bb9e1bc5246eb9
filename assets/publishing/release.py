"""What of a metric's counts is released, given what was released before: readers keep old releases and subtract them.

Pure. Which lines of one release tell of each other is `suppression`'s; files are `gate`'s.

* A count under the limit is withheld. One that was published before, when it was over the limit, stays as it was (held).
* A count once withheld stays so until it has changed by as much as the limit: else the next release would tell the last one.
* A total is published anew only where the parts that readers cannot see changed by nothing, or by several that count enough.
"""

from dataclasses import dataclass

import polars as pl

from assets.publishing import cells as cell
from assets.publishing.suppression import completed
from schemas.contract import Contract
from schemas.publish import Publish

SHOWN = ("published", "held")


@dataclass(frozen=True)
class Limits:
    """The limits of the gate: k; and for energy, customers and the share of the largest."""

    count: int
    customers: int
    share: float

    def least(self, publish: Publish) -> int:
        """The count that a row needs."""
        return self.customers if publish.largest_share else self.count


def released(
    rows: pl.DataFrame, before: pl.DataFrame, contract: Contract, limits: Limits, parts: pl.DataFrame | None
) -> tuple[pl.DataFrame, int]:
    """The rows as they are released, of the layer `published`, and how many withheld counts readers could work out all the same.

    Args:
        rows: the metric's rows of some partitions.
        before: what was released of them last.
        parts: of a total, the counts released of finer metrics: its key, `_column`, `table`, `part`, `_count`, `is_hidden`.
    """
    if not rows.height:
        return pl.DataFrame(schema=contract.polars_schema("published")), 0
    publish, key = contract.publish or Publish(), cell.key_of(contract)
    least = limits.least(publish)
    found = cell.cells(rows, contract).with_row_index("_cell")
    found = found.join(cell.remembered(before, contract), on=[*key, "_column"], how="left", nulls_equal=True).sort("_cell")
    few = (pl.col("_count") > 0) & (
        (pl.col("_count") < least)
        | pl.col("_rest").is_between(1, least - 1).fill_null(False)
        | (pl.col("_share") > limits.share).fill_null(False)
    )
    found = found.with_columns(few.alias("_few"), pl.col("_was").is_in(SHOWN).fill_null(False).alias("_was_shown"))
    clings = (pl.col("_was") == "suppressed") & ((pl.col("_count") - pl.col("_hidden_count")).abs() < least)
    found = found.with_columns(
        (clings.fill_null(False) | (pl.col("_few") & ~pl.col("_was_shown"))).alias("_hidden"),
        (pl.col("_few") & pl.col("_was_shown")).alias("_held"),
        # a count that was published, and is the same, is known whatever is withheld now
        (~pl.col("_was_shown") | (pl.col("_count") != pl.col("_old"))).fill_null(True).alias("_fresh"),
    )
    found = found.with_columns(pl.lit(None, cell.PARTS).alias("_told")) if parts is None else _of_parts(found, parts, least)
    found = _summed(_by_row(found))
    lines = [[*(k for k in key if k != across), "_column"] for across in publish.across]
    free = completed(found.filter(~pl.col("_held")), lines, least, [*key, "_split"] if publish.splits else None)
    free = free.with_columns(pl.col("_exposed") & pl.col("_few"))  # what only stood in front of another has nothing to hide
    judged = pl.concat([free, found.filter("_held").with_columns(pl.lit(False).alias("_exposed"))])
    return cell.assembled(rows, _state(_by_row(judged)), before, contract), int(judged["_exposed"].sum())


def _by_row(found: pl.DataFrame) -> pl.DataFrame:
    """Where the count that carries a row is withheld or held, all of its counts are."""
    whole = pl.col("_column") == cell.ROW
    return found.with_columns(
        (pl.col("_hidden") | (pl.col("_hidden") & whole).any().over("_row")).alias("_hidden"),
        (pl.col("_held") | (pl.col("_held") & whole).any().over("_row")).alias("_held"),
    ).sort("_cell")


def _summed(found: pl.DataFrame) -> pl.DataFrame:
    """Mark the counts that add up to one that is told. One that is all of it is known: readers see that the others are 0."""
    whole = pl.col("_column") == cell.ROW
    told = pl.col("_is_split") & ~(pl.col("_hidden") & whole).any().over("_row")
    found = found.with_columns(told.alias("_summed"))
    alone = pl.col("_summed") & ((pl.col("_count") > 0).sum().over("_row", "_split") == 1)
    return found.with_columns((pl.col("_fresh") & ~alone).alias("_fresh")).sort("_cell")


def _of_parts(found: pl.DataFrame, parts: pl.DataFrame, least: int) -> pl.DataFrame:
    """Hold or withhold totals from which parts could be worked out, now or beside the last release."""
    on = [c for c in parts.columns if c not in ("table", "part", "_count", "is_hidden")]
    now = parts.select(*on, "table", "part", pl.col("_count").alias("count"), "is_hidden")
    then = found.select("_cell", pl.col("_parts").alias("p")).explode("p").unnest("p").drop_nulls("part")
    then = then.rename({"count": "was", "is_hidden": "was_hidden"})
    both = found.select("_cell", *on).join(now, on=on, how="inner", nulls_equal=True).drop(on)
    both = both.join(then, on=["_cell", "table", "part"], how="full", coalesce=True)
    unseen = pl.col("is_hidden").fill_null(False)
    change = (pl.col("count").fill_null(0) - pl.col("was").fill_null(0)).abs()
    # readers know how a part changed that they saw then and see now
    moved = (unseen | pl.col("was_hidden").fill_null(False)) & (change > 0)
    weighed = both.group_by("_cell", "table").agg(
        (unseen & (pl.col("count") > 0)).sum().alias("n"),
        pl.col("count").filter(unseen).sum().alias("sum"),
        moved.sum().alias("moved"),
        change.filter(moved).sum().alias("by"),
    )
    judged = weighed.group_by("_cell").agg(
        ((pl.col("n") > 0) & ((pl.col("n") < 2) | (pl.col("sum") < least))).any().alias("_tells"),
        ((pl.col("moved") > 0) & ((pl.col("moved") < 2) | (pl.col("by") < least))).any().alias("_tells_change"),
        (pl.col("n") == 0).any().alias("_derived"),
    )
    told = pl.struct("table", "part", "count", unseen.alias("is_hidden")).sort_by("table", "part").alias("_told")
    listed = both.filter(pl.col("count").is_not_null()).group_by("_cell").agg(told)
    found = found.join(judged, on="_cell", how="left").join(listed, on="_cell", how="left").sort("_cell")
    shown = pl.col("_was_shown")
    leaks = (pl.col("_tells") | (shown & pl.col("_tells_change"))).fill_null(False)
    return found.with_columns(
        (pl.col("_held") | (leaks & shown)).alias("_held"),
        (pl.col("_hidden") | (leaks & ~shown)).alias("_hidden"),
        # readers add up a total whose parts they all see
        (pl.col("_fresh") & ~pl.col("_derived").fill_null(False)).alias("_fresh"),
    ).drop("_tells", "_tells_change", "_derived")


def _state(judged: pl.DataFrame) -> pl.DataFrame:
    """What is to be remembered of each cell; of one that is held, what was remembered."""
    held, hidden = pl.col("_held"), pl.col("_hidden")
    since = pl.coalesce(pl.when(pl.col("_was") == "suppressed").then("_hidden_count"), "_count")
    return judged.with_columns(
        pl.when(held).then(pl.lit("held")).when(hidden).then(pl.lit("suppressed")).otherwise(pl.lit("published")).alias("_was"),
        pl.when(held).then("_old").otherwise("_count").alias("_old"),
        pl.when(held | ~hidden).then(None).otherwise(since).alias("_hidden_count"),
        pl.when(held).then("_parts").when(~hidden).then("_told").alias("_parts"),
    )
