"""simulate(): a city's days, written as the files its devices would send, with the truth beside them.

What each feed looks like is said in its own module; this one only goes through the days.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.simulator import (
    alert_truth,
    calls,
    civic,
    detectors,
    emergency_calls,
    households,
    meter_readings,
    mishaps,
    mobility,
    mobility_settings,
    traffic_flow,
    truth,
)
from pipelines.simulator.archives import Archives
from pipelines.simulator.faults import KINDS, FaultRates
from pipelines.simulator.outbox import Outbox
from pipelines.simulator.sent import Sent
from pipelines.simulator.settings_file import write_settings
from schemas.city import City

SHARES = {"traffic_flow": 0.87, "meter_readings": 0.126, "emergency_calls": 0.004}
SLOTS_S = {"traffic_flow": 45 * 60, "meter_readings": 6 * 3600, "emergency_calls": 4 * 3600}
"""Seconds of receipt in one file: short enough that what is on time in the feed is on time in its file, too."""

REST = 0.64
"""Part of the events that is left for detectors, meters and calls; `SHARES` are of it."""
FEEDS = (*SHARES, *mobility.FEEDS, *civic.FEEDS)
SMALL = 100_000
"""Events a day below which files are eight times as long: a small city would send almost empty ones."""

DEFAULT_RATES = FaultRates()
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Simulated:
    """What was written.

    Attributes:
        lines: per feed, lines (rows, for Parquet) written.
        faults: per feed, rows touched by kind of fault.
        books: per feed, what a right lake counts: taken, rejected, repeated, superseded; `by_source` the same per source.
    """

    folder: Path
    settings: Path
    truth: Path
    lines: dict[str, int]
    files: int
    bytes: int
    faults: dict[str, dict[str, int]]
    books: dict[str, dict[str, int]]
    by_source: dict[str, dict[str, int]]
    seconds: float


@dataclass
class _Post:
    """The outboxes, and what has been gathered for the truth so far."""

    boxes: dict[str, Outbox | Archives]
    truth_folder: Path
    tables: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    faults: dict[str, Counter[str]] = field(default_factory=lambda: {f: Counter() for f in FEEDS})
    written: list[Path] = field(default_factory=list)
    called: list[pl.DataFrame] = field(default_factory=list)
    by_box: dict[str, Counter[str]] = field(default_factory=dict)
    books: dict[str, Counter[str]] = field(default_factory=lambda: {f: Counter() for f in FEEDS})

    def take(
        self, feed: str, box: str, sent: Sent | None, day: date, tables: Callable[[pl.DataFrame], dict[str, pl.DataFrame]]
    ) -> None:
        """Queue lines, keep the day's truth and write its keys."""
        if sent is None:
            return
        self.boxes[box].add(sent.lines)
        self.faults[feed] += sent.faults
        self.books[feed] += sent.books
        self.by_box.setdefault(box, Counter()).update(sent.books)
        # several devices may share a box
        path = self.truth_folder / "keys" / feed / f"{box}-{day}-{len(self.written):05d}.parquet"
        self.written.append(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        sent.keys.write_parquet(path, compression="lz4")
        for name, table in tables(sent.truth).items():
            self.tables.setdefault(name, []).append(table.select(pl.lit(day).alias("event_date"), pl.all()))

    def call(self, desk: str, sent: Sent | None, day: date) -> None:
        """Take a desk's calls of a day."""
        self.take("emergency_calls", desk, sent, day, truth.response)
        if sent is not None:
            self.called.append(truth.incidents(sent.truth).with_columns(event_date=pl.lit(day)))

    def raise_alerts(self, day: date, alerts: pl.DataFrame) -> None:
        """Keep the alerts that a right lake raises over what happened on a day."""
        self.tables.setdefault("alerts", []).append(alerts.select(pl.lit(day).alias("event_date"), pl.all()))


def simulate(
    folder: Path,
    city: City,
    start: date,
    days: int,
    events: int,
    seed: int,
    faults: FaultRates | None = DEFAULT_RATES,
    progress: Progress | None = None,
) -> Simulated:
    """Write `days` local days of a city from `start` on under `folder`: inbox, reference, citylake.toml, truth.

    Args:
        events: about how many rows over all feeds; the city gets as many devices as make them, and at least a few of each.
        seed: same seed and arguments, same bytes.
        faults: how often each fault happens; None for a city without faults.
        progress: called with (what, done, of) after each day.
    """
    began, rates = time.perf_counter(), faults or FaultRates.none()
    folder = Path(folder)
    bounds = [int(city.day_start(start + timedelta(days=i)).timestamp()) for i in range(days + 1)]
    seconds = bounds[-1] - bounds[0]
    wanted = {feed: events * REST * share for feed, share in SHARES.items()}
    sensors = detectors.lay_out(np.random.default_rng([seed, 1]), int(wanted["traffic_flow"]), seconds, rates)
    meters = households.lay_out(np.random.default_rng([seed, 2]), int(wanted["meter_readings"]), seconds, rates)
    rest = mobility.Mobility(city, sensors, rates, events / days, seed)
    life = civic.Civic(city, sensors, rates, events / days, seed, bounds[-1])
    settings = write_settings(folder, city, rest.all_sensors, meters, rest.references | life.references)
    rest.write_timetable(folder / mobility_settings.TIMETABLE, start, days)
    slots = {f: s if events >= SMALL * days else min(8 * s, 86_400) for f, s in SLOTS_S.items()}
    boxes = _boxes(folder / "inbox", slots, rates, seed) | rest.boxes(folder / "inbox") | life.boxes(folder / "inbox")
    post = _Post(boxes, folder / "truth")
    calls_a_day = wanted["emergency_calls"] / days
    for number, (begin, end) in enumerate(pairwise(bounds)):
        day, rng = start + timedelta(days=number), np.random.default_rng([seed, 3, number])
        if number == 0:
            _backlogs(post, rng, city, sensors, meters, begin, rates, wanted, start - timedelta(days=14))
        mishap = np.random.default_rng([seed, 5, number])
        blocked = mishaps.incidents(mishap, city, sensors, begin, end)
        crashed = life.crashes(number, begin, end, blocked)
        overloaded = mishaps.overloads(mishap, city, meters, begin, end)
        sent = traffic_flow.day(rng, city, sensors, begin, end, rates, blocked)
        post.take("traffic_flow", "traffic_flow", sent, day, partial(truth.traffic, sensors=sensors, start=begin))
        post.raise_alerts(day, alert_truth.of_traffic(sent.truth, sensors, blocked, end))
        calling = np.random.default_rng([seed, 6, number])
        called = emergency_calls.desks(calling, calls.responding(calling, city, begin, end, calls_a_day, crashed), rates)
        units = pl.concat(s.truth for s in called.values())
        for more in chain(rest.day(number, begin, end, sent.truth), life.day(number, begin, end, sent.truth, units)):
            post.take(more.feed, more.box, more.sent, day, more.tables)
        post.raise_alerts(day, pl.concat(life.raised))
        sent = meter_readings.day(rng, city, meters, begin, end, rates, overloaded)
        post.take("meter_readings", "meter_readings", sent, day, partial(truth.energy, meters=meters, start=begin, end=end))
        post.raise_alerts(day, alert_truth.of_energy(sent.truth, meters, end))
        for desk, sent in called.items():
            post.call(desk, sent, day)
            post.raise_alerts(day, alert_truth.call_waiting(sent.truth))
        for box in post.boxes.values():
            box.send(begin, end)
        if progress:
            progress("simulate", number + 1, days)
    for more in life.after(days, bounds[-1]):
        post.take(more.feed, more.box, more.sent, start + timedelta(days=days - 1), more.tables)
    for box in post.boxes.values():
        box.close(bounds[-1])
    months = truth.months_of_calls(pl.concat(post.called), life.references["districts"])
    duration = {"energy_load_duration": truth.load_duration(pl.concat(post.tables["energy_load_30min"]), start)}
    post.tables |= {name: [table] for name, table in (rest.last() | life.last() | months | duration).items()}
    return _told(folder, settings, post, began)


def _boxes(inbox: Path, slots: dict[str, int], rates: FaultRates, seed: int) -> dict[str, Outbox | Archives]:
    def box(number: int, feed: str, suffix: str, delivery_s: int, header: str = "", every_gzip: int = 0) -> Outbox:
        rng = np.random.default_rng([seed, 4, number])
        return Outbox(inbox / feed, suffix, slots[feed], delivery_s, rng, header, every_gzip, ragged=rates.files)

    return {
        "traffic_flow": box(0, "traffic_flow", ".jsonl", 900, every_gzip=4),
        "meter_readings": box(1, "meter_readings", ".csv", 3600, header=meter_readings.HEADER),
        "dispatch": box(2, "emergency_calls", ".jsonl", 300),
        "outer": box(3, "emergency_calls", ".parquet", 300),
    }


def _backlogs(
    post: _Post,
    rng: np.random.Generator,
    city: City,
    sensors: pl.DataFrame,
    meters: pl.DataFrame,
    begin: int,
    rates: FaultRates,
    wanted: dict[str, float],
    day: date,
) -> None:
    before = int(city.day_start(day).timestamp())
    sent = traffic_flow.backlog(rng, city, sensors, begin, before, rates, int(wanted["traffic_flow"]))
    post.take("traffic_flow", "traffic_flow", sent, day, partial(truth.traffic, sensors=sensors, start=before))
    after = int(city.day_start(day + timedelta(days=1)).timestamp())
    few = meter_readings.backlog(rng, city, meters, begin, (before, after), rates, int(wanted["meter_readings"]))
    if few is not None:
        post.take("meter_readings", "meter_readings", few[0], day, partial(truth.energy, meters=few[1], start=before, end=after))
    sent = emergency_calls.backlog(rng, city, begin, (before, after), rates, int(wanted["emergency_calls"]))
    post.call("dispatch", sent, day)


def _told(folder: Path, settings: Path, post: _Post, began: float) -> Simulated:
    """Write the truth's tables, faults and books, and tell what was made."""
    for name, parts in post.tables.items():
        pl.concat(parts, how="diagonal_relaxed").write_parquet(post.truth_folder / f"{name}.parquet")
    boxes = post.boxes
    told = {
        feed: {k: {"rows": n, "destroys": KINDS[k].destroys, "is": KINDS[k].doc} for k, n in sorted(c.items()) if n}
        for feed, c in post.faults.items()
    }
    files = {name: box.marks for name, box in boxes.items()}
    (post.truth_folder / "faults.json").write_text(json.dumps({"rows": told, "files": files}, indent=1))
    (post.truth_folder / "books.json").write_text(json.dumps(post.books, indent=1))
    return Simulated(
        folder=folder,
        settings=settings,
        truth=post.truth_folder,
        lines={
            f: sum(b.lines for n, b in boxes.items() if b.folder.name == f or b.folder.name.startswith(f"{f}_")) for f in FEEDS
        },
        files=sum(b.files for b in boxes.values()),
        bytes=sum(b.bytes for b in boxes.values()),
        faults={f: {k: n for k, n in c.items() if n} for f, c in post.faults.items()},
        books={f: dict(c) for f, c in post.books.items()},
        by_source={b: dict(c) for b, c in post.by_box.items()},
        seconds=time.perf_counter() - began,
    )
