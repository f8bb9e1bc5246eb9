"""Unit and clock corrections from the reference tables, said on every row they touch.

Which row of a key wins is settled in `repeats`. Raw is never changed.
"""

import polars as pl

from schemas.contract import Contract


def neutral(contract: Contract, reference: pl.DataFrame) -> bool:
    """Whether the reference table corrects nothing in this feed."""
    described = contract.described
    if described is None or reference.height == 0:
        return True
    factors = [pl.col(f) == 1.0 for _, f in described.factors]
    clock = [pl.col(described.clock) == 0] if described.clock else []
    return reference.select(pl.all_horizontal(*factors, *clock, pl.lit(True)).all()).item()


def moves_clocks(contract: Contract, reference: pl.DataFrame) -> bool:
    """Whether a correction can move a row to another day."""
    clock = contract.described.clock if contract.described else None
    return clock is not None and reference.height > 0 and bool((reference[clock] != 0).any())


def correct(rows: pl.DataFrame, contract: Contract, reference: pl.DataFrame) -> pl.DataFrame:
    """Apply the reference row that is valid at each event's (reported) time.

    Adds `_corrections`: what was changed, such as ``mean_speed_kmh x 1.609344; clock -120 s``, or null.
    """
    described = contract.described
    if described is None or contract.event_time is None or neutral(contract, reference):
        return rows.with_columns(pl.lit(None, pl.String).alias("_corrections"))
    time = contract.event_time
    # one factor may correct several columns
    wanted = list(dict.fromkeys([*(f for _, f in described.factors), *([described.clock] if described.clock else [])]))
    faulty = reference.sort("valid_from").select(described.on, "valid_from", *wanted)
    joined = rows.sort(time, maintain_order=True).join_asof(
        faulty, left_on=time, right_on="valid_from", by=described.on, strategy="backward", check_sortedness=False
    )
    said, changed = [], []
    for column, factor in described.factors:
        applies = pl.col(factor).is_not_null() & (pl.col(factor) != 1.0) & pl.col(column).is_not_null()
        said.append(pl.when(applies).then(pl.format(f"{column} x {{}}", pl.col(factor))))
        changed.append(pl.when(applies).then(pl.col(column) * pl.col(factor)).otherwise(pl.col(column)).alias(column))
    if described.clock:
        offset = pl.col(described.clock).fill_null(0)
        said.append(pl.when(offset != 0).then(pl.format("clock {} s", -offset)))
        changed.append((pl.col(time) - pl.duration(seconds=offset)).alias(time))
    note = pl.concat_str(said, separator="; ", ignore_nulls=True)
    return joined.with_columns(pl.when(note != "").then(note).alias("_corrections"), *changed).drop("valid_from", *wanted)
