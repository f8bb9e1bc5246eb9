"""Repeats and corrections of a key: the latest version wins, and every other row is counted.

Units and clocks are settled before, in `corrections`.
"""

from dataclasses import dataclass

import polars as pl

from schemas.contract import Contract

LATEST_LAST = ("_received_at", "_source", "_position")


@dataclass(frozen=True)
class Settled:
    """One row per key with `_versions`, and what was left out."""

    rows: pl.DataFrame
    repeated: int
    superseded: int


def settle(rows: pl.DataFrame, contract: Contract) -> Settled:
    """Keep the latest version of every key.

    A row that says the same as another of its key is a repeat; each further distinct version is superseded.
    ``rows in == rows out + repeated + superseded``, whatever the order of the rows.
    """
    key = list(contract.key)
    twice = rows.select(pl.struct(key).is_duplicated()).to_series() if rows.height else pl.Series([], dtype=pl.Boolean)
    single = rows.filter(~twice).with_columns(pl.lit(1, pl.Int64).alias("_versions"))
    if single.height == rows.height:
        return Settled(single, 0, 0)
    doubled = rows.filter(twice)
    values = [c for c in contract.names if c not in contract.key]
    told = [c for c in values if not contract[c].of_delivery]
    said = pl.struct(told).n_unique() if told else pl.lit(1)
    counts = doubled.group_by(key).agg(pl.len().cast(pl.Int64).alias("_versions"), said.alias("_distinct"))
    latest = latest_of(doubled, key, values).join(counts, on=key, how="left")
    superseded = int((latest["_distinct"] - 1).sum())
    kept = pl.concat([single, latest.select(single.columns)])
    return Settled(kept, rows.height - kept.height - superseded, superseded)


def latest_of(rows: pl.DataFrame, key: list[str], values: list[str]) -> pl.DataFrame:
    """The latest version of every key, whatever the order of the rows."""
    # rows of one message share a position: their values decide, so that the order of reading never does
    return rows.sort([*LATEST_LAST, *values]).unique(key, keep="last", maintain_order=True)
