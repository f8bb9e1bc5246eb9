"""Wire columns that landing fills itself: a row's file, its place in its document, its receipt, its message's topic.

What a document says is the formats'.
"""

from collections.abc import Callable
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
            pl.Series("_source", self.names, dtype=pl.String).gather(self.document[rows.to_numpy()]),
            pl.Series("_position", _numbered(self.document)[rows.to_numpy()], dtype=pl.Int64),
            self.received_at(rows),
        ]

    def received_at(self, rows: pl.Series) -> pl.Series:
        """When the file was received, for each row."""
        return _received(self.at, rows)


def of_file(decoded: Decoded, source: Source, contract: Contract, names: tuple[str, ...], at: datetime) -> Decoded:
    """Add what is asked for of `_file`, `_place` and `_received_at`.

    Args:
        names: the file, or `file!member`, for each document of it.
        at: when the file was received.
    """
    files = pl.Series([n.rpartition("!")[2].rpartition("/")[2] for n in names], dtype=pl.String)

    def told(rows: pl.Series) -> list[pl.Series]:
        received = [_received(at, rows)] if _asks_receipt(source, contract) else []
        if "_file" not in source.wire_names:
            return received
        of = np.zeros(rows.len(), np.int64) if decoded.documents is None else decoded.documents[rows.to_numpy()]
        return [files.gather(of).alias("_file"), *received]

    return _with(decoded, source, contract, told, lambda rows: rows.to_numpy())


def of_messages(decoded: Decoded, source: Source, contract: Contract, origins: Origins) -> Decoded:
    """Add what is asked for of the topic and its levels, of `_place` and `_received_at`; a message has no file."""

    def told(rows: pl.Series) -> list[pl.Series]:
        nothing = pl.Series("_file", [None], dtype=pl.String).new_from_index(0, rows.len())
        received = [origins.received_at(rows)] if _asks_receipt(source, contract) else []
        return [*origins.levels(source.topic_names, rows), *([nothing] if "_file" in source.wire_names else []), *received]

    return _with(decoded, source, contract, told, origins.within)


def _with(
    decoded: Decoded,
    source: Source,
    contract: Contract,
    told: Callable[[pl.Series], list[pl.Series]],
    place_of_line: Callable[[pl.Series], np.ndarray],
) -> Decoded:
    """The frames with what is told of their rows, and their places: of lines as said, else the number in the document."""
    asks_place = "_place" in source.wire_names or any(c.from_place for c in contract.columns)
    numbers = _numbered(decoded.documents) if asks_place and decoded.documents is not None else None

    def columns(rows: pl.Series) -> list[pl.Series]:
        if not asks_place:
            return told(rows)
        place = place_of_line(rows) if numbers is None else numbers[rows.to_numpy()]
        return [*told(rows), pl.Series("_place", place, dtype=pl.Int64)]

    return replace(decoded, frames=tuple(f.with_columns(columns(f["_position"])) for f in decoded.frames))


def _asks_receipt(source: Source, contract: Contract) -> bool:
    return "_received_at" in source.wire_names or any(c.from_receipt for c in contract.columns)


def _received(at: datetime, rows: pl.Series) -> pl.Series:
    return pl.Series("_received_at", [at], dtype=pl.Datetime("us", "UTC")).new_from_index(0, rows.len())


def _numbered(documents: np.ndarray) -> np.ndarray:
    """The number of each row within its document; rows of a document stand together."""
    if not documents.size:
        return documents
    begins = np.flatnonzero(np.diff(documents, prepend=documents[0] - 1))
    return np.arange(documents.size) - np.repeat(begins, np.diff(np.append(begins, documents.size)))
