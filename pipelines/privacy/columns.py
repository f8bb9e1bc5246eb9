"""Looks for forbidden content in columns of values, vectorised: only what a pattern takes in is looked at by itself.

What is content is said by `content`.
"""

from dataclasses import replace

import polars as pl

from pipelines.privacy import looks
from pipelines.privacy.content import NOTHING, Found, find
from pipelines.privacy.images import holds_bytes
from schemas.privacy import NAMED_NUMBERS, SHORTEST, TEMPLATE_NUMBERS, may_be_template, named


def in_texts(texts: pl.Series, positions: pl.Series, forbids: tuple[str, ...], name: str | None = None) -> dict[int, Found]:
    """Position -> what stands in the text there: of a row, or of one of its fields called `name`."""
    doubtful = texts.str.contains(looks.patterns(forbids))
    if name is not None and may_be_template(name):
        doubtful |= texts.str.len_bytes() >= SHORTEST
    at = doubtful.fill_null(False).arg_true()
    out = {}
    for text, position in zip(texts.gather(at), positions.gather(at), strict=True):
        found = find(text, forbids, name)
        if found is not None:
            out[position] = found
    return out


def in_columns(frame: pl.DataFrame, positions: pl.Series, forbids: tuple[str, ...]) -> dict[int, Found]:
    """Position -> what stands in one of the columns; `_position` itself is none."""
    out: dict[int, Found] = {}
    for name in (n for n in frame.columns if n != "_position"):
        column, kind = frame[name], named(name)
        if kind in forbids:
            said = column.cast(pl.String, strict=False) if not column.dtype.is_nested() else _encoded(column)
            there = said.is_not_null() & ~said.str.strip_chars().str.to_lowercase().is_in(list(NOTHING))
            sizes = said.str.len_chars()
            out |= {positions[at]: Found(str(kind), name, sizes[at]) for at in there.fill_null(False).arg_true()}
        else:
            out |= _in_column(column, name, positions, forbids)
    return {at: replace(found, in_field=True) for at, found in out.items()}


def _in_column(column: pl.Series, name: str, positions: pl.Series, forbids: tuple[str, ...]) -> dict[int, Found]:
    dtype = column.dtype
    if dtype == pl.Binary:
        at = (column.bin.size() >= 20).fill_null(False).arg_true() if "image" in forbids else pl.Series([], dtype=pl.UInt32)
        return {positions[i]: Found("image", name, len(column[i])) for i in at if holds_bytes(column[i])}
    inner = dtype.inner if isinstance(dtype, pl.List | pl.Array) else None
    if isinstance(inner, pl.DataType) and inner.is_numeric():
        if "biometric" not in forbids:
            return {}
        lists = column.cast(pl.List(inner))
        enough = NAMED_NUMBERS if may_be_template(name) else TEMPLATE_NUMBERS
        at = (lists.list.len() >= enough).fill_null(False).arg_true()
        return {positions[i]: Found("biometric", name, lists[i].len()) for i in at}
    if dtype.is_nested():
        return in_texts(_encoded(column), positions, forbids, name)
    if dtype != pl.String:
        return {}
    at = ((column.str.len_bytes() >= SHORTEST) | column.str.contains(r"^\s*[{\[]")).fill_null(False).arg_true()
    return in_texts(column.gather(at), positions.gather(at), forbids, name) if at.len() else {}


def _encoded(column: pl.Series) -> pl.Series:
    """Nested values as JSON text."""
    return column.to_frame("v").select(pl.struct("v").struct.json_encode()).to_series()
