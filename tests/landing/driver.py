"""Lands a few bytes without Beam: the same verbs in the same order. Beam itself is tested in test_beam.py."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from pipelines import commit, steps
from pipelines.run import land as land_with_beam
from pipelines.sources.declared import parse
from pipelines.sources.files import Limits
from pipelines.sources.plan import Plan, plan
from schemas import ledger
from schemas.city import City
from schemas.lake import Lake
from schemas.registry import feed as feed_contract

AT = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass
class Inbox:
    """A folder of incoming files and a lake to land them in."""

    folder: Path
    city: City = field(default_factory=lambda: City("Test", "Europe/Berlin"))

    def __post_init__(self) -> None:
        self.lake = Lake(self.folder / "lake")
        (self.folder / "inbox").mkdir(exist_ok=True)

    def put(self, name: str, content: bytes | str) -> Path:
        path = self.folder / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def land(self, feed: str, limits: Limits | None = None, beam: bool = False, name: str = "test", **block: object) -> Plan:
        contract, limits = feed_contract(feed), limits or Limits()
        source = parse(contract, name, block, self.folder / "inbox")
        planned = plan(self.lake, contract, source, limits)
        if beam:
            land_with_beam(self.lake, self.city, contract, source, AT, limits)
            return planned
        landing = steps.Landing(self.lake, self.city, contract, source, limits, planned.todo, AT)
        written = [
            steps.write(steps.conform(steps.decode(chunk, landing), landing), landing)
            for todo in planned.todo
            for split in todo.splits
            for chunk in steps.read(split, landing)
        ]
        if planned.todo:
            commit.commit(written, landing)
        return planned

    def raw(self, feed: str) -> pl.DataFrame:
        contract = feed_contract(feed)
        scan = self.lake.scan("raw", feed)
        if scan is None:
            return pl.DataFrame(schema=contract.polars_schema("raw"))
        return scan.collect().sort("_source", "_position")

    def refused(self, feed: str) -> pl.DataFrame:
        scan = self.lake.scan("quarantine", feed)
        return pl.DataFrame(schema={"code": pl.String, "column": pl.String}) if scan is None else scan.collect().sort("_position")

    def codes(self, feed: str) -> list[tuple[str, str | None]]:
        return self.refused(feed).select("code", "column").rows()

    def off_by(self) -> int:
        return int(ledger.balance(self.lake)["off_by"].sum())


def event(sensor: str = "a", minute: int = 0, **more: object) -> dict:
    """A good traffic_flow row."""
    return {
        "sensor_id": sensor, "lane": 1, "observed_at": f"2026-05-01T08:{minute:02d}:00Z", "interval_s": 60,
        "vehicle_count": 12, "mean_speed_kmh": 52.5, "occupancy_share": 0.1, **more,
    }  # fmt: skip
