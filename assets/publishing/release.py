"""What of a metric's rows is released, given what was released before: readers keep old releases and subtract them.

Pure. Which lines of one release tell of each other is `suppression`'s; files are `gate`'s.

* A row under the limit is withheld. One that was published before, when it was over the limit, stays as it was published (held).
* A row once withheld stays so until its count has changed by as much as the limit: else the next release would tell the last one.
* A total is published anew only where the parts that readers cannot see changed by nothing, or by several that count enough.
"""

import json
from dataclasses import dataclass

import polars as pl

from assets.publishing.suppression import completed
from schemas.contract import Contract
from schemas.publish import Publish

SHOWN = ("published", "held")
PARTS = pl.List(pl.Struct({"table": pl.String, "part": pl.String, "count": pl.Int64, "is_hidden": pl.Boolean}))


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
    """The rows as they are released, of the layer `published`, and how many withheld ones readers could work out all the same.

    Args:
        rows: the metric's rows of some partitions.
        before: what was released of them last.
        parts: of a total, the released rows of finer metrics: key columns they share, `table`, `part`, `_count`, `is_hidden`.
    """
    publish = contract.publish or Publish()
    key = ["event_date", *(k for k in contract.key if k != "event_date")]
    old = before.select(*key, pl.col("release").alias("_was"), pl.col("_count").alias("_old"), "_hidden_count", "_parts")
    cells = rows.with_columns(pl.col(publish.count).fill_null(0).cast(pl.Int64).alias("_count")).with_row_index("_cell")
    cells = cells.join(old, on=key, how="left", nulls_equal=True)
    least = limits.least(publish)
    was_shown = pl.col("_was").is_in(SHOWN).fill_null(False)
    cells = cells.with_columns(_few(publish, limits).alias("_few"), was_shown.alias("_was_shown"))
    clinging = (pl.col("_was") == "suppressed") & ((pl.col("_count") - pl.col("_hidden_count")).abs() < least)
    cells = cells.with_columns(
        (clinging.fill_null(False) | (pl.col("_few") & ~pl.col("_was_shown"))).alias("_hidden"),
        (pl.col("_few") & pl.col("_was_shown")).alias("_held"),
        # a count that was published, and is the same, is known whatever is withheld now
        (~pl.col("_was_shown") | (pl.col("_count") != pl.col("_old"))).fill_null(True).alias("_fresh"),
    )
    cells = _of_parts(cells, parts, least) if parts is not None else cells.with_columns(pl.lit(None, pl.String).alias("_told"))
    lines = [[k for k in key if k != across] for across in publish.across]
    free = cells.filter(~pl.col("_held"))
    free = completed(free, lines, least) if free.height else free.with_columns(pl.lit(False).alias("_exposed"))
    cells = pl.concat([free, cells.filter("_held").with_columns(pl.lit(False).alias("_exposed"))]).sort("_cell")
    return _written(cells, before, contract, key), int(cells["_exposed"].sum())


def _few(publish: Publish, limits: Limits) -> pl.Expr:
    """Rows that could tell of single people: a count of none tells of nobody."""
    few = (pl.col("_count") > 0) & (pl.col("_count") < limits.least(publish))
    if publish.largest_share is None:
        return few
    return few | ((pl.col("_count") > 0) & (pl.col(publish.largest_share) > limits.share).fill_null(False))


def _of_parts(cells: pl.DataFrame, parts: pl.DataFrame, least: int) -> pl.DataFrame:
    """Hold or withhold totals from which parts could be worked out, now or beside the last release."""
    on = [c for c in parts.columns if c not in ("table", "part", "_count", "is_hidden")]
    now = parts.select(*on, "table", "part", pl.col("_count").alias("count"), "is_hidden")
    then = cells.select("_cell", pl.col("_parts").str.json_decode(PARTS).alias("p")).explode("p").unnest("p").drop_nulls("part")
    both = (
        cells.select("_cell", *on)
        .join(now, on=on, how="inner", nulls_equal=True)
        .drop(on)
        .join(
            then.rename({"count": "was", "is_hidden": "was_hidden"}),
            on=["_cell", "table", "part"],
            how="full",
            coalesce=True,
        )
    )
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
    listed = both.filter(pl.col("count").is_not_null()).group_by("_cell", maintain_order=True)
    listed = listed.agg(pl.struct("table", "part", "count", unseen.alias("is_hidden")).sort_by("table", "part").alias("_list"))
    cells = cells.join(judged, on="_cell", how="left").join(listed, on="_cell", how="left").sort("_cell")
    shown = pl.col("_was_shown")
    leaks = (pl.col("_tells") | (shown & pl.col("_tells_change"))).fill_null(False)
    told = pl.Series("_told", [json.dumps(p) if p is not None else None for p in cells["_list"].to_list()], dtype=pl.String)
    return cells.with_columns(
        told,
        (pl.col("_held") | (leaks & shown)).alias("_held"),
        (pl.col("_hidden") | (leaks & ~shown)).alias("_hidden"),
        # readers add up a total whose parts they all see
        (pl.col("_fresh") & ~pl.col("_derived").fill_null(False)).alias("_fresh"),
    ).drop("_tells", "_tells_change", "_derived", "_list")


def _written(cells: pl.DataFrame, before: pl.DataFrame, contract: Contract, key: list[str]) -> pl.DataFrame:
    """Released rows: withheld ones keep their key, held ones are the old rows."""
    schema = contract.polars_schema("published")
    told = [c for c in schema if c not in (*key, "local_time", "release", "_count", "_hidden_count", "_parts")]
    shown = ~pl.col("_hidden")
    fresh = cells.filter(~pl.col("_held")).with_columns(
        *(pl.when(shown).then(pl.col(c)).alias(c) for c in told),
        pl.when(shown).then(pl.lit("published")).otherwise(pl.lit("suppressed")).alias("release"),
        pl.when(~shown).then(pl.coalesce(pl.when(pl.col("_was") == "suppressed").then("_hidden_count"), "_count"))
        .alias("_hidden_count"),
        pl.when(shown).then("_told").alias("_parts"),
    )  # fmt: skip
    if "null_reason" in schema:
        fresh = fresh.with_columns(pl.when(shown).then("null_reason").otherwise(pl.lit("suppressed")).alias("null_reason"))
    fresh = fresh.select(pl.col(c).cast(t) for c, t in schema.items())
    held = before.join(cells.filter("_held").select(key), on=key, how="semi", nulls_equal=True)
    held = held.with_columns(pl.lit("held").alias("release")).select(pl.col(c).cast(t) for c, t in schema.items())
    return pl.concat([fresh, held]).sort(key)
