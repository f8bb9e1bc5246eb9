"""What every format gives: wire columns, faults, and the payload behind a position.

Typed columns of the contract do not belong here (`pipelines.mapping`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from schemas.conform import FAULT_COLUMNS, no_faults
from schemas.rejection import Code


@dataclass(frozen=True)
class Decoded:
    """One batch, decoded.

    Attributes:
        frames: wire columns, typed or text, each with `_position`; one frame per way a row was read.
        faults: rows that are no rows.
        payloads: the untouched rows at given positions, as text.
        fields: where `frames` leave fields out, all of them, typed, row by row; only as long as nobody looked into them.
        documents: of rows of documents, which document each is of, by number of the row; the positions are these numbers.
    """

    frames: tuple[pl.DataFrame, ...]
    faults: pl.DataFrame = field(default_factory=no_faults)
    payloads: Callable[[pl.Series], pl.Series] = lambda positions: pl.Series("payload", [""] * positions.len())
    documents: np.ndarray | None = None
    fields: pl.DataFrame | None = None

    @property
    def count(self) -> int:
        """Rows decoded and rows refused."""
        return sum(f.height for f in self.frames) + self.faults.height

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return iter(self.frames)


def faults(positions: pl.Series, code: Code, expected: str, found: pl.Series | str | None = None) -> pl.DataFrame:
    """Faults at positions, all with one code."""
    size = positions.len()
    shown = (
        found.cast(pl.String).str.slice(0, 200) if isinstance(found, pl.Series) else pl.Series([found] * size, dtype=pl.String)
    )
    return pl.DataFrame(
        {
            "_position": positions,
            "code": pl.Series([str(code)] * size, dtype=pl.String),
            "column": pl.Series([None] * size, dtype=pl.String),
            "found": shown,
            "expected": pl.Series([expected] * size, dtype=pl.String),
            "event_date": pl.Series([None] * size, dtype=pl.Date),
        },
        schema=FAULT_COLUMNS,
    )
