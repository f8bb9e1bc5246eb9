"""How one column of a contract is read from the wire columns at hand, and how that can fail.

Shaping rows and telling faults apart is `mapping`; whether a value is allowed is `schemas.conform`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl

from pipelines.engine import cursor
from pipelines.sources.source import OF_SOME, Field, Source
from pipelines.times import Clock
from schemas.column import Column
from schemas.conform import Rule, shortened
from schemas.contract import Contract
from schemas.rejection import Code
from schemas.units import accepted, called, conversion

TRUE, FALSE = ["true", "t", "yes", "y", "1"], ["false", "f", "no", "n", "0"]


class WireValue:
    """One column: the expressions that read it from a frame of wire columns."""

    def __init__(self, column: Column, field: Field | None, wire: pl.DataFrame, source: Source) -> None:
        self.column, self.field, self.source = column, field, source
        self.parts: list[_Part] = []
        if field is None or field.constant is not None:
            return
        names = [w for w in field.wire if w in wire.columns]
        if field.combine == "join" and len(field.wire) > 1:
            if len(names) == len(field.wire):
                texts = [pl.col(w).cast(pl.String).str.strip_chars() for w in names]
                self.parts = [_Part(column, field, source, pl.concat_str(texts, separator=field.join), pl.String())]
        elif len(names) == len(field.wire) or field.combine in OF_SOME:
            self.parts = [_Part(column, field, source, pl.col(w), wire.schema[w]) for w in names]

    def follow(self, other: "WireValue") -> None:
        """Times of day without a date follow the instant of another column."""
        self.parts = [replace(p, follows=other.typed) for p in self.parts]

    @property
    def typed(self) -> pl.Expr:
        """The value in the source's own unit; null where there is none, or none that can be read."""
        field, column = self.field, self.column
        if field is not None and field.constant is not None:
            return pl.lit(field.constant).cast(column.dtype if column.kind != "int" else pl.Float64)
        if field is None or not self.parts:
            read = pl.lit(None, column.dtype)
        elif field.combine == "elapsed":
            first, second = (p.instant for p in self.parts)
            read = (second - first).dt.total_microseconds() / 1e6
        elif field.combine == "latest":
            read = pl.max_horizontal(p.instant for p in self.parts)
        elif field.combine in ("sum", "difference"):
            first, second, *more = (p.number.cast(pl.Float64) for p in self.parts)
            read = first - second if field.combine == "difference" else sum(more, first + second)
        else:
            read = pl.coalesce(p.typed for p in self.parts) if len(self.parts) > 1 else self.parts[0].typed
        if field is None or field.default is None:
            return read
        instead = pl.lit(field.default).cast(column.dtype if column.kind != "int" else pl.Float64)
        return pl.when(self._given).then(read).otherwise(instead) if self.parts else instead

    def in_lake_unit(self, contract: Contract, wire: pl.DataFrame) -> pl.Expr:
        """The typed value (`=name`) in the column's unit; rates become amounts over the row's interval."""
        value, field, column = pl.col(f"={self.column.name}"), self.field, self.column
        if column.kind not in ("int", "float"):
            return value
        interval = pl.col(f"={contract.interval}") if contract.interval else pl.lit(None, pl.Int64)
        if field is not None:
            change = conversion(column.unit, field.unit)
            plain = value if change is None or field.unit is None else change.apply(value, interval)
            value = plain
            if field.unit_from in wire.columns:
                value = pl.when(self._unit_said.not_()).then(plain)
                for unit in reversed(accepted(column.unit)):
                    change = conversion(column.unit, unit)
                    if change is not None:
                        said = pl.col(field.unit_from).is_in(called(unit))
                        value = pl.when(said).then(change.apply(pl.col(f"={column.name}"), interval)).otherwise(value)
        return value.round(0).cast(pl.Int64, strict=False) if column.kind == "int" else value.cast(pl.Float64)

    def rules(self, wire: pl.DataFrame) -> list[Rule]:
        """A value that is there and cannot be read is a fault, said with what was found."""
        column, field = self.column, self.field
        if not self.parts or field is None or column.kind == "string":
            return []
        typed, out = pl.col(f"={column.name}"), []
        if field.unit_from in wire.columns:
            names = [n for u in accepted(column.unit) for n in called(u)]
            odd = self._given & self._unit_said & ~pl.col(field.unit_from).is_in(names)
            expected = f"a unit that becomes {column.unit}"
            out.append(Rule(Code.UNKNOWN_UNIT, column.name, expected, odd, shortened(pl.col(field.unit_from))))
        if not any(p.text for p in self.parts) and column.kind in ("float", "bool"):
            return out
        unread, found = self._given & typed.is_null(), shortened(self._found)
        if column.kind == "instant" and field.time_zone:
            skipped = unread & pl.any_horizontal(p.wall_clock.is_not_null() for p in self.parts)
            out.append(Rule(Code.NO_SUCH_LOCAL_TIME, column.name, f"a time that {field.time_zone} has once", skipped, found))
        if column.kind == "int" and any(p.text for p in self.parts):
            endless = self._given & self._found.str.to_lowercase().str.contains(r"^[+-]?(nan|inf(inity)?)$")
            out.append(Rule(Code.NOT_FINITE, column.name, "a finite number", endless, found))
        expected = f"{column.kind}" + (f" as {field.format}" if column.kind == "instant" else "")
        out.append(Rule(Code.WRONG_TYPE, column.name, expected, unread, found))
        return out

    @cached_property
    def _given(self) -> pl.Expr:
        """Whether there is something to read: of values that are combined, all of it."""
        given = [p.given for p in self.parts]
        if len(given) == 1:
            return given[0]
        return pl.any_horizontal(given) if self.field and self.field.combine in OF_SOME else pl.all_horizontal(given)

    @property
    def _found(self) -> pl.Expr:
        if len(self.parts) == 1:
            return self.parts[0].raw.cast(pl.String)
        return pl.concat_str([p.raw.cast(pl.String) for p in self.parts], separator=" and ", ignore_nulls=True)

    @property
    def _unit_said(self) -> pl.Expr:
        unit = pl.col(self.field.unit_from or "") if self.field else pl.lit(None, pl.String)
        return unit.is_not_null() & (unit != "")


@dataclass(frozen=True)
class _Part:
    """One wire column on its way to one column of the contract."""

    column: Column
    field: Field
    source: Source
    wire: pl.Expr
    dtype: pl.DataType
    follows: pl.Expr | None = None

    @property
    def text(self) -> bool:
        return self.dtype == pl.String or self.field.pattern is not None

    @property
    def raw(self) -> pl.Expr:
        """What came, without blanks around it and without the sentinels that are texts."""
        if not self.text:
            return self.wire
        found = self.wire
        if self.field.pattern is not None:
            found = found.cast(pl.String).str.extract(self.field.pattern, 1)
        # fields of a CSV are padded at times; JSON and Parquet mean the blanks they carry
        if self.source.format == "csv":
            found = found.str.strip_chars()
        sentinels = ["", *(n for n in self.field.nulls if isinstance(n, str))]
        return pl.when(~found.is_in(sentinels)).then(found)

    @property
    def given(self) -> pl.Expr:
        given = self.raw.is_not_null()
        if self._sentinels and self.column.kind in ("int", "float"):
            given &= ~self._numeric(self.raw).cast(pl.Float64, strict=False).is_in(self._sentinels).fill_null(False)
        return given

    @property
    def typed(self) -> pl.Expr:
        kind = self.column.kind
        if kind in ("int", "float"):
            return self.number
        if kind == "instant":
            return self.instant
        value = self._translated
        if kind == "string":
            text = value if self.text else value.cast(pl.String)
            return text.map_batches(_sha256, return_dtype=pl.String) if self.field.hash else text
        if kind == "date":
            return value.map_batches(self._clock.days, return_dtype=pl.Date)
        if kind == "local_time":
            return value.map_batches(self._clock.wall_clock, return_dtype=pl.Datetime("us"))
        if not self.text and not self.field.values:
            return value.cast(pl.Boolean, strict=False)
        low = value.cast(pl.String).str.to_lowercase()
        return pl.when(low.is_in(TRUE)).then(True).when(low.is_in(FALSE)).then(False)

    @property
    def instant(self) -> pl.Expr:
        clock = self._clock
        if self.follows is not None:
            both = pl.struct(self._translated.alias("time"), self.follows.alias("anchor"))
            return both.map_batches(
                lambda s: clock.instants_after(s.struct.field("time"), s.struct.field("anchor")),
                return_dtype=pl.Datetime("us", "UTC"),
            )
        return self._translated.map_batches(self._clock.instants, return_dtype=pl.Datetime("us", "UTC"))

    @property
    def wall_clock(self) -> pl.Expr:
        if self.follows is not None:
            return self.raw.map_batches(self._clock.times_of_day, return_dtype=pl.Time)
        return self.raw.map_batches(self._clock.wall_clock, return_dtype=pl.Datetime("us"))

    @property
    def number(self) -> pl.Expr:
        """Numbers stay floats until their unit is settled; plain integers keep their 64 bits."""
        field, value = self.field, self._translated
        as_text = self.text or bool(field.values)
        if as_text:
            value = self._numeric(value)
        exact = self.column.kind == "int" and field.unit in (None, self.column.unit) and field.unit_from is None
        exact = exact and field.combine in ("join", "first")
        number = value.cast(pl.Float64, strict=False)
        if exact and as_text:
            number = pl.coalesce(value.cast(pl.Int64, strict=False), _whole(number))
        elif exact:
            number = value if self.dtype == pl.Int64 else _whole(value)
        if not self._sentinels:
            return number
        return pl.when(~number.cast(pl.Float64).is_in(self._sentinels)).then(number)

    def _numeric(self, value: pl.Expr) -> pl.Expr:
        """Texts of numbers as English writes them."""
        if not self.text and not self.field.values:
            return value
        if self.source.thousands:
            value = value.str.replace_all(self.source.thousands, "", literal=True)
        return value.str.replace(self.source.decimal, ".", literal=True) if self.source.decimal != "." else value

    @property
    def _translated(self) -> pl.Expr:
        if not self.field.values:
            return self.raw
        text = self.raw.cast(pl.String)
        return text.replace_strict(dict(self.field.values), default=text, return_dtype=pl.String)

    @property
    def _clock(self) -> Clock:
        return Clock(self.field.format, self.field.time_zone or "UTC", self.source.ambiguous, self.source.nonexistent)

    @property
    def _sentinels(self) -> list[float]:
        return [float(n) for n in self.field.nulls if not isinstance(n, str)]


def _sha256(texts: pl.Series) -> pl.Series:
    """The first 32 hex digits of each text's SHA-256."""
    with cursor() as engine:
        engine.register("texts", texts.rename("t").to_frame().to_arrow())
        return engine.sql("SELECT left(sha256(t), 32) AS h FROM texts").pl()["h"].rename(texts.name)


def _whole(number: pl.Expr) -> pl.Expr:
    """A number as an integer where it is one; 1.7 is not."""
    return pl.when((number == number.round(0)) & (number.abs() < 9.2e18)).then(number).cast(pl.Int64, strict=False)
