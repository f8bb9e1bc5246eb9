"""The last minutes of one feed's landed rows, as one rule of alerts sees them: settled, corrected, bounded.

Which rules there are is said by `assets.alarm_rules`, where rows are read in `assets.alarm_rows`; nothing is judged here.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from assets.alarm_rules import Rule
from assets.refine.corrections import correct
from assets.refine.places import cell
from assets.refine.repeats import LATEST_LAST, latest_of
from schemas.city import City
from schemas.contract import Contract

MOST_ROWS = 1_000_000
"""Rows that a window may hold; beyond it the oldest go."""
MOST_WAITING = 150_000
SLACK = 1.3


class Window:
    """The rows of one feed that one rule needs: the latest version of each key, no older than the rule's window.

    Attributes:
        rows: the settled rows; the columns the rule names, `_source`, `_position`, `_received_at`, and `h3_cell`
            where the feed has coordinates of its own. Some may be older than the window: they go now and then.
        within: SQL that is true of the rows that are in the window at the variable `now`.
    """

    def __init__(self, city: City, contract: Contract, rule: Rule, say: Callable[[str], None]) -> None:
        self._city, self._rule, self._say = city, rule, say
        self.window = timedelta(seconds=rule.window_s)
        self._contract, self._key, self._time = contract, list(contract.key), contract.event_time or ""
        named = set(rule.columns[contract.name])
        self._has_place = "lat" in contract and "lon" in contract
        named |= {"lat", "lon"} if self._has_place else set()
        self.columns = [*(c for c in contract.names if c in named), *LATEST_LAST]
        if described := contract.described:
            factors = tuple(f for f in described.factors if f[0] in named)
            self._contract = replace(contract, described=replace(described, factors=factors))
        self._series = [k for k in self._key if k != self._time]
        if rule.of_each == "device" and described:
            self._series = [described.on]
        tolerance = int(contract.future_tolerance.total_seconds())
        now = "getvariable('now')::TIMESTAMPTZ"
        self.within = f"{self._time} BETWEEN {now} - to_seconds({rule.window_s}) AND {now} + to_seconds({tolerance})"
        schema = contract.polars_schema("raw")
        self.rows = self._placed(pl.DataFrame(schema={c: schema[c] for c in self.columns}))
        self._waiting: list[pl.DataFrame] = []
        self._pruned_at = 0

    def take(self, fresh: pl.DataFrame) -> None:
        """Take raw rows, in any order."""
        if fresh.height:
            self._waiting.append(fresh.select(self.columns))

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be settled that it should not wait for the rule's turn."""
        return sum(f.height for f in self._waiting) > MOST_WAITING

    def settle(self, now: datetime, reference: pl.DataFrame) -> None:
        """Bring what was taken into `rows` and let go of what is too old.

        Args:
            reference: the table that describes the feed's devices; empty where there is none.
        """
        if self._waiting:
            fresh = pl.concat(self._waiting).filter(self._is_due(now), self._is_needed(reference))
            self._waiting = []
            self._add(self._placed(self._corrected(fresh, reference)))
        oldest = self.rows[self._time].min() if self.rows.height else now
        if self.rows.height > SLACK * self._pruned_at or oldest < now - SLACK * self.window:  # type: ignore[operator]
            self._prune(now)

    def _is_needed(self, reference: pl.DataFrame) -> pl.Expr:
        described = self._contract.described
        if described is None or self._rule.devices is None or not _knows(reference, self._rule.devices):
            return pl.lit(True)
        devices = reference.filter(pl.sql_expr(self._rule.devices))[described.on].unique()
        return pl.col(described.on).is_in(devices.implode())

    def _is_due(self, now: datetime) -> pl.Expr:
        # clocks may be off by more than the window: a row is judged again once its clock was put right
        slack = timedelta(days=1) if self._contract.described and self._contract.described.clock else timedelta()
        return pl.col(self._time).is_between(now - self.window - slack, now + self._contract.future_tolerance + slack)

    def _corrected(self, fresh: pl.DataFrame, reference: pl.DataFrame) -> pl.DataFrame:
        described = self._contract.described
        if described is None or reference.height == 0:
            return fresh
        factors = [pl.col(f) != 1.0 for _, f in described.factors]
        clock = [pl.col(described.clock) != 0] if described.clock else []
        faulty = reference.filter(pl.any_horizontal(*factors, *clock, pl.lit(False)))[described.on].unique()
        is_faulty = pl.col(described.on).is_in(faulty.implode())
        fixed = correct(fresh.filter(is_faulty), self._contract, reference).drop("_corrections")
        return pl.concat([fresh.filter(~is_faulty), fixed.select(fresh.columns)])

    def _placed(self, fresh: pl.DataFrame) -> pl.DataFrame:
        if not self._has_place:
            return fresh
        return fresh.with_columns(cell(self._city.h3_resolution).alias("h3_cell")).drop("lat", "lon")

    def _add(self, fresh: pl.DataFrame) -> None:
        """Latest version of each key wins, as when refining, whatever the order of arrival."""
        if fresh.height == 0:
            return
        latest = _latest(fresh, self._key)
        held = self.rows.join(latest.select(self._key), on=self._key, how="semi")
        if held.height:
            latest = _latest(pl.concat([held, latest]), self._key)
            self.rows = self.rows.join(latest.select(self._key), on=self._key, how="anti")
        self.rows = pl.concat([self.rows, latest], rechunk=True)

    def _prune(self, now: datetime) -> None:
        """Keep what the rule needs: so many latest rows of each series within its window."""
        time = pl.col(self._time)
        rows = self.rows.filter(time.is_between(now - self.window, now + self._contract.future_tolerance))
        # one number for the series: a clash would let a row go early, and comes once in 10**19 pairs
        rank = time.rank("ordinal", descending=True).over(pl.struct(self._series).hash())
        self.rows = rows.filter(rank <= self._rule.latest_rows)
        if self.rows.height > MOST_ROWS:
            over = self.rows.height - MOST_ROWS
            self.rows = self.rows.sort(self._time).tail(MOST_ROWS)
            of = self._contract.name
            self._say(f"{self._rule.where}: it needs more than {MOST_ROWS:,} rows of {of}; the oldest {over:,} were let go")
        self._pruned_at = max(self.rows.height, 10_000)


def _knows(reference: pl.DataFrame, condition: str) -> bool:
    """Whether a condition on devices is one on this table."""
    return set(pl.sql_expr(condition).meta.root_names()) <= set(reference.columns)


def _latest(rows: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    twice = rows.select(pl.struct(key).is_duplicated()).to_series()
    if not twice.any():
        return rows
    values = [c for c in rows.columns if c not in (*key, *LATEST_LAST)]
    return pl.concat([rows.filter(~twice), latest_of(rows.filter(twice), key, values)])
