"""Refused rows that may tell of a unit or a clock, with the device that sent them, where their payload names it.

The quarantine keeps rows as they came, so a device is looked for in the text; nothing is judged here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from schemas.contract import Contract
from schemas.lake import Lake
from schemas.rejection import Code

TELLING = (Code.OUT_OF_RANGE, Code.RULE_BROKEN, Code.FROM_FUTURE, Code.IMPLAUSIBLE_TIME, Code.WRONG_TYPE)
WORD = r"[^\"',;\t{}\[\]<>=|]+"
"""What a payload is cut into, whatever its format: the device's name is one of the pieces."""


@dataclass(frozen=True)
class Refused:
    """Refused rows, one for each row and column that its fault gives a value of.

    Attributes:
        rows: `device` (null where it could not be told), `event_date`, `code`, `column`, `value` (text), `interval_s` (where the
            fault gives it), `_received_at`, `_source`.
        nameless: rows whose device could not be told.
    """

    rows: pl.DataFrame
    nameless: int


def refused_rows(lake: Lake, contract: Contract, days: Sequence[date], devices: pl.Series) -> Refused:
    """Rows of one feed that landing refused, of some days or received in them."""
    schema = {"device": pl.String, "event_date": pl.Date, "code": pl.String, "column": pl.String, "value": pl.String}
    schema |= {"interval_s": pl.Float64, "_received_at": pl.Datetime("us", "UTC"), "_source": pl.String}  # type: ignore[dict-item]
    scan = lake.scan("quarantine", contract.name)
    if scan is None:
        return Refused(pl.DataFrame(schema=schema), 0)
    received = pl.col("_received_at").dt.date()
    recent = pl.col("event_date").is_in(list(days)) | (
        pl.col("event_date").is_null() & received.is_between(days[0], days[-1] + timedelta(days=1))
    )
    rows = scan.filter(pl.col("stage") == "land", pl.col("code").is_in(list(TELLING)), recent).collect()
    rows = rows.with_row_index("row")
    described = contract.described
    on = described.on if described else contract.key[0]
    named = rows.select(
        "row",
        # the feed's own name of the column is the surest; else exactly one piece is the name of a device that is known
        pl.col("payload").str.extract(rf'"{on}"\s*:\s*"?([^",}}]+)').alias("said"),
        pl.col("payload").str.extract_all(WORD).alias("pieces"),
    )
    known = pl.DataFrame({"piece": devices.cast(pl.String)}).unique()
    by_piece = (
        named.select("row", pl.col("pieces").alias("piece"))
        .explode("piece", empty_as_null=True)
        .with_columns(pl.col("piece").str.strip_chars())
        .join(known, on="piece")
        .group_by("row")
        .agg(pl.col("piece").unique())
        .filter(pl.col("piece").list.len() == 1)
        .select("row", pl.col("piece").list.first())
    )
    told = rows.join(named.select("row", "said"), on="row").join(by_piece, on="row", how="left")
    is_rule = pl.col("code") == Code.RULE_BROKEN
    numbers = [c.name for c in contract.columns if c.kind in ("int", "float")]
    interval = contract.interval or ""
    wide = told.with_columns(pl.coalesce("said", "piece").alias("device"))
    single = wide.filter(~is_rule).with_columns(pl.col("found").alias("value"), pl.lit(None, pl.Float64).alias("interval_s"))
    # a broken rule gives several values: `a=1, b=2`
    parts = [single.select(*schema)]
    for name in numbers:
        value = pl.col("found").str.extract(rf"\b{name}=([-+0-9.eE]+)")
        every = pl.col("found").str.extract(rf"\b{interval}=([-+0-9.eE]+)").cast(pl.Float64, strict=False)
        of = wide.filter(is_rule).with_columns(pl.lit(name).alias("column"), value.alias("value"), every.alias("interval_s"))
        parts.append(of.filter(pl.col("value").is_not_null()).select(*schema))
    return Refused(pl.concat(parts), wide["device"].null_count())
