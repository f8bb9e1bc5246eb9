"""Wire columns that landing fills itself: the file a row came from, its place in its document, its message's topic.

What a document says is the formats'.
"""

from dataclasses import replace

import numpy as np
import polars as pl

from pipelines.formats.decoded import Decoded
from pipelines.live.lot import Origins
from pipelines.sources.source import Source
from schemas.contract import Contract


def of_file(decoded: Decoded, source: Source, contract: Contract, origin: str) -> Decoded:
    """Add what is asked for of `_file` and `_place`; origin is the file, or the member of one after a !."""
    name = origin.rpartition("!")[2].rpartition("/")[2]

    def told(frame: pl.DataFrame) -> list[pl.Series]:
        rows, out = frame["_position"], []
        if "_file" in source.wire_names:
            out.append(pl.Series("_file", [name], dtype=pl.String).new_from_index(0, rows.len()))
        if _asks_place(source, contract):
            place = rows.to_numpy() if decoded.documents is None else _numbered(decoded.documents)[rows.to_numpy()]
            out.append(pl.Series("_place", place, dtype=pl.Int64))
        return out

    return replace(decoded, frames=tuple(f.with_columns(told(f)) for f in decoded.frames))


def of_messages(decoded: Decoded, source: Source, contract: Contract, origins: Origins) -> Decoded:
    """Add what is asked for of the topic and its levels, and of `_place`."""

    def told(frame: pl.DataFrame) -> list[pl.Series]:
        rows = frame["_position"]
        out = origins.levels(source.topic_names, rows)
        if "_file" in source.wire_names:
            out.append(pl.Series("_file", [None] * rows.len(), dtype=pl.String))
        if _asks_place(source, contract):
            numbers = None if decoded.documents is None else _numbered(decoded.documents)[rows.to_numpy()]
            out.append(pl.Series("_place", origins.within(rows) if numbers is None else numbers, dtype=pl.Int64))
        return out

    return replace(decoded, frames=tuple(f.with_columns(told(f)) for f in decoded.frames))


def _asks_place(source: Source, contract: Contract) -> bool:
    return "_place" in source.wire_names or any(c.from_place for c in contract.columns)


def _numbered(documents: np.ndarray) -> np.ndarray:
    """The number of each row within its document; rows of a document stand together."""
    if not documents.size:
        return documents
    begins = np.flatnonzero(np.diff(documents, prepend=documents[0] - 1))
    return np.arange(documents.size) - np.repeat(begins, np.diff(np.append(begins, documents.size)))
