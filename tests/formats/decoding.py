"""Decodes documents of a format as landing does, without a lake: wire columns, faults, and the books of the decoder.

Landing them is tests.landing.driver.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipelines.formats import kinds
from pipelines.formats.decoded import Decoded
from pipelines.formats.lines import Lines
from pipelines.sources.declared import parse
from schemas.registry import feed


@dataclass(frozen=True)
class Read:
    """What came of a batch of documents."""

    wire: pl.DataFrame
    faults: pl.DataFrame
    decoded: Decoded

    def column(self, name: str) -> list[Any]:
        return self.wire[name].to_list()

    @property
    def codes(self) -> list[str]:
        return self.faults["code"].to_list()

    def payload(self, position: int) -> str:
        return self.decoded.payloads(pl.Series([position], dtype=pl.Int64)).item()


def documents(*parts: Any) -> Lines:
    """Documents one behind another in a buffer; what is no bytes is written as JSON."""
    raw = [p if isinstance(p, bytes) else p.encode() if isinstance(p, str) else json.dumps(p).encode() for p in parts]
    ends = np.cumsum([len(p) for p in raw], dtype=np.int64)
    return Lines.between(b"".join(raw), ends - np.array([len(p) for p in raw], np.int64), ends)


def read(name: str, fmt: str, wires: list[str], *parts: Any) -> Read:
    """Decode documents for a feed; `wires` are the incoming names wanted."""
    contract = feed(name)
    asked = " AND ".join(f'"{w}" IS NOT NULL' for w in wires)
    source = parse(contract, "test", {"uri": "x", "format": fmt, "where": asked}, Path.cwd())
    decoded = kinds.module(fmt).decode(documents(*parts), source, contract)
    kept = pl.concat([f.select("_position", *wires) for f in decoded.frames]) if decoded.frames else pl.DataFrame()
    positions = [*(kept["_position"] if kept.width else []), *decoded.faults["_position"]]
    assert decoded.documents is not None
    assert sorted(positions) == list(range(len(decoded.documents)))
    assert (np.diff(decoded.documents) >= 0).all()
    return Read(kept.sort("_position") if kept.width else kept, decoded.faults, decoded)
