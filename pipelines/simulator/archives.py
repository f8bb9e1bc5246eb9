"""Writes whole documents into zip archives in the order in which they are received, one archive per slot.

Lines are written by outbox.py; what a document says is the feeds' own business.
"""

import os
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from pipelines.simulator.slots import Slots


@dataclass
class Archives(Slots):
    """A folder of archives, one a slot, of documents: `received_s`, `name`, `body` (binary), `rows` (in it).

    Attributes:
        is_zipped: false writes every document as a file of its own.
    """

    is_zipped: bool = True
    marks: dict[str, int] = field(default_factory=lambda: {"documents": 0})

    def write(self, start: int, end: int, rows: pl.DataFrame) -> None:
        """Write a slot's documents."""
        stem = f"{datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H%MZ}"
        self.lines += int(rows["rows"].sum())
        self.marks["documents"] += rows.height
        if self.is_zipped:
            path = self.folder / f"{stem}.zip"
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for name, body in rows.select("name", "body").iter_rows():
                    # the time within is the archive's own oldest: same seed, same bytes
                    archive.writestr(zipfile.ZipInfo(name + self.suffix), body, zipfile.ZIP_DEFLATED, 1)
            self._delivered(path, end)
            return
        for name, body in rows.select("name", "body").iter_rows():
            path = self.folder / (name + self.suffix)
            path.write_bytes(body)
            self._delivered(path, end)

    def _delivered(self, path: Path, end: int) -> None:
        self.files += 1
        self.bytes += path.stat().st_size
        os.utime(path, (end + self.delivery_s, end + self.delivery_s))
