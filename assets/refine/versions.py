"""Versions of rows of tables that are published whole: which publication said each first, and which no more.

Which publications there were is `snapshots`; feeds whose rows happen once are settled in `repeats`.
"""

import polars as pl

from assets.refine.repeats import LATEST_LAST, Settled
from assets.refine.snapshots import TABLE, Register, words
from schemas.contract import Contract
from schemas.stages import SNAPSHOT_AT, VALID_FROM, VALID_TO

PUBLICATION = [TABLE, SNAPSHOT_AT]
HIDDEN = r"(^|[^0-9A-Za-z])[0-9a-f]{32,}($|[^0-9A-Za-z])"
"""A key with a digest in it stands in no row as it came."""


def settle(rows: pl.DataFrame, contract: Contract, register: Register) -> Settled:
    """Keep every version of every key, with `valid_from` and `valid_to`.

    A row that says what the publication before it said is a repeat, and so is one that says the same twice in one publication;
    of rows of one key that differ within a publication the latest wins. Of several tables that have a key, those that still
    have it win, and then the one that spoke last: rows of the others are superseded.
    ``rows in == rows out + repeated + superseded``, whatever the order of the rows.
    """
    told = [c for c in contract.names if c not in contract.key and not contract[c].of_delivery]
    said = _statements(rows, contract, register, told)
    if register.refused_any:
        said = said.drop("_gone_at").join(_withdrawn(said, contract, register), on="_index", how="left")
    said = said.sort("_index")
    differs = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift(1)) for c in told) if told else pl.lit(False)
    starts = pl.col("_first") | differs | pl.col("_gone_at").shift(1).is_not_null()
    last = [pl.col("_gone_at", "_then").last(), pl.col(SNAPSHOT_AT).last().alias("_last_at"), pl.col("_versions").sum()]
    kept = (
        said.lazy()
        .with_columns(starts.fill_null(True).cum_sum().alias("_run"))
        .group_by("_run", maintain_order=True)
        .agg(pl.col(rows.columns).first(), *last)
        .with_columns(pl.col(SNAPSHOT_AT).alias(VALID_FROM.name), pl.coalesce("_gone_at", "_then").alias(VALID_TO.name))
        .collect()
    )
    winners = _of_one_table(kept, list(contract.key))
    superseded = int((said["_distinct"] - 1).sum()) + kept.height - winners.height
    out = winners.select(*rows.columns, "_versions", VALID_FROM.name, VALID_TO.name)
    return Settled(out, rows.height - out.height - superseded, superseded)


def _statements(rows: pl.DataFrame, contract: Contract, register: Register, told: list[str]) -> pl.DataFrame:
    """What each publication says of a key: the columns of its latest row, in order of key, table and publication, and

    `_versions`, `_distinct`: how many rows it has of the key, and how many that differ; `_index`; `_first`: of its key and table;
    `_then`: when the same table says the next of it; `_gone_at`: when the next publication of the table comes, if that is before.
    """
    thing = [*contract.key, TABLE]
    values = [c for c in contract.names if c not in contract.key]
    distinct = pl.struct(told).n_unique().cast(pl.Int64) if told else pl.lit(1, pl.Int64)
    is_first = ~pl.all_horizontal(pl.col(c).eq_missing(pl.col(c).shift(1)) for c in thing)
    others = [c for c in rows.columns if c not in (*thing, SNAPSHOT_AT)]
    next_at = pl.when(pl.col("_then").is_null() | (pl.col("next_at") < pl.col("_then"))).then(pl.col("next_at"))
    return (
        rows.lazy()
        .sort([*LATEST_LAST, *values])
        .group_by(*thing, SNAPSHOT_AT)
        .agg(pl.col(others).last(), pl.len().cast(pl.Int64).alias("_versions"), distinct.alias("_distinct"))
        .sort([*thing, SNAPSHOT_AT])
        .with_columns(_index=pl.int_range(pl.len(), dtype=pl.Int64), _first=is_first)
        .with_columns(_then=pl.when(~pl.col("_first").shift(-1, fill_value=True)).then(pl.col(SNAPSHOT_AT).shift(-1)))
        .join(register.next.lazy(), on=PUBLICATION, how="left")
        .with_columns(_gone_at=next_at)
        .drop("next_at")
        .collect()
    )


def _withdrawn(said: pl.DataFrame, contract: Contract, register: Register) -> pl.DataFrame:
    """`_index` and `_gone_at` of the statements after which a publication of the same table surely has the key no more.

    One that refused rows with the key's words may have had it all the same, and withdraws it not; nor does one that was not read
    whole. Then the publications after it are asked.
    """
    probed, then = pl.col(SNAPSHOT_AT), pl.col("_then")
    at = said.select("_index", "_then", *contract.key, TABLE, pl.col("_gone_at").alias(SNAPSHOT_AT))
    found = [at.select("_index", _gone_at=SNAPSHOT_AT).clear()]
    while True:
        at = at.filter(probed.is_not_null() & (then.is_null() | (probed < then)))
        if not at.height:
            return pl.concat(found)
        doubted = _doubted(at, contract, register)
        found.append(at.join(doubted, on="_index", how="anti").select("_index", _gone_at=SNAPSHOT_AT))
        again = at.join(doubted, on="_index", how="semi").join(register.next, on=PUBLICATION)
        at = again.drop(SNAPSHOT_AT).rename({"next_at": SNAPSHOT_AT})


def _doubted(at: pl.DataFrame, contract: Contract, register: Register) -> pl.DataFrame:
    """`_index` of those that may stand among what the publication refused, or in what was not read of it."""
    cut = at.join(register.broken, on=PUBLICATION, how="semi")
    refusing = at.join(register.words, on=PUBLICATION, how="semi")
    texts = [pl.col(k) for k in contract.key if contract[k].kind == "string"]
    hidden = pl.any_horizontal(t.str.contains(HIDDEN) for t in texts) if texts else pl.lit(True)
    text = pl.concat_str(texts, separator=" ") if texts else pl.lit("")
    looked_for = refusing.filter(~hidden).select("_index", *PUBLICATION, word=words(text).list.unique()).explode("word")
    missing = looked_for.join(register.words, on=[*PUBLICATION, "word"], how="anti")
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
