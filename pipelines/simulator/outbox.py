"""Writes lines to files in the order in which they are received, some gzipped, some without a final newline.

What a line says is the feeds' own business.
"""

import gzip
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.simulator.slots import Slots

BAD_UTF8 = "\ue0ff"
"""Stands for two bytes that are no UTF-8 until a file is written; a text cannot hold them."""


@dataclass
class Outbox(Slots):
    """A folder of files, one a slot, of rows with `line` (text with its newline), or for Parquet with any columns.

    Attributes:
        every_gzip: every n-th file is gzipped; 0 for none.
        ragged: share of the files without a final newline, and of those with a header that begin with a byte order mark.
        rng: decides which files are ragged.
    """

    rng: np.random.Generator
    header: str = ""
    every_gzip: int = 0
    ragged: float = 0.0
    marks: dict[str, int] = field(default_factory=lambda: {"no_final_newline": 0, "byte_order_mark": 0, "gzip": 0})

    def write(self, start: int, end: int, rows: pl.DataFrame) -> None:
        """Write a slot's lines."""
        path = self.folder / f"{datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H%MZ}{self.suffix}"
        self.files += 1
        if self.suffix.endswith(".parquet"):
            rows.drop("received_s").write_parquet(path)
        else:
            path = self._write_text(path, rows["line"])
        self.lines += rows.height
        self.bytes += path.stat().st_size
        os.utime(path, (end + self.delivery_s, end + self.delivery_s))

    def _write_text(self, path: Path, lines: pl.Series) -> Path:
        array = lines.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
        first, last = (int(i) for i in np.frombuffer(array.buffers()[1], np.int64)[[array.offset, array.offset + len(array)]])
        body: bytes | memoryview = memoryview(array.buffers()[2])[first:last]
        if lines.str.contains(BAD_UTF8, literal=True).any():
            body = bytes(body).replace(BAD_UTF8.encode(), b"\xc3\x28")
        if self.rng.random() < self.ragged:
            body = body[:-1]
            self.marks["no_final_newline"] += 1
        head = self.header.encode()
        if head and self.rng.random() < self.ragged:
            head = b"\xef\xbb\xbf" + head
            self.marks["byte_order_mark"] += 1
        if self.every_gzip and self.files % self.every_gzip == 0:
            path, head, body = path.with_name(path.name + ".gz"), b"", gzip.compress(head + bytes(body), 1, mtime=0)
            self.marks["gzip"] += 1
        with path.open("wb") as file:
            file.write(head)
            file.write(body)
        return path
