"""Wire values become the contract's columns: names, texts, times, units, sentinels.

Whether a value is allowed is not judged here (`schemas.conform`); only whether it can be read.
"""

from dataclasses import dataclass

import polars as pl

from pipelines.engine import cursor
from pipelines.sources.source import Field, Source
from pipelines.times import Clock
from schemas.column import Column
from schemas.conform import Rule, first_fault, no_faults, shortened
from schemas.contract import Contract
from schemas.errors import SourceError
from schemas.rejection import Code
from schemas.units import conversion


@dataclass(frozen=True)
class Mapped:
    """Typed rows, the faults of rows that could not be read, rows taken in, and rows the filter left out."""

    rows: pl.DataFrame
    faults: pl.DataFrame
    taken: int
    filtered: int


def apply(wire: pl.DataFrame, source: Source, contract: Contract) -> Mapped:
    """Turn wire columns (typed or text, and `_position`) into the contract's columns and `_position`.

    ``taken == rows + faults``, and ``wire rows (after unpivot) == taken + filtered``, always.
    """
    wire, filtered = _shape(wire, source)
    fields = {f.target: f for f in source.fields}
    read = {c.name: _Reading(c, fields.get(c.name), wire, source) for c in contract.columns}
    typed = wire.lazy().with_columns(r.typed.alias(f"={n}") for n, r in read.items()).collect()
    typed = typed.with_columns(r.in_lake_unit(contract).alias(f"={n}") for n, r in read.items())
    if source.stamped and source.stamped != contract.stamped and contract.interval and contract.event_time:
        shift = pl.duration(seconds=pl.col(f"={contract.interval}"))
        time = pl.col(f"={contract.event_time}")
        typed = typed.with_columns(time - shift if source.stamped == "end" else time + shift)
    judged = [rule for r in read.values() for rule in r.rules()]
    faults = no_faults()
    if judged:
        broken = typed.lazy().select(pl.any_horizontal(r.broken for r in judged).alias("b")).collect()["b"]
        if broken.any():
            faults = first_fault(typed.filter(broken), judged)
            typed = typed.filter(~broken)
    rows = typed.select(
        pl.col("_position"),
        *(
            (pl.col(f"={c.name}") if c.default is None else pl.col(f"={c.name}").fill_null(c.default)).alias(c.name)
            for c in contract.columns
        ),
    )
    return Mapped(rows, faults, wire.height, filtered)


def _shape(wire: pl.DataFrame, source: Source) -> tuple[pl.DataFrame, int]:
    before = wire.height
    if source.unpivot:
        keep = ["_position", *source.unpivot.keep]
        wire = wire.unpivot(index=keep, variable_name=source.unpivot.name, value_name=source.unpivot.value)
        before = wire.height
        wire = wire.filter(pl.col(source.unpivot.value).is_not_null())
    if source.where:
        try:
            wire = wire.filter(pl.sql_expr(source.where))
        except pl.exceptions.PolarsError as error:
            place = f"[feeds.{source.feed}.sources.{source.name}] where"
            raise SourceError(
                place, " ".join(str(error).split())[:200], "compare texts with texts and numbers with numbers"
            ) from error
    return wire, before - wire.height


class _Reading:
    """How one column is read from the wire columns at hand: its expressions, and how it can fail."""

    def __init__(self, column: Column, field: Field | None, wire: pl.DataFrame, source: Source) -> None:
        self.column, self.field, self.source = column, field, source
        self.present = field is not None and (field.constant is not None or all(w in wire.columns for w in field.wire))
        self.text, self.whole = True, False
        self.raw = pl.lit(None, pl.String)
        if field is None or not self.present:
            self.typed = pl.lit(None, column.dtype)
        elif field.constant is not None:
            self.typed = pl.lit(field.constant).cast(column.dtype if column.kind != "int" else pl.Float64)
        else:
            self.raw = self._joined(field, wire)
            self.text = len(field.wire) > 1 or wire.schema[field.wire[0]] == pl.String
            self.whole = wire.schema[field.wire[0]] == pl.Int64
            self.typed = self._typed(field)

    def _joined(self, field: Field, wire: pl.DataFrame) -> pl.Expr:
        if len(field.wire) == 1:
            only = pl.col(field.wire[0])
            if wire.schema[field.wire[0]] != pl.String:
                return only
            # fields of a CSV are padded at times; JSON and Parquet mean the blanks they carry
            return self._without_sentinels(only.str.strip_chars() if self.source.format == "csv" else only, field)
        parts = [pl.col(w).cast(pl.String).str.strip_chars() for w in field.wire]
        return pl.concat_str(parts, separator=field.join)

    @staticmethod
    def _without_sentinels(text: pl.Expr, field: Field) -> pl.Expr:
        sentinels = ["", *(n for n in field.nulls if isinstance(n, str))]
        return pl.when(~text.is_in(sentinels)).then(text)

    def _typed(self, field: Field) -> pl.Expr:
        kind, value, column_type = self.column.kind, self.raw, self.column.dtype
        if field.values:
            value = value.cast(pl.String).replace_strict(
                dict(field.values), default=value.cast(pl.String), return_dtype=pl.String
            )
        if kind == "string":
            text = value if self.text else value.cast(pl.String)
            return text.map_batches(_sha256, return_dtype=pl.String) if field.hash else text
        if kind in ("int", "float"):
            return self._number(value, field)
        if kind == "bool":
            if not self.text:
                return value.cast(pl.Boolean, strict=False)
            low = value.str.to_lowercase()
            return (
                pl.when(low.is_in(["true", "t", "yes", "y", "1"]))
                .then(True)
                .when(low.is_in(["false", "f", "no", "n", "0"]))
                .then(False)
            )
        return value.map_batches(self._clock(field).instants, return_dtype=column_type)

    def _number(self, value: pl.Expr, field: Field) -> pl.Expr:
        """Numbers stay floats until their unit is settled; plain integers keep their 64 bits."""
        if self.text:
            if self.source.thousands:
                value = value.str.replace_all(self.source.thousands, "", literal=True)
            if self.source.decimal != ".":
                value = value.str.replace(self.source.decimal, ".", literal=True)
        exact = self.column.kind == "int" and (field.unit is None or field.unit == self.column.unit)
        number = value.cast(pl.Float64, strict=False)
        if exact and self.text:
            number = pl.coalesce(value.cast(pl.Int64, strict=False), _whole(number))
        elif exact:
            number = value if self.whole else _whole(value)
        sentinels = [float(n) for n in field.nulls if not isinstance(n, str)]
        if not sentinels:
            return number
        return pl.when(~number.cast(pl.Float64).is_in(sentinels)).then(number)

    def _clock(self, field: Field) -> Clock:
        return Clock(field.format, field.time_zone or "UTC", self.source.ambiguous, self.source.nonexistent)

    def in_lake_unit(self, contract: Contract) -> pl.Expr:
        """The typed value in the column's unit; rates become amounts over the row's interval."""
        value = pl.col(f"={self.column.name}")
        if self.column.kind not in ("int", "float"):
            return value
        unit = self.field.unit if self.field else None
        change = conversion(self.column.unit, unit)
        if change is not None and unit is not None:
            value = change.apply(value, pl.col(f"={contract.interval}") if contract.interval else pl.lit(None, pl.Int64))
        if self.column.kind == "int":
            return value.round(0).cast(pl.Int64, strict=False)
        return value.cast(pl.Float64)

    def rules(self) -> list[Rule]:
        """A value that is there and cannot be read is a fault, said with what was found."""
        if not self.present or self.field is None or self.field.constant is not None:
            return []
        typed, column = pl.col(f"={self.column.name}"), self.column
        if column.kind == "string" or (not self.text and column.kind in ("float", "bool")):
            return []
        given = self._given()
        unread = given & typed.is_null()
        out = []
        if column.kind == "instant" and self.field.time_zone:
            wall = self.raw.map_batches(self._clock(self.field).wall_clock, return_dtype=pl.Datetime("us"))
            skipped = unread & wall.is_not_null()
            out.append(
                Rule(
                    Code.NO_SUCH_LOCAL_TIME,
                    column.name,
                    f"a time that {self.field.time_zone} has once",
                    skipped,
                    shortened(self.raw),
                )
            )
        if column.kind == "int" and self.text:
            endless = given & self.raw.str.to_lowercase().str.contains(r"^[+-]?(nan|inf(inity)?)$")
            out.append(Rule(Code.NOT_FINITE, column.name, "a finite number", endless, shortened(self.raw)))
        expected = f"{column.kind}" + (f" as {self.field.format}" if column.kind == "instant" else "")
        out.append(Rule(Code.WRONG_TYPE, column.name, expected, unread, shortened(self.raw)))
        return out

    def _given(self) -> pl.Expr:
        given = self.raw.is_not_null()
        sentinels = [float(n) for n in (self.field.nulls if self.field else ()) if not isinstance(n, str)]
        if sentinels and self.column.kind in ("int", "float"):
            given &= ~self.raw.cast(pl.Float64, strict=False).is_in(sentinels).fill_null(False)
        return given


def _sha256(texts: pl.Series) -> pl.Series:
    """The first 32 hex digits of each text's SHA-256."""
    with cursor() as engine:
        engine.register("texts", texts.rename("t").to_frame().to_arrow())
        return engine.sql("SELECT left(sha256(t), 32) AS h FROM texts").pl()["h"].rename(texts.name)


def _whole(number: pl.Expr) -> pl.Expr:
    """A number as an integer where it is one; 1.7 is not."""
    return pl.when((number == number.round(0)) & (number.abs() < 9.2e18)).then(number).cast(pl.Int64, strict=False)
