"""The table `metrics/alerts` as it is written and followed: rows get a running number, and each is there exactly once.

When an alert is raised is decided in `assets.alarms`.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import polars as pl

from schemas.alerts import CONTRACT
from schemas.city import City
from schemas.errors import LakeError
from schemas.lake import Lake, Part, Step

LAYER, NAME = "metrics", CONTRACT.name
APP_ID = "alerts"
"""The application transaction whose version is the number of the last row."""
SCHEMA = CONTRACT.polars_schema(LAYER)
STEM = re.compile(r"alerts-(\d+)-(\d+)-")


class Overtaken(LakeError):
    """Somebody else wrote alerts after the row that these were to follow."""


class Book:
    """The alerts of one lake."""

    def __init__(self, lake: Lake, city: City) -> None:
        self._lake, self._city = lake, city

    def last(self) -> int:
        """The number of the last row; 0 for none."""
        return self._lake.landed_up_to(LAYER, NAME, [APP_ID])[APP_ID]

    def append(self, rows: Sequence[dict[str, Any]], before: int) -> int:
        """Write rows after the row numbered `before`, in one commit; returns the last one's number.

        The same rows after the same number are there once, however often this is called.

        Raises:
            Overtaken: somebody else wrote after `before`; start again from the lake.
            LakeError: the lake refused.
        """
        if not rows:
            return before
        after = before + len(rows)
        frame = pl.DataFrame(
            [{**row, "number": number} for number, row in enumerate(rows, before + 1)],
            schema={n: t for n, t in SCHEMA.items() if n != "event_date"},
        ).with_columns(self._city.day(pl.col("started_at")).alias("event_date"))
        said = json.dumps([[r["alert_id"], r["state"]] for r in rows])
        stem = f"{APP_ID}-{before + 1:012d}-{after:012d}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"
        written: list[Part] = []

        def made(_: list[Step]) -> list[Part]:
            for (day,), part in frame.select(*SCHEMA).group_by("event_date", maintain_order=True):
                written.append(self._lake.write_part(LAYER, NAME, day, stem, part))  # type: ignore[arg-type]
            return written

        done = self._lake.append(LAYER, NAME, CONTRACT.arrow_schema(LAYER), [Step(APP_ID, before, after)], made)
        if not done and not any(f"/{stem}.parquet" in f"/{f.path}" for f in self._lake.files(LAYER, NAME)):
            found = f"row {self.last()} was written by another process after row {before}"
            raise Overtaken(self._lake.uri(LAYER, NAME), found, "let one stream at a time raise alerts on this lake")
        return after

    def every(self) -> pl.DataFrame:
        """All rows, by number."""
        return self.since(0)

    def since(self, number: int, most: int | None = None) -> pl.DataFrame:
        """The rows after a number, at most so many, in order. Files that are older by name are not read."""
        files = [f for f in self._lake.files(LAYER, NAME) if f.rows and _last_in(f.path) > number]
        if not files:
            return pl.DataFrame(schema=SCHEMA)
        if most is not None:
            files = sorted(files, key=lambda f: _first_in(f.path))
            firsts = [_first_in(f.path) for f in files]
            files = [f for f, first in zip(files, firsts, strict=True) if first <= number + most]
        stored = {n: t for n, t in SCHEMA.items() if n != "event_date"}
        rows = self._lake.read_days(files, stored).filter(pl.col("number") > number).sort("number").select(*SCHEMA).collect()
        return rows if most is None else rows.head(most)


def _last_in(path: str) -> int:
    """The last number in a file, told by its name; of a file that was made otherwise, any may be."""
    found = STEM.search(path)
    return int(found[2]) if found else 1 << 62


def _first_in(path: str) -> int:
    found = STEM.search(path)
    return int(found[1]) if found else 0
