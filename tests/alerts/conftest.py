"""A city in which rows land at a clock that the test turns."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.alarms import Alarms
from schemas import registry
from schemas.city import City
from schemas.lake import Lake, Step

START = datetime(2026, 6, 1, 6, tzinfo=UTC)


def at(text: str) -> datetime:
    """An instant of the day on which the tests play: `06:05:30`."""
    return datetime.fromisoformat(f"2026-06-01T{text}+00:00")


class Place:
    """A lake, its alarms and a clock."""

    def __init__(self, root: Path, rules: Sequence[str] | None = None) -> None:
        self.lake, self.city, self.rules = Lake(root), City("Testham", "Europe/Berlin"), rules
        self.now, self.said, self._landed = START, [], 0
        self.alarms = self.engine()

    def engine(self) -> Alarms:
        return Alarms(self.lake, self.city, self.rules, self.said.append)

    def refer(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        contract = registry.references()[table]
        frame = self._frame(contract.columns, [{"valid_from": "2020-01-01T00:00:00Z"} | r for r in rows])
        stem = hashlib.sha256(frame.write_csv().encode()).hexdigest()[:16]
        part = self.lake.write_part("reference", table, None, stem, frame)
        self.lake.replace_table("reference", table, contract.arrow_schema("reference"), part)

    def land(
        self, feed: str, rows: Sequence[dict[str, Any]], received_at: datetime | None = None, seen: bool = True
    ) -> list[str]:
        """Rows become visible in raw, as one commit; the engine is told, unless it is not `seen`."""
        contract = registry.feed(feed)
        self._landed += 1
        lineage = {
            "_source": "test", "_received_at": received_at or self.now, "_landed_at": self.now, "_contract_version": 1,
        }  # fmt: skip
        filled = [{**lineage, "_position": self._landed * 1000 + i, **r} for i, r in enumerate(rows)]
        frame = self._frame(contract.stage_columns("raw"), filled)
        frame = frame.with_columns(self.city.day(contract.starts_at()).alias("event_date"))
        parts = [
            self.lake.write_part("raw", feed, day, f"p{self._landed}", part)  # type: ignore[arg-type]
            for (day,), part in frame.group_by("event_date", maintain_order=True)
        ]
        self.lake.append("raw", feed, contract.arrow_schema("raw"), [Step("", 0, 0, tuple(parts))])
        uris = [f"{self.lake.uri('raw', feed)}/{p.path}" for p in parts]
        if seen:
            self.alarms.landed(feed, uris)
        return uris

    def ask(self, now: datetime | None = None, commit: bool = True) -> list[dict[str, Any]]:
        """Turn the clock, ask the rules, and write what changed."""
        self.now = now or self.now + timedelta(seconds=10)
        rows = self.alarms.evaluate(self.now)
        if commit:
            self.alarms.commit(rows)
        return rows

    def restart(self) -> None:
        self.alarms = self.engine()
        self.alarms.refill(self.now)

    def written(self) -> pl.DataFrame:
        return self.alarms.book.every()

    @staticmethod
    def _frame(columns: Sequence[Any], rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
        def value(column: Any, row: dict[str, Any]) -> Any:
            found = row.get(column.name, column.default)
            return datetime.fromisoformat(found) if column.kind == "instant" and isinstance(found, str) else found

        data = {c.name: pl.Series(c.name, [value(c, r) for r in rows], c.dtype, strict=False) for c in columns}
        return pl.DataFrame(data)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "lake")


@pytest.fixture
def make_place(tmp_path: Path):
    """Makes places: `make_place(name, rules)`."""
    return lambda name, rules=None: Place(tmp_path / name, rules)


def call(incident: str, received: datetime, **more: Any) -> dict[str, Any]:
    """A row of a dispatch desk."""
    base = {
        "incident_id": incident,
        "call_type": "medical",
        "priority": "emergency",
        "district": "North",
        "received_at": received,
    }
    return base | more


def flow(
    sensor: str, observed: datetime, occupancy: float = 0.05, lane: int = 1, interval_s: int = 60, **more: Any
) -> dict[str, Any]:
    """A row of a traffic detector."""
    base = {"sensor_id": sensor, "lane": lane, "observed_at": observed, "interval_s": interval_s, "occupancy_share": occupancy}
    return base | {"vehicle_count": 5} | more


DAY = date(2026, 6, 1)
