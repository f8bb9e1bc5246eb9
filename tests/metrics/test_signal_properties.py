"""Signal metrics do not depend on how their events came: order, files, days measured together, deliveries sent again."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.measure import measure
from assets.refined import refine
from schemas import registry
from schemas.city import City
from tests.landing.driver import Inbox

from .randoms_signals import signal_reference, signals

DAY = date(2026, 3, 29)
DAYS = [DAY - timedelta(days=1), DAY]
METRICS = [m for m in registry.metrics() if m.startswith("signal_")]


@pytest.fixture
def events(town):
    return [r for back in (2, 1, 0) for r in signals(town.city, DAY - timedelta(days=back), 5)]


def test_order_files_and_days_measured_apart_do_not_change_a_byte(make_town, events, monkeypatch):
    one, other = make_town("one"), make_town("other")
    for town in (one, other):
        for table, rows in signal_reference().items():
            town.put(table, rows)
    one.put("refined.signal_events", events)
    other.put("refined.signal_events", events, files=3, seed=9)
    for metric in METRICS:
        measure(one.lake, one.city, metric, DAYS)
    monkeypatch.setattr("assets.measure.BATCH_ROWS", 1)  # each day sees itself and the hours before it, nothing more
    for metric in METRICS:
        measure(other.lake, other.city, metric, DAYS)
        assert list(one.bodies(metric).values()) == list(other.bodies(metric).values()), metric


def test_files_cut_anywhere_and_sent_again_give_the_same_tables(tmp_path: Path, make_town, events):
    frame = pl.DataFrame(events).sort("occurred_at")
    frame = frame.with_columns(pl.col("occurred_at").dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ"))
    half = frame.height // 2 + 7
    cut = [frame.tail(frame.height - half), frame.head(half).reverse(), frame.slice(half - 300, 600), frame.head(50)]
    told = []
    for name, parts in (("whole", [frame]), ("cut", cut)):
        (tmp_path / name).mkdir()
        box = Inbox(tmp_path / name, City("Testham", "Europe/Berlin"))
        for i, part in enumerate(parts):
            box.put(f"{i}.csv", part.write_csv())
        box.land("signal_events", uri="*.csv", format="csv")
        assert box.refused("signal_events").height == 0
        done = refine(box.lake, box.city, "signal_events")
        assert sum(r.repeated for r in done) == (650 if name == "cut" else 0)
        for metric in METRICS:
            measure(box.lake, box.city, metric, DAYS)
        told.append({m: [Path(f.uri).read_bytes() for f in box.lake.files("metrics", m)] for m in METRICS})
    assert told[0] == told[1]
    assert all(len(files) == 2 for files in told[0].values())
