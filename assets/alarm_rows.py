"""Reads raw rows for the windows of alerts: the files of a commit, and at a start what landed last.

What is kept of them is decided in `assets.alarm_window`.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import polars as pl

from schemas.contract import Contract
from schemas.lake import Lake

REFILL_ROWS, REFILL_FILES, AT_ONCE_ROWS = 5_000_000, 20_000, 500_000
"""How much of a feed a start reads of what landed before it, newest first, and how much of that at a time."""


class RawRows:
    """The raw rows of one feed, in the columns that some rules need."""

    def __init__(self, lake: Lake, contract: Contract, columns: Sequence[str], say: Callable[[str], None]) -> None:
        self._lake, self._contract, self._columns, self._say = lake, contract, list(columns), say
        self._stored = {n: t for n, t in contract.polars_schema("raw").items() if n != "event_date"}

    def read(self, uris: Sequence[str]) -> pl.DataFrame:
        """The rows of some files."""
        return self._lake.read(uris, self._stored).select(self._columns).collect()

    def recent(self, now: datetime, window: timedelta) -> Iterator[pl.DataFrame]:
        """What the lake holds of the days of a window, the newest files first."""
        first, last = now - window - timedelta(days=1), now + timedelta(days=1)
        days = [first.date() + timedelta(days=k) for k in range((last.date() - first.date()).days + 1)]
        files = self._lake.files("raw", self._contract.name, days)
        batch: list[str] = []
        rows = total = 0
        for file in sorted(files, key=lambda f: f.written_ms, reverse=True)[:REFILL_FILES]:
            total += file.rows
            if total > REFILL_ROWS:
                self._say(f"{self._contract.name}: alerts start from the latest {REFILL_ROWS:,} landed rows")
                break
            batch.append(file.uri)
            rows += file.rows
            if rows >= AT_ONCE_ROWS:
                yield self.read(batch)
                batch, rows = [], 0
        if batch:
            yield self.read(batch)
