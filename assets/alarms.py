"""The engine of alerts: takes what lands, asks the rules, and says what opened and what closed. The clock is an argument.

Rules are SQL (`assets/alerts`); this names none of them. Telling anybody is not done here.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import polars as pl

from assets import duck, functions
from assets.alarm_book import Book
from assets.alarm_reference import References
from assets.alarm_rows import RawRows
from assets.alarm_rules import Rule, rules, used_macros
from assets.alarm_states import States
from assets.alarm_window import Window
from assets.duck import literal
from schemas.city import City
from schemas.errors import CitylakeError
from schemas.lake import Lake
from schemas.registry import feed as feed_contract

MOST_CAUSES = 20
RETURNED = (
    "place_kind", "place_id", "h3_cell", "started_at", "event_at", "value", "threshold_value", "unit", "message", "causes",
)  # fmt: skip
"""The columns that a rule returns, one row per place at which it holds now."""
NEEDED = ("place_kind", "place_id", "started_at", "event_at", "message")
NO_LIMITS = "CREATE MACRO threshold(named) AS CAST(NULL AS DOUBLE)"
"""Stands until the limits are looked up: macros that ask for limits are made before."""
CAUSE = "CREATE MACRO cause(of_feed, of_source, at_row) AS {'feed': of_feed, 'source': of_source, 'position': at_row}"


def silent(_: str) -> None:
    """Says nothing."""


class Alarms:
    """The alerts of one lake. Not safe for several threads; `landed` and `evaluate` take turns."""

    def __init__(
        self, lake: Lake, city: City, rules_on: Iterable[str] | None = None, say: Callable[[str], None] = silent
    ) -> None:
        """Open the engine.

        Args:
            rules_on: names of the rules to run; all of them by default.
            say: told in a sentence what goes wrong and is gone on without.
        """
        self.rules = rules(rules_on)
        self.states, self.book = States(), Book(lake, city)
        self._say, self._number = say, 0
        self._asked: dict[str, datetime] = {}
        self._shown: dict[tuple[str, str], pl.DataFrame] = {}
        feeds = {f: feed_contract(f) for f in sorted({f for r in self.rules for f in r.columns})}
        self._windows = {(r.name, f): Window(city, feeds[f], r, say) for r in self.rules for f in r.columns}
        self._raw = {
            name: RawRows(lake, c, sorted({n for (_, f), w in self._windows.items() if f == name for n in w.columns}), say)
            for name, c in feeds.items()
        }
        described = [c.described.table for c in feeds.values() if c.described]
        self._references = References(lake, city, [*described, *(t for r in self.rules for t in r.references)])
        self._con = self._connection(lake)
        for rule in self.rules:
            for feed in rule.columns:
                self._show(rule, feed)

    @property
    def feeds(self) -> frozenset[str]:
        """Feeds that some rule reads."""
        return frozenset(self._raw)

    def held(self) -> dict[str, int]:
        """Rows in the window of each rule and feed."""
        return {f"{rule} {feed}": window.rows.height for (rule, feed), window in self._windows.items()}

    def refill(self, now: datetime) -> None:
        """Take over from the lake, as after a start: recent raw rows, and the alerts that are known."""
        self._number = self.book.last()
        self.states.restore(self.book.every().iter_rows(named=True))
        self._look(now)
        for feed, raw in self._raw.items():
            reach = max(w.window for (_, f), w in self._windows.items() if f == feed)
            for rows in raw.recent(now, reach):
                self.take(feed, rows)
                for (_, of), window in self._windows.items():
                    if of == feed:
                        window.settle(now, self._reference_of(feed))

    def landed(self, feed: str, uris: Sequence[str]) -> int:
        """Take the raw files that a commit made visible; returns the rows read, 0 where no rule reads the feed."""
        if feed not in self._raw or not uris:
            return 0
        rows = self._raw[feed].read(uris)
        self.take(feed, rows)
        return rows.height

    def take(self, feed: str, rows: pl.DataFrame) -> None:
        """Take raw rows that were read already."""
        for (_, of), window in self._windows.items():
            if of == feed:
                window.take(rows)

    def evaluate(self, now: datetime, is_last: bool = False) -> list[dict[str, Any]]:
        """Ask every rule that is due, and return the rows of `metrics/alerts` that say what changed; not numbered yet.

        Args:
            is_last: nobody will ask again soon: every rule is due.
        """
        self._look(now)
        due = [r for r in self.rules if is_last or self._is_due(r, now)]
        for (_, feed), window in self._windows.items():
            if window.is_full:
                window.settle(now, self._reference_of(feed))
        self._con.execute(f"SET VARIABLE now = TIMESTAMPTZ {literal(now.isoformat())}")
        out: list[dict[str, Any]] = []
        for rule in due:
            self._asked[rule.name] = now
            try:
                found = self._ask(rule, now)
            except CitylakeError as error:  # one rule that is wrong does not silence the others
                self._say(str(error))
                continue
            out += self.states.judge(rule, found, now)
            self.states.forget(rule, now)
        return out

    def commit(self, rows: Sequence[dict[str, Any]]) -> int:
        """Append rows to `metrics/alerts`, exactly once; returns the number of the last row there is.

        Where it raises, the same rows may be committed again.
        """
        self._number = self.book.append(rows, self._number)
        return self._number

    def _is_due(self, rule: Rule, now: datetime) -> bool:
        before = self._asked.get(rule.name)
        return before is None or not timedelta() <= now - before < timedelta(seconds=rule.every_s)

    def _look(self, now: datetime) -> None:
        if not self._references.look(now):
            return
        for name, table in self._references.holding.items():
            self._keep(f"reference.{name}", table)
        cases = "".join(f" WHEN {literal(n)} THEN {v!r}::DOUBLE" for n, v in sorted(self._references.limits.items()))
        self._con.execute(f"CREATE OR REPLACE MACRO threshold(named) AS CASE named{cases} END")
        for rule in self.rules:
            unknown = sorted(rule.thresholds - set(self._references.limits))
            if unknown:
                raise CitylakeError(f"{rule.where}, threshold {unknown[0]}", "it has no value", "add it to thresholds.csv")

    def _reference_of(self, feed: str) -> pl.DataFrame:
        described = feed_contract(feed).described
        return pl.DataFrame() if described is None else self._references.every[described.table]

    def _ask(self, rule: Rule, now: datetime) -> list[dict[str, Any]]:
        """The places at which a rule holds now, once each."""
        for feed in rule.columns:
            self._windows[rule.name, feed].settle(now, self._reference_of(feed))
            self._show(rule, feed)
        if not any(self._windows[rule.name, f].rows.height for f in rule.columns):
            return []
        try:
            for feed in rule.columns:
                within = self._windows[rule.name, feed].within
                self._con.execute(f"CREATE OR REPLACE VIEW landed.{feed} AS SELECT * FROM held.{rule.name}_{feed} WHERE {within}")
            found = self._con.sql(rule.text)
            if set(found.columns) != set(RETURNED):
                odd = sorted(set(found.columns) ^ set(RETURNED))
                raise CitylakeError(rule.where, f"column {odd[0]} is too many or missing", f"return {', '.join(RETURNED)}")
            rows = found.pl().to_dicts()
        except duckdb.Error as error:
            text = " ".join(str(error).split())[:400]
            raise CitylakeError(rule.where, text, "correct the SQL, or the table it reads") from error
        out: dict[tuple[str, str], dict[str, Any]] = {}
        for row in rows:
            empty = [n for n in NEEDED if row[n] is None]
            if empty:
                raise CitylakeError(rule.where, f"a row has no {empty[0]}", "return only rows that have one")
            row["causes"] = json.dumps((row["causes"] or [])[:MOST_CAUSES])
            place = (row["place_kind"], row["place_id"])
            if place in out:
                raise CitylakeError(rule.where, f"it returns {place[0]} {place[1]!r} twice", "group by the place")
            out[place] = row
        return list(out.values())

    def _connection(self, lake: Lake) -> duckdb.DuckDBPyConnection:
        con = duck.connect(lake)
        con.execute("SET threads = 1")  # the windows are small; the other cores belong to landing
        schemas = [f"CREATE SCHEMA {s}" for s in ("held", "landed", "reference")]
        for statement in (NO_LIMITS, *used_macros(self.rules), CAUSE, *schemas):
            con.execute(statement)
        functions.register(con, frozenset().union(*(r.functions for r in self.rules)))
        return con

    def _show(self, rule: Rule, feed: str) -> None:
        rows = self._windows[rule.name, feed].rows
        if self._shown.get((rule.name, feed)) is not rows:
            self._keep(f"held.{rule.name}_{feed}", rows)
            self._shown[rule.name, feed] = rows

    def _keep(self, table: str, rows: pl.DataFrame) -> None:
        self._con.register("incoming", rows.to_arrow())
        self._con.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM incoming")
        self._con.unregister("incoming")
