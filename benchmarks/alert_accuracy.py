"""How well the rules of alerts find what goes wrong in a simulated city: precision, recall and delay, by rule.

A day is replayed in the order of receipt, through decoding and conforming, with a clock that steps on by half a minute.
What should be found is the simulator's truth (pipelines/simulator/alert_truth.py).

An alert and a truth match when they have the rule and the place in common and overlap in time, give or take
TOLERANCE_S; an incident also when the alert is at the neighbouring detector. Precision is the share of the alerts that
match some truth, recall the share of the truths that match some alert. The delay is from the truth's start, when a
perfect observer with all data would know, to the instant at which the lake noticed. Not judged are the first
WARM_UP_S, what begins in the last COOL_S, what lasts no longer than a step of the clock, and devices whose clocks run
so far ahead that a live landing refuses their rows.
"""

import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from assets.alarm_rules import names, rules
from benchmarks.alert_day import Day, simulated_day
from schemas.city import City
from schemas.lake import Lake

TOLERANCE_S = 120
STEP_S = 30
WARM_UP_S, COOL_S = 1800, 900
BEFORE = timedelta(hours=6)


def replay(lake: Lake, city: City, day: Day, first: datetime, last: datetime, rules_on: list[str] | None = None) -> pl.DataFrame:
    """Run rules, by default all, over a day's rows as they are received; what is then in `metrics/alerts`."""
    from assets.alarms import Alarms

    alarms = Alarms(lake, city, rules_on, say=print)
    alarms.refill(first)
    step, now = timedelta(seconds=STEP_S), first
    cuts = {feed: _by_step(rows) for feed, rows in day.rows.items()}
    for feed, rows in day.rows.items():  # as after a restart
        alarms.take(feed, rows.filter(pl.col("_received_at").is_between(first - BEFORE, first, "left")))
    while now < last:
        received, now = now, now + step
        for feed, by_step in cuts.items():
            if (rows := by_step.get(received)) is not None:
                alarms.take(feed, rows)
        alarms.commit(alarms.evaluate(now))
    return alarms.book.every()


def _by_step(rows: pl.DataFrame) -> dict[datetime, pl.DataFrame]:
    stepped = rows.with_columns(step=pl.col("_received_at").dt.truncate(f"{STEP_S}s"))
    return {key[0]: part.drop("step") for key, part in stepped.partition_by("step", as_dict=True).items()}  # type: ignore[misc]


def judge(alerts: pl.DataFrame, truth: pl.DataFrame, day: Day, first: datetime, last: datetime) -> list[dict[str, Any]]:
    """Precision, recall and delay of each rule."""
    begin, end = first + timedelta(seconds=WARM_UP_S), last - timedelta(seconds=COOL_S)
    opened = alerts.filter(pl.col("state") == "opened").select("alert_id", "rule", "place_id", "started_at", "raised_at")
    closed = alerts.filter(pl.col("state") == "closed").select("alert_id", "closed_at")
    is_judged = ~pl.col("place_id").is_in(day.refused)
    found = opened.join(closed, on="alert_id", how="left").with_columns(pl.col("closed_at").fill_null(last)).filter(is_judged)
    wanted = truth.with_row_index("truth").with_columns(ended_at=pl.col("ended_at").fill_null(last))
    wanted = wanted.filter(pl.col("ended_at") > begin, is_judged)
    out = []
    for rule in names():
        mine, real = found.filter(pl.col("rule") == rule), wanted.filter(pl.col("rule") == rule)
        slack = pl.duration(seconds=TOLERANCE_S)
        pairs = mine.join(_near(real, day), on="place_id", suffix="_true").filter(
            (pl.col("raised_at") <= pl.col("ended_at") + slack) & (pl.col("closed_at") >= pl.col("started_at_true") - slack)
        )
        alarms = mine.filter(pl.col("raised_at").is_between(begin, end))
        lasts = pl.col("ended_at") - pl.col("started_at") > pl.duration(seconds=STEP_S)
        due = real.filter(pl.col("started_at").is_between(begin, end), lasts)
        right = alarms.filter(pl.col("alert_id").is_in(pairs["alert_id"].implode())).height
        hit = due.filter(pl.col("truth").is_in(pairs["truth"].implode()))
        delays = pairs.filter(pl.col("truth").is_in(hit["truth"].implode())).group_by("truth").agg(
            delay_s=(pl.col("raised_at").min() - pl.col("started_at_true").first()).dt.total_seconds().clip(0)
        )["delay_s"]  # fmt: skip
        precision = right / alarms.height if alarms.height else None
        recall = hit.height / due.height if due.height else None
        out.append(
            {
                "rule": rule, "alerts": alarms.height, "right": right, "precision": precision, "truths": due.height,
                "found": hit.height, "recall": recall, "delay_p50_s": delays.median(),
            }
        )  # fmt: skip
    return out


def _near(real: pl.DataFrame, day: Day) -> pl.DataFrame:
    """Truths at their own place, and at the neighbours that also count."""
    moved = real.join(day.neighbours, on="place_id", how="inner").drop("place_id").rename({"neighbour": "place_id"})
    return pl.concat([real, moved.select(real.columns)])


MORNING, EVENING = (6, 11), (18, 24)
OF_THE_EVENING = ("camera_events", "streetlights")
"""Feeds that have more to tell in the evening, when lamps burn and people are in the streets; they are replayed alone."""


def measure(events: int = 1_000_000, seed: int = 3) -> list[dict[str, Any]]:
    """Simulate a weekday, replay its morning, of cameras and lamps its evening, and judge the alerts."""
    city, when = City("Demo City", "Europe/Berlin"), date(2026, 5, 5)
    start = city.day_start(when).astimezone(UTC)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        day = simulated_day(Path(folder), city, when, events, seed)
        for (from_h, until_h), is_evening in ((MORNING, False), (EVENING, True)):
            part = replace(day, rows={f: r for f, r in day.rows.items() if (f in OF_THE_EVENING) == is_evening})
            lake = Lake(Path(folder) / f"lake-{from_h}")
            part.load_references(lake)
            first, last = start + timedelta(hours=from_h), start + timedelta(hours=until_h)
            asked = [r for r in names() if (feed_of(r) in OF_THE_EVENING) == is_evening]
            told = judge(replay(lake, city, part, first, last, asked), part.truth, part, first, last)
            found += [r for r in told if r["rule"] in asked]
    return found


def feed_of(rule: str) -> str:
    """The feed that a rule reads; of several the first."""
    return sorted(rules([rule])[0].columns)[0]


def show(rows: list[dict[str, Any]]) -> None:
    """Print the result as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("rule", "alerts", "precision", "truths", "recall", "delay p50", box=None)
    for r in rows:
        precision, recall = ("-" if r[k] is None else f"{r[k]:.1%}" for k in ("precision", "recall"))
        delay = "-" if r["delay_p50_s"] is None else f"{r['delay_p50_s']:.0f} s"
        table.add_row(r["rule"], str(r["alerts"]), precision, str(r["truths"]), recall, delay)
    Console(width=100).print(table)


if __name__ == "__main__":
    show(measure())
