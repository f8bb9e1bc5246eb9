"""Keyed pseudonyms: HMAC-SHA256 (RFC 2104, FIPS 198-1), of whole columns at once.

Which columns are replaced is said by contracts, and done by `treatment`.
"""

import hashlib

import polars as pl

from pipelines.engine import cursor
from pipelines.privacy.keys import of_day
from schemas.privacy import DIGITS

BLOCK = 64
_INNER, _OUTER = bytes(b ^ 0x36 for b in range(256)), bytes(b ^ 0x5C for b in range(256))
HMAC = f"left(sha256(? || unhex(sha256(? || encode(t)))), {DIGITS})"


def pseudonyms(texts: pl.Series, key: bytes) -> pl.Series:
    """The first 32 hex digits of the HMAC of each text's UTF-8; null stays null."""
    block = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    distinct = texts.unique().drop_nulls().rename("t")
    with cursor() as engine:
        engine.register("texts", distinct.to_frame().to_arrow())
        # the key is a parameter, so that no text of a query has it
        pads = [block.translate(_OUTER), block.translate(_INNER)]
        made = engine.execute(f"SELECT t, {HMAC} AS p FROM texts", pads).pl()
    return texts.to_frame("t").join(made, on="t", how="left", maintain_order="left")["p"].rename(texts.name)


def by_day(texts: pl.Series, days: pl.Series, key: bytes) -> pl.Series:
    """The same, each with the key of its day; null where there is no day."""
    out = pl.Series(texts.name, [None] * texts.len(), dtype=pl.String)
    for day in days.unique().drop_nulls():
        of = (days == day).fill_null(False).arg_true()
        out = out.scatter(of, pseudonyms(texts.gather(of), of_day(key, day.isoformat())))
    return out
