"""Wire columns that landing fills itself: the file a row came from, its place in its document, its message's topic.

What a document says is the formats'.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl

from pipelines.formats.decoded import Decoded
from pipelines.live.lot import Origins
from pipelines.sources.source import Source
from schemas.contract import Contract


@dataclass(frozen=True)
class Members:
    """Where rows of the documents of a file came from, asked by their number in the batch.

    Attributes:
        names: `_source` of each document: the file, or `file!member`.
        document: of each row, which document it is of; rows of a document stand together.
    """

    names: tuple[str, ...]
    document: np.ndarray
    at: datetime

    def lineage(self, rows: pl.Series) -> list[pl.Series]:
        """`_source`, `_position` (the row's number in its document) and `_received_at` of rows."""
        return [
            self.named(rows, self.names).alias("_source"),
            pl.Series("_position", _numbered(self.document)[rows.to_numpy()], dtype=pl.Int64),
            self.received_at(rows),
        ]

    def received_at(self, rows: pl.Series) -> pl.Series:
        """When the file was received, for each row."""
        return pl.Series("_received_at", [self.at], dtype=pl.Datetime("us", "UTC")).new_from_index(0, rows.len())

    def named(self, rows: pl.Series, names: Sequence[str]) -> pl.Series:
        """What is said of each row's document."""
        return pl.Series(names, dtype=pl.String).gather(self.document[rows.to_numpy()])


def of_file(decoded: Decoded, source: Source, contract: Contract, names: tuple[str, ...]) -> Decoded:
    """Add what is asked for of `_file` and `_place`; names are the file, or `file!member`, for each document of it."""
    files = [n.rpartition("!")[2].rpartition("/")[2] for n in names]

    def told(frame: pl.DataFrame) -> list[pl.Series]:
        rows, out = frame["_position"].to_numpy(), []
        of = np.zeros(len(rows), np.int64) if decoded.documents is None else decoded.documents[rows]
        if "_file" in source.wire_names:
            out.append(pl.Series(files, dtype=pl.String).gather(of).alias("_file"))
        if _asks_place(source, contract):
            place = rows if decoded.documents is None else _numbered(decoded.documents)[rows]
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
