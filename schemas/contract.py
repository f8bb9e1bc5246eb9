"""The contract kernel: what a dataset is. Everything else about a dataset is a projection of this.

No dataset is named here, and no engine but Polars types: engines project contracts at the rim.
"""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Literal

import polars as pl
import pyarrow as pa

from schemas.column import Column
from schemas.errors import ContractError
from schemas.health import Health
from schemas.privacy import FORBIDDEN, check_columns
from schemas.publish import GATED, Publish
from schemas.stages import OF_RELEASE, OF_SNAPSHOTS, QUARANTINE, SNAPSHOT_AT, STAGE_COLUMNS, VALID_FROM

__all__ = ["OF_RELEASE", "QUARANTINE", "STAGE_COLUMNS", "Contract", "Described", "RowRule", "Severity", "TableRule", "arrow"]

Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class RowRule:
    """A rule that one row keeps or breaks by itself: an SQL condition valid in Polars and DuckDB.

    NULL counts as kept: absent values are the business of `Column.nullable`.
    """

    name: str
    condition: str
    doc: str


@dataclass(frozen=True)
class TableRule:
    """A rule of a whole partition: an SQL query over the table `this` that counts what breaks it."""

    name: str
    broken: str
    doc: str
    severity: Severity = "warning"


@dataclass(frozen=True)
class Described:
    """Which reference table describes the devices of a feed, and how it corrects what they report.

    Attributes:
        table: the reference table, slowly changing by `valid_from`.
        on: the device's column, of the same name in both.
        factors: column of the feed -> column of the reference table to multiply it by.
        clock: column of the reference table with the seconds by which the device's clock runs ahead.
        mistaken: column -> units in which devices are known to report it instead of the lake's own (schemas/units.py).
        witnesses: (column, what it is, SQL): what the column should say about, told another way, from the feed's other columns
            and `device.<column>` of the reference table.
        peers: columns of the reference table; devices of the same ones see about the same at the same time.
        pulse: column whose ups and downs peers share.
    """

    table: str
    on: str
    factors: tuple[tuple[str, str], ...] = ()
    clock: str | None = None
    mistaken: tuple[tuple[str, tuple[str, ...]], ...] = ()
    witnesses: tuple[tuple[str, str, str], ...] = ()
    peers: tuple[str, ...] = ()
    pulse: str | None = None


@dataclass(frozen=True)
class Contract:
    """A dataset: feed, reference table or metric.

    Attributes:
        event_time: the column that places a row on the time line (feeds).
        interval: the column with the seconds a row covers; `stamped` tells which end the event time names.
        late_after: a row received later than this after its event counts as late; it is never refused for it.
        future_tolerance: a row dated later than this after its receipt is refused.
        period: what one partition of a metric is about: a day, or a month, which is kept under its first day.
        lookback_days, lookahead_days: days before and after the partition that a metric reads. A day that looks ahead is
            measured once more when the next one comes.
        health: how the devices of a feed are judged by day.
        publish: what the publish gate must know of a metric that is about people.
        sources: standards and papers with edition, for feeds and metrics alike.
        forbids: content that no row of a feed or reference table may carry in any field (`schemas.privacy`).
        wire: what a source of a format ("gbfs") or of one type of it ("ngsi/ParkingSpot") need not say in citylake.toml:
            the settings of its block, above all `columns`, which the block may override one by one.
    """

    name: str
    layer: Literal["feed", "reference", "metric"]
    domain: str
    version: int
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    kind: Literal["events", "states", "snapshots", "table"] = "table"
    event_time: str | None = None
    interval: str | None = None
    stamped: Literal["start", "end"] = "start"
    row_rules: tuple[RowRule, ...] = ()
    table_rules: tuple[TableRule, ...] = ()
    late_after: timedelta = timedelta(hours=1)
    future_tolerance: timedelta = timedelta(minutes=10)
    earliest: date = date(2000, 1, 1)
    retention_days: int | None = None
    period: Literal["day", "month"] = "day"
    lookback_days: int = 0
    lookahead_days: int = 0
    described: Described | None = None
    health: Health | None = None
    publish: Publish | None = None
    sources: tuple[str, ...] = field(default=())
    forbids: tuple[str, ...] = tuple(FORBIDDEN)
    wire: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        where = f"{self.layer} {self.name}"
        names = [c.name for c in self.columns]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ContractError(where, f"column {twice[0]} is declared twice", "keep one")
        for column in self.columns:
            column.check(where)
        check_columns(where, self.columns, self.key, self.forbids)
        if self.guarded and self.layer == "reference":
            raise ContractError(where, f"column {self.guarded[0].name} is not open", "leave it out: only feeds are treated")
        for role, wanted in (("key", self.key), ("event_time", (self.event_time,)), ("interval", (self.interval,))):
            for name in wanted:
                if name is not None and name not in names:
                    raise ContractError(where, f"{role} names {name}, which is no column", f"use one of {names}")
        for name in self.key:
            if self[name].nullable:
                raise ContractError(f"{where}, column {name}", "a key column is nullable", "set nullable=False")
        if self.layer == "feed" and not self.event_time:
            raise ContractError(where, "a feed without event_time", "name the column that dates a row")
        if self.kind == "snapshots":
            self._check_snapshots(where)
        if self.health is not None:
            self.health.check(where, names, self.interval)
        if self.publish is not None:
            self.publish.check(where, names, self.key)

    def _check_snapshots(self, where: str) -> None:
        told = next((c for c in self.columns if c.name == SNAPSHOT_AT), None)
        if told is None or told.kind != "instant" or not told.of_delivery or told.nullable:
            raise ContractError(where, f"snapshots without {SNAPSHOT_AT}", "add it: an instant, of_delivery, never empty")
        if self.described is not None and (self.described.factors or self.described.clock):
            raise ContractError(
                where, "snapshots of devices that are corrected", "what is published is not put right; leave it out"
            )

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    def __contains__(self, name: str) -> bool:
        return any(c.name == name for c in self.columns)

    @property
    def is_gated(self) -> bool:
        """Whether the metric passes the publish gate; one about people that does not say how passes by its `n`."""
        said = self.publish is not None and not self.publish.open_because
        return said or (self.publish is None and self.layer == "metric" and self.domain in GATED)

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [c.name for c in self.columns]

    @property
    def guarded(self) -> tuple[Column, ...]:
        """The columns whose values are not stored as they came."""
        return tuple(c for c in self.columns if c.privacy != "open")

    @property
    def purposes(self) -> tuple[str, ...]:
        """The purposes whose keys must be there before a row is read, sorted."""
        return tuple(sorted({c.purpose for c in self.columns if c.purpose}))

    def stage_columns(self, layer: str) -> tuple[Column, ...]:
        """All columns of the table in a layer of the lake: the contract's own and what the stage adds."""
        before, after = STAGE_COLUMNS[layer]
        if self.kind == "snapshots":
            after = (*OF_SNAPSHOTS.get(layer, ()), *after)
        own = {c.name for c in self.columns}
        columns = self.columns
        if layer == "published":  # what is withheld is empty
            columns = tuple(c if c.name in self.key else replace(c, nullable=True, allowed=None) for c in columns)
        return (*(c for c in before if c.name not in own), *columns, *(c for c in after if c.name not in own))

    def key_in(self, layer: str) -> tuple[str, ...]:
        """The columns that tell rows of one layer's table apart; of snapshots refining keeps every version of a key."""
        return (*self.key, VALID_FROM.name) if self.kind == "snapshots" and layer == "refined" else self.key

    def polars_schema(self, layer: str | None = None) -> dict[str, pl.DataType]:
        """Name to Polars type; of one layer's table, or of the contract's own columns."""
        return {c.name: c.dtype for c in (self.stage_columns(layer) if layer else self.columns)}

    def arrow_schema(self, layer: str) -> pa.Schema:
        """The Arrow schema of one layer's table, with doc and unit as field metadata."""
        return arrow(self.stage_columns(layer))

    def partition_of(self, day: date) -> date:
        """The `event_date` under which what is about a day is kept."""
        return day.replace(day=1) if self.period == "month" else day

    def days_of(self, partition: date) -> list[date]:
        """The days that a partition is about."""
        if self.period == "day":
            return [partition]
        return [partition.replace(day=n + 1) for n in range(monthrange(partition.year, partition.month)[1])]

    def span_of(self, partition: date) -> tuple[date, date]:
        """The first and the last day that a partition is made of."""
        days = self.days_of(partition)
        return days[0] - timedelta(days=self.lookback_days), days[-1] + timedelta(days=self.lookahead_days)

    def reads(self, partitions: Iterable[date]) -> list[date]:
        """The days that partitions are made of, those they look back and ahead to included, sorted."""
        out: list[date] = []
        for first, last in map(self.span_of, sorted(set(partitions))):
            start = max(first, out[-1] + timedelta(days=1)) if out else first
            out += [start + timedelta(days=n) for n in range((last - start).days + 1)]
        return out

    def starts_at(self) -> pl.Expr:
        """The instant at which a row's interval begins; for point events, the event time.

        A reading stamped at its end, at midnight, belongs to the day that ends there.
        """
        time = pl.col(self.event_time or "")
        if self.interval and self.stamped == "end":
            return time - pl.duration(seconds=pl.col(self.interval))
        return time

    def with_columns(self, *columns: Column) -> "Contract":
        """A copy with more columns, for tests and for checking evolution."""
        return replace(self, columns=(*self.columns, *columns))


def arrow(columns: tuple[Column, ...]) -> pa.Schema:
    """Columns as an Arrow schema, with doc and unit as field metadata."""
    bare = pl.DataFrame(schema={c.name: c.dtype for c in columns}).to_arrow().schema
    fields = [
        pa.field(f.name, pa.string() if _is_text(f.type) else f.type, metadata={"doc": c.doc, "unit": c.unit or ""})
        for f, c in zip(bare, columns, strict=True)
    ]
    return pa.schema(fields)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
