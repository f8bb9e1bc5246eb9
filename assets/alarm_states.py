"""Which alerts are open, and what changes when the rules are asked again: opened, held, closed. Pure.

What is alarming is said by the rules; where changes are written, by `assets.alarm_book`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from assets.alarm_rules import Rule
from schemas.alerts import CLOSED, OPENED, alert_id

Key = tuple[str, str, str]
"""Rule, kind of place, place."""


@dataclass
class Episode:
    """An open alert. `row` is its opening; `absent_since` is when the condition was first not found any more."""

    row: dict[str, Any]
    absent_since: datetime | None = None


class States:
    """The open alerts of all rules, and when those before them were closed."""

    def __init__(self) -> None:
        self.open: dict[Key, Episode] = {}
        self.closed: dict[Key, tuple[datetime, str]] = {}

    def restore(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take over from the rows of `metrics/alerts`, in the order of their numbers."""
        self.open, self.closed = {}, {}
        for row in rows:
            key = (row["rule"], row["place_kind"], row["place_id"])
            if row["state"] == OPENED:
                self.open[key] = Episode(row)
            else:
                self.open.pop(key, None)
                self.closed[key] = (row["closed_at"], row["alert_id"])

    def judge(self, rule: Rule, found: Iterable[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
        """The rows that say what changed, given every place at which the rule holds now.

        A place that is open stays open, and one that was closed opens again only for something that happened after
        it was closed: late and repeated rows tell of what is known already.
        """
        out, held = [], set()
        for one in found:
            key = (rule.name, one["place_kind"], one["place_id"])
            held.add(key)
            if key in self.open:
                _hold(self.open[key], one)
            elif (row := self._opened(rule, key, one, now)) is not None:
                self.open[key] = Episode(row)
                out.append(row)
        cool_down = timedelta(seconds=rule.cool_down_s)
        for key in [k for k in self.open if k[0] == rule.name and k not in held]:
            episode = self.open[key]
            episode.absent_since = episode.absent_since or now
            if now - episode.absent_since >= cool_down:
                del self.open[key]
                self.closed[key] = (episode.absent_since, episode.row["alert_id"])
                out.append(episode.row | {"state": CLOSED, "raised_at": now, "closed_at": episode.absent_since})
        return out

    def _opened(self, rule: Rule, key: Key, one: dict[str, Any], now: datetime) -> dict[str, Any] | None:
        identity = alert_id(*key, one["started_at"])
        closed_at, before = self.closed.get(key, (None, ""))
        if closed_at is not None and (one["event_at"] <= closed_at or identity == before):
            return None
        told = {"alert_id": identity, "state": OPENED, "rule": rule.name, "severity": rule.severity}
        return told | one | {"raised_at": now, "closed_at": None}

    def forget(self, rule: Rule, now: datetime) -> None:
        """Let go of what was closed before anything that the rule can still see."""
        before = now - timedelta(seconds=rule.window_s)
        for key in [k for k, (at, _) in self.closed.items() if k[0] == rule.name and at < before]:
            del self.closed[key]


def _hold(episode: Episode, one: dict[str, Any]) -> None:
    """The condition still holds: the closing row will tell the latest event and value."""
    episode.absent_since = None
    if one["event_at"] >= episode.row["event_at"]:
        episode.row = episode.row | {n: one[n] for n in ("event_at", "value", "threshold_value")}
