"""A small lake for tests of metrics: refined rows written straight to disk. What a metric should say is in the tests."""

import hashlib
import json
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.measure import dependencies, measure, order
from schemas import ledger, registry
from schemas.city import City
from schemas.lake import Lake, Step

GOLDEN = Path(__file__).parents[1] / "golden"
LINEAGE = {
    "_versions": 1,
    "_source": "test.csv",
    "_position": 0,
    "_received_at": "2026-01-01T00:00:00+00:00",
    "_landed_at": "2026-01-01T00:00:00+00:00",
    "_contract_version": 1,
}


class Town:
    """A city with a lake of its own."""

    def __init__(self, root: Path, zone: str) -> None:
        self.lake, self.city = Lake(root), City("Testham", zone)

    def frame(self, table: str, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
        """Rows as the table's contract types them; instants may be ISO texts; absent columns are default or NULL."""
        layer = table.split(".")[0]
        contract = registry.table_contracts()[table]
        columns = contract.stage_columns(layer)
        filled = {c.name: [r.get(c.name, LINEAGE.get(c.name, c.default)) for r in rows] for c in columns}
        frame = pl.DataFrame({c.name: _series(c.name, filled[c.name], c.dtype) for c in columns})
        if layer == "refined":
            start = contract.starts_at()
            # nothing is received before it happens
            unsaid = pl.Series("_received_at", [r.get("_received_at") is None for r in rows], pl.Boolean)
            received = pl.when(unsaid).then(contract.event_time).otherwise("_received_at")
            frame = frame.with_columns(received.alias("_received_at"))
            frame = frame.with_columns(self.city.day(start).alias("event_date"), self.city.local(start).alias("local_time"))
        return frame

    def put(self, table: str, rows: Sequence[dict[str, Any]] | pl.DataFrame, files: int = 1, seed: int | None = None) -> None:
        """Write a refined or reference table, in so many files a day, in the given or a shuffled order of rows."""
        layer, name = table.split(".")
        schema = registry.table_contracts()[table].arrow_schema(layer)
        frame = rows if isinstance(rows, pl.DataFrame) else self.frame(table, rows)
        if seed is not None:
            frame = frame.sample(fraction=1, shuffle=True, seed=seed)
        if layer == "reference":
            stem = hashlib.sha256(frame.write_csv().encode()).hexdigest()[:16]
            self.lake.replace_table(layer, name, schema, self.lake.write_part(layer, name, None, stem, frame))
            return
        parts = []
        for (day,), of_day in frame.group_by("event_date", maintain_order=True):
            size = math.ceil(of_day.height / files)
            for i in range(files):
                part = of_day.slice(i * size, size)
                stem = f"{seed}-{files}-{i}-{hashlib.sha256(part.write_csv().encode()).hexdigest()[:12]}"
                parts.append(self.lake.write_part(layer, name, day, stem, part))
        self.lake.replace(layer, name, schema, parts)

    def deliver(self, feed: str, rows: Sequence[dict[str, Any]], again: int = 0) -> None:
        """Raw rows as a source sends them, and as many times again a random half of them, later and in another order."""
        contract = registry.feed(feed)
        columns = [c.name for c in contract.stage_columns("raw")]
        first = self.frame(f"refined.{feed}", rows).select(columns).unique(list(contract.key), keep="first", maintain_order=True)
        first = first.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("_position"))
        for n in range(again + 1):
            sent = first if n == 0 else first.sample(fraction=0.5, shuffle=True, seed=n)
            sent = sent.with_columns(pl.lit(f"{n}.csv").alias("_source"), pl.col("_received_at") + pl.duration(hours=n))
            parts = tuple(
                self.lake.write_part("raw", feed, day, f"{n}-{day}", of_day)
                for (day,), of_day in sent.group_by("event_date", maintain_order=True)
            )
            self.lake.append("raw", feed, contract.arrow_schema("raw"), [Step(f"{n}.csv", 0, 1, parts)])

    def measure(self, metric: str, *days: date, force: bool = False) -> pl.DataFrame:
        """Measure a metric and the metrics it reads, of a month all its days; return its rows of these days."""
        contract = registry.metrics()[metric]
        about = sorted({d for day in days for d in contract.days_of(contract.partition_of(day))})
        for name in order(_upstream(metric)):
            measure(self.lake, self.city, name, about, force)
        return self.read(metric, *days)

    def read(self, metric: str, *days: date) -> pl.DataFrame:
        """The metric's rows of the partitions that hold these days, by partition and key."""
        contract = registry.metrics()[metric]
        scan = self.lake.scan("metrics", metric, sorted({contract.partition_of(d) for d in days}))
        if scan is None:
            return pl.DataFrame(schema=contract.polars_schema("metrics"))
        return scan.collect().sort("event_date", *contract.key)

    def bodies(self, metric: str) -> dict[str, bytes]:
        """The bytes of the metric's current files by day."""
        return {str(f.event_date): Path(f.uri).read_bytes() for f in self.lake.files("metrics", metric)}

    def take(self, case: dict[str, Any]) -> None:
        """The rows and the books of a golden case."""
        for table, rows in case["input"].items():
            time = registry.table_contracts()[table].event_time
            self.put(table, expand(rows, time) if time else rows)
        for i, line in enumerate(case.get("ledger", [])):
            days = {k: date.fromisoformat(line[k]) for k in ("event_date", "received_date") if line.get(k)}
            tally = ledger.Tally(**({"event_date": None} | line | days))
            ledger.record(self.lake, f"case-{i}", [tally], datetime(2026, 5, 6, tzinfo=UTC) + timedelta(seconds=i))


def _series(name: str, values: list[Any], dtype: pl.DataType) -> pl.Series:
    if dtype == pl.Datetime("us", "UTC"):
        values = [datetime.fromisoformat(v) if isinstance(v, str) else v for v in values]
    return pl.Series(name, values, dtype, strict=True)


def _upstream(metric: str) -> set[str]:
    found, todo = set(), [metric]
    while todo:
        name = todo.pop()
        found.add(name)
        todo += [d.removeprefix("metrics.") for d in dependencies(name) if d.startswith("metrics.")]
    return found


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """A city in Berlin's zone, with an empty lake."""
    return Town(tmp_path / "lake", "Europe/Berlin")


@pytest.fixture
def make_town(tmp_path: Path):
    """Makes cities: `make_town(name, zone)`."""
    return lambda name, zone="Europe/Berlin": Town(tmp_path / name, zone)


def golden(metric: str) -> list[dict[str, Any]]:
    """The cases of `tests/golden/<metric>/*.json`, each worked by hand."""
    return [json.loads(p.read_text(encoding="utf-8")) | {"file": p.name} for p in sorted((GOLDEN / metric).glob("*.json"))]


def expand(rows: list[dict[str, Any]], time: str) -> list[dict[str, Any]]:
    """Golden rows with `repeat` and `every_s` written out: the same row again and again, later each time."""
    out = []
    for row in rows:
        bare = {k: v for k, v in row.items() if k not in ("repeat", "every_s")}
        first = datetime.fromisoformat(row[time])
        out += [bare | {time: first + timedelta(seconds=row.get("every_s", 0) * i)} for i in range(row.get("repeat", 1))]
    return out
