"""Plain JSON documents: each an object, an array of objects, or an envelope with an array of objects inside.

JSON of a standard has a format of its own.
"""

import numpy as np
import polars as pl

from pipelines.formats import json_documents, json_lines
from pipelines.formats.decoded import Decoded
from pipelines.formats.lines import Lines
from pipelines.sources.source import Source
from schemas.contract import Contract


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:
    """The records of the documents, as lines of JSON are."""
    data, starts, document = json_documents.lines(documents, source.records)
    lines = Lines(data)
    # a document of blanks is no line
    there = np.searchsorted(starts, lines.positions.to_numpy(), side="right") - 1
    decoded = json_lines.decode(lines, source, contract)

    def numbered(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(lines.positions.search_sorted(frame["_position"]).cast(pl.Int64).alias("_position"))

    def payloads(numbers: pl.Series) -> pl.Series:
        return lines.payloads(lines.positions.gather(numbers))

    return Decoded(tuple(numbered(f) for f in decoded.frames), numbered(decoded.faults), payloads, document[there])
