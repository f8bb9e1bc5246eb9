"""Versions of rows of tables that are published whole: which publication said each first, and which no more.

Which publications there were is `snapshots`; feeds whose rows happen once are settled in `repeats`.
"""

import polars as pl

from assets.refine.repeats import LATEST_LAST, Settled
from assets.refine.snapshots import TABLE, Register, words
from schemas.contract import Contract
from schemas.stages import SNAPSHOT_AT, VALID_FROM, VALID_TO

HIDDEN = r"^[0-9a-f]{32,}$"
"""A key that is a digest stands in no row as it came."""


def settle(rows: pl.DataFrame, contract: Contract, register: Register) -> Settled:
    """Keep every version of every key, with `valid_from` and `valid_to`.

    A row that says what the publication before it said is a repeat, and so is one that says the same twice in one publication;
    of rows of one key that differ within a publication the latest wins. Of several tables that have a key, those that still
    have it win, and then the one that spoke last: rows of the others are superseded.
    ``rows in == rows out + repeated + superseded``, whatever the order of the rows.
    """
    key, thing = list(contract.key), [*contract.key, TABLE]
    values = [c for c in contract.names if c not in contract.key]
    told = [c for c in values if not contract[c].of_delivery]
    said, contradicted = _statements(rows, [*thing, SNAPSHOT_AT], values, told)
    said = said.sort([*thing, SNAPSHOT_AT])
    is_first = ~pl.all_horizontal(pl.col(c).eq_missing(pl.col(c).shift(1)) for c in thing).fill_null(False)
    said = said.with_columns(_index=pl.int_range(pl.len(), dtype=pl.Int64), _first=is_first)
    ends = pl.col("_first").shift(-1, fill_value=True)
    said = said.with_columns(_then=pl.when(~ends).then(pl.col(SNAPSHOT_AT).shift(-1)))
    said = said.join(_withdrawn(said, contract, register), on="_index", how="left", maintain_order="left")
    differs = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift(1)) for c in told) if told else pl.lit(False)
    starts = pl.col("_first") | differs | pl.col("_gone_at").shift(1).is_not_null()
    said = said.with_columns(_run=starts.fill_null(True).cum_sum())
    runs = said.group_by("_run", maintain_order=True).agg(
        pl.col("_versions").sum(), pl.col("_gone_at").last(), pl.col("_then").last(), pl.col(SNAPSHOT_AT).last().alias("_last_at")
    )
    kept = said.unique("_run", keep="first", maintain_order=True).drop("_versions", "_gone_at", "_then")
    kept = kept.join(runs, on="_run", how="left", maintain_order="left").with_columns(
        pl.col(SNAPSHOT_AT).alias(VALID_FROM.name), pl.coalesce("_gone_at", "_then").alias(VALID_TO.name)
    )
    winners = _of_one_table(kept, key)
    overruled = kept.height - winners.height
    out = winners.select(*rows.columns, "_versions", VALID_FROM.name, VALID_TO.name)
    superseded = contradicted + overruled
    return Settled(out, rows.height - out.height - superseded, superseded)


def _statements(rows: pl.DataFrame, once: list[str], values: list[str], told: list[str]) -> tuple[pl.DataFrame, int]:
    """What each publication says of a key, with `_versions`, and how many rows it contradicts."""
    distinct = pl.struct(told).n_unique() if told else pl.lit(1)
    counts = rows.group_by(once).agg(pl.len().cast(pl.Int64).alias("_versions"), distinct.alias("_distinct"))
    latest = rows.sort([*LATEST_LAST, *values]).unique(once, keep="last", maintain_order=True)
    said = latest.join(counts, on=once, how="left", nulls_equal=True)
    return said.drop("_distinct"), int((said["_distinct"] - 1).sum())


def _withdrawn(said: pl.DataFrame, contract: Contract, register: Register) -> pl.DataFrame:
    """`_index` and `_gone_at` of the statements after which a publication of the same table has the key no more.

    One that refused rows with the key's words may have had it all the same, and withdraws it not; nor does one that was not read
    whole.
    """
    step = register.next.rename({"next_at": "_probe"})
    at = said.select("_index", "_then", *contract.key, TABLE, SNAPSHOT_AT).join(step, on=[TABLE, SNAPSHOT_AT])
    found = []
    while at.height:
        at = at.filter(pl.col("_probe").is_not_null() & (pl.col("_then").is_null() | (pl.col("_probe") < pl.col("_then"))))
        doubted = _doubted(at, contract, register)
        found.append(at.join(doubted, on="_index", how="anti").select("_index", pl.col("_probe").alias("_gone_at")))
        again = at.join(doubted, on="_index", how="semi").drop(SNAPSHOT_AT).rename({"_probe": SNAPSHOT_AT})
        at = again.join(step, on=[TABLE, SNAPSHOT_AT]).select(at.columns)
    none = pl.DataFrame(schema={"_index": pl.Int64, "_gone_at": SNAPSHOT_TYPE})
    return pl.concat([none, *found])


def _doubted(at: pl.DataFrame, contract: Contract, register: Register) -> pl.DataFrame:
    """`_index` of those that may stand among what the publication at `_probe` refused, or in what was not read of it."""
    publication = {"left_on": [TABLE, "_probe"], "right_on": [TABLE, SNAPSHOT_AT]}
    cut = at.join(register.broken, how="semi", **publication)
    refusing = at.join(register.words, how="semi", **publication)
    texts = [pl.col(k) for k in contract.key if contract[k].kind == "string"]
    hidden = pl.any_horizontal(t.str.contains(HIDDEN) for t in texts) if texts else pl.lit(True)
    text = pl.concat_str(texts, separator=" ") if texts else pl.lit("")
    looked_for = refusing.filter(~hidden).select("_index", TABLE, "_probe", word=words(text).list.unique()).explode("word")
    missing = looked_for.join(
        register.words, left_on=[TABLE, "_probe", "word"], right_on=[TABLE, SNAPSHOT_AT, "word"], how="anti"
    )
    named = refusing.filter(~hidden).join(missing, on="_index", how="anti")
    return pl.concat([f.select("_index") for f in (cut, refusing.filter(hidden), named)]).unique()


def _of_one_table(kept: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Without the versions of other tables, where several have a key."""
    if not kept.height or kept[TABLE].n_unique() == 1:
        return kept
    several = kept.select((pl.col(TABLE).n_unique().over(key) > 1).alias("several"))["several"]
    by_table = kept.filter(several).group_by(*key, TABLE)
    ranked = by_table.agg(pl.col(VALID_TO.name).is_null().any().alias("_in_force"), pl.col("_last_at").max())
    best = ranked.sort("_in_force", "_last_at", TABLE, nulls_last=False).unique(key, keep="last", maintain_order=True)
    chosen = kept.filter(several).join(best.select(*key, TABLE), on=[*key, TABLE], how="semi", nulls_equal=True)
    return pl.concat([kept.filter(~several), chosen])


SNAPSHOT_TYPE = VALID_FROM.dtype
