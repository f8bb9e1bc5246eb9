"""Writes whole documents into zip archives in the order in which they are received, one archive per slot.

Lines are written by outbox.py; what a document says is the feeds' own business.
"""

import os
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl


@dataclass
class Archives:
    """A folder of archives, one per `slot_s` seconds of receipt. A file's time of change is its time of delivery.

    Attributes:
        suffix: of the documents, such as ".pb"; "" where their names have one.
        is_zipped: false writes every document as a file of its own.
    """

    folder: Path
    suffix: str
    slot_s: int
    delivery_s: int
    is_zipped: bool = True
    lines: int = 0
    files: int = 0
    bytes: int = 0
    marks: dict[str, int] = field(default_factory=lambda: {"documents": 0})
    waiting: list[pl.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def add(self, lines: pl.DataFrame) -> None:
        """Take documents: `received_s` (epoch seconds), `name`, `body` (binary), `rows` (in it)."""
        self.waiting.append(lines)

    def send(self, start: int, end: int) -> None:
        """Write what was received from start up to end, slot by slot; keep the rest."""
        if not self.waiting:
            return
        held = pl.concat(self.waiting)
        due = held.filter(pl.col("received_s") < end).sort("received_s", maintain_order=True)
        self.waiting = [held.filter(pl.col("received_s") >= end)]
        edges = np.arange(start, end + self.slot_s, self.slot_s)
        cuts = np.searchsorted(due["received_s"].to_numpy(), edges)
        cuts[0], cuts[-1] = 0, due.height
        for slot, (low, high) in enumerate(pairwise(cuts)):
            if high > low:
                self._write(int(edges[slot]), min(int(edges[slot + 1]), end), due[int(low) : int(high)])

    def close(self, end: int) -> None:
        """Write all that is still waiting as the last archive."""
        if self.waiting and (last := pl.concat(self.waiting)).height:
            self.waiting = []
            last = last.sort("received_s", maintain_order=True)
            self._write(end, max(end, int(last["received_s"][-1])), last)

    def _write(self, start: int, end: int, documents: pl.DataFrame) -> None:
        stem = f"{datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H%MZ}"
        self.lines += int(documents["rows"].sum())
        self.marks["documents"] += documents.height
        if self.is_zipped:
            path = self.folder / f"{stem}.zip"
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for name, body in documents.select("name", "body").iter_rows():
                    # the time within is the archive's own oldest: same seed, same bytes
                    archive.writestr(zipfile.ZipInfo(name + self.suffix), body, zipfile.ZIP_DEFLATED, 1)
            self._delivered(path, end)
            return
        for name, body in documents.select("name", "body").iter_rows():
            path = self.folder / (name + self.suffix)
            path.write_bytes(body)
            self._delivered(path, end)

    def _delivered(self, path: Path, end: int) -> None:
        self.files += 1
        self.bytes += path.stat().st_size
        os.utime(path, (end + self.delivery_s, end + self.delivery_s))
