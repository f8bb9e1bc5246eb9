"""A stream as lines: for logs, and as JSON for machines. The screen of a terminal is `screen`."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any, TextIO

from dagster_project.cli.terminal import clean
from dagster_project.live.moment import Alarm, Happened, Moment
from pipelines.live.desk import Seen

PLAIN_EVERY_S, JSON_EVERY_S = 5.0, 1.0
LONGEST = 300


def span(seconds: float | None) -> str:
    """A duration as a person reads it."""
    if seconds is None:
        return "-"
    for limit, unit, worth, form in (
        (10, "s", 1, ".2f"),
        (120, "s", 1, ".0f"),
        (7200, "min", 60, ".0f"),
        (172_800, "h", 3600, ".1f"),
    ):
        if seconds < limit:
            return f"{max(seconds, 0.0) / worth:{form}} {unit}"
    return f"{seconds / 86_400:.0f} d"


def source_line(seen: Seen) -> str:
    """How a source stands, in one line."""
    parts = [
        clean(f"{seen.feed}.{seen.name}"),
        seen.state,
        f"{seen.events_per_s:,.0f}/s",
        f"kept {seen.kept:,}",
        f"rejected {seen.rejected:,}",
        f"lag {span(seen.source_lag_s)}",
        f"event lag {span(seen.event_lag_s)}",
        f"behind {'-' if seen.behind is None else f'{seen.behind:,}'}",
        f"commits {seen.commits:,} (p50 {span(seen.commit_p50_s)}, p99 {span(seen.commit_p99_s)})",
        f"restarts {seen.restarts}",
    ]
    return "  ".join([*parts, *([clean(seen.says, LONGEST)] if seen.says else [])])


def alarm_line(alarm: Alarm) -> str:
    """An alert opened or closed, in one line."""
    state = f"{alarm.severity} alert" if alarm.is_open else "alert closed"
    return clean(f"{state}: {alarm.rule} at {alarm.place}: {alarm.says}", LONGEST)


class Plain:
    """A line per source every few seconds, and one for each thing that happens."""

    def __init__(self, every_s: float = PLAIN_EVERY_S, out: TextIO | None = None) -> None:
        self._every_s, self._out, self._next_s = every_s, out or sys.stderr, every_s

    def show(self, moment: Moment) -> None:
        """Write the sources' lines when they are due."""
        if moment.elapsed_s >= self._next_s:
            self._next_s = moment.elapsed_s + self._every_s
            for seen in moment.sources:
                self._write(moment.at, source_line(seen))

    def tell(self, events: list[Happened], alarms: list[Alarm]) -> None:
        """Write a line for each."""
        for event in events:
            self._write(event.at, clean(f"{event.place}: {event.what}", LONGEST))
        for alarm in alarms:
            self._write(alarm.at.astimezone(), alarm_line(alarm))

    def _write(self, at: datetime, text: str) -> None:
        # a log outlives the day on which it was written
        self._out.write(f"{at:%Y-%m-%d %H:%M:%S}  {text}\n")
        self._out.flush()

    def close(self) -> None:
        """Nothing is held."""


class Json:
    """An object a line: `source` every second and source, `event` and `alert` as they come."""

    def __init__(self, every_s: float = JSON_EVERY_S, out: TextIO | None = None) -> None:
        self._every_s, self._out, self._next_s = every_s, out or sys.stdout, 0.0

    def show(self, moment: Moment) -> None:
        """Write an object per source when they are due."""
        if moment.elapsed_s >= self._next_s:
            self._next_s = moment.elapsed_s + self._every_s
            for seen in moment.sources:
                self.write("source", {"at": moment.at, **asdict(seen)})

    def tell(self, events: list[Happened], alarms: list[Alarm]) -> None:
        """Write an object for each."""
        for event in events:
            self.write("event", asdict(event))
        for alarm in alarms:
            self.write("alert", asdict(alarm))

    def write(self, kind: str, values: dict[str, Any]) -> None:
        """Write one object."""
        self._out.write(json.dumps({"kind": kind, **values}, ensure_ascii=False, default=_iso) + "\n")
        self._out.flush()

    def close(self) -> None:
        """Nothing is held."""


def _iso(value: Any) -> str:
    return str(value.isoformat() if isinstance(value, datetime) else value)
