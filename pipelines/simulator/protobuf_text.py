"""Protobuf messages of many rows at once, as columns of text in which a character stands for a byte (latin-1).

What messages say is the feeds' own business. Encoding https://protobuf.dev/programming-guides/encoding/ ; a Python loop over
the rows of a library's message objects would take ten times as long.
"""

import numpy as np
import polars as pl

BYTES = pl.Series([*map(chr, range(256)), ""])
NOTHING = 256
VARINT, FIXED32, LENGTH = 0, 5, 2


def _key(number: int, kind: int) -> str:
    return chr(number << 3 | kind)


def varint(values: np.ndarray) -> pl.Series:
    """Integers as varints; negative ones as their 64-bit two's complement, in ten bytes."""
    rest = np.asarray(values, np.int64).astype(np.uint64)
    parts: list[pl.Series] = []
    is_done = np.zeros(len(rest), bool)
    while not is_done.all() or not parts:
        more = rest >= 128
        low = (rest & np.uint64(127)).astype(np.int64) + np.where(more, 128, 0)
        parts.append(BYTES.gather(np.where(is_done, NOTHING, low)))
        is_done |= ~more
        rest = rest >> np.uint64(7)
    return joined(*parts)


def joined(*parts: pl.Series | str) -> pl.Series:
    """Texts side by side."""
    columns = [pl.lit(p) if isinstance(p, str) else p.alias(str(i)) for i, p in enumerate(parts)]
    frame = pl.DataFrame([c for c in columns if isinstance(c, pl.Series)])
    return frame.select(pl.concat_str([c if isinstance(c, pl.Expr) else c.name for c in columns])).to_series()


def integer(number: int, values: np.ndarray) -> pl.Series:
    """A field of an integer, unsigned or of an enum."""
    return joined(_key(number, VARINT), varint(values))


def float32(number: int, values: np.ndarray) -> pl.Series:
    """A field of a float."""
    raw = np.asarray(values, "<f4").view(np.uint8).reshape(-1, 4).astype(np.int64)
    return joined(_key(number, FIXED32), *(BYTES.gather(raw[:, i]) for i in range(4)))


def text(number: int, values: pl.Series) -> pl.Series:
    """A field of a text of ASCII, or of a message: whatever is as many bytes as characters."""
    return joined(_key(number, LENGTH), varint(values.str.len_chars().to_numpy()), values)
