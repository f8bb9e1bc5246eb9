"""What one more day costs in a lake with a short and with a long history, made through the real way.

A day is landed, refined and measured as `citylake run` does it, without gates and exports.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks import events
from benchmarks.landing import CITY, FEED
from dagster_project import way
from dagster_project.settings import Settings
from pipelines.sources.declared import of_reference, parse
from pipelines.sources.files import Limits
from schemas import registry
from schemas.lake import Lake
from schemas.registry import feed

LAST_OF_HISTORY = date(2025, 5, 4)
ROWS_OF_OLD_DAYS = 2_000
DAYS_AT_ONCE = 15


def set_up(root: str, days: int, sensors: int) -> int:
    """Make a lake with small days up to LAST_OF_HISTORY, some at a time; days that were refined."""
    settings = _settings(root)
    events.write_sensors(Path(root) / "sensors.csv", sensors)
    way.load_references(settings)
    refined = 0
    for first in range(0, days, DAYS_AT_ONCE):
        for back in range(first, min(days, first + DAYS_AT_ONCE)):
            _write(root, LAST_OF_HISTORY - timedelta(days=days - 1 - back), ROWS_OF_OLD_DAYS, sensors)
        refined += _take(settings)
    return refined


def put(root: str, number: int, rows: int, sensors: int) -> None:
    """Put the file of the number-th day after the history into the inbox."""
    _write(root, LAST_OF_HISTORY + timedelta(days=number), rows, sensors)


def take(root: str) -> int:
    """Land, refine and measure what is new; days that were refined."""
    return _take(_settings(root))


def _take(settings: Settings) -> int:
    way.land(settings)
    return len(way.build(settings, gates=False).refined)


def _write(root: str, day: date, rows: int, sensors: int) -> None:
    start = datetime.fromtimestamp(CITY.day_start(day).timestamp(), UTC).replace(tzinfo=None)
    events.write(Path(root) / "inbox" / f"{day}.jsonl", rows, start=start, sensors=sensors)


def _settings(root: str) -> Settings:
    source = parse(feed(FEED), "bench", {"uri": "inbox/*.jsonl", "format": "json_lines"}, Path(root))
    references = {"sensors": of_reference(registry.references()["sensors"], "sensors.csv", Path(root))}
    return Settings(Path(root) / "citylake.toml", CITY, Lake(Path(root) / "lake"), {FEED: (source,)}, references, Limits())
