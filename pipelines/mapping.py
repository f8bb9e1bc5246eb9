"""Wire values become the contract's columns: names, texts, times, units, sentinels.

Whether a value is allowed is not judged here (`schemas.conform`); only whether it can be read.
"""

from dataclasses import dataclass

import polars as pl

from pipelines.sources.source import TOLD, Source
from pipelines.wire_values import WireValue
from schemas.column import Column
from schemas.conform import first_fault, no_faults
from schemas.contract import Contract
from schemas.errors import SourceError


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
    read = {c.name: WireValue(c, fields.get(c.name), wire, source) for c in contract.columns}
    for name, field in fields.items():
        if field.after:
            read[name].follow(read[field.after])
    typed = wire.lazy().with_columns(r.typed.alias(f"={n}") for n, r in read.items()).collect()
    # the interval first: rates become amounts over it
    for names in ([contract.interval], [n for n in read if n != contract.interval]):
        typed = typed.with_columns(read[n].in_lake_unit(contract, wire).alias(f"={n}") for n in names if n)
    if source.stamped and source.stamped != contract.stamped and contract.interval and contract.event_time:
        shift = pl.duration(seconds=pl.col(f"={contract.interval}"))
        time = pl.col(f"={contract.event_time}")
        typed = typed.with_columns(time - shift if source.stamped == "end" else time + shift)
    judged = [rule for r in read.values() for rule in r.rules(wire)]
    faults = no_faults()
    if judged:
        broken = typed.lazy().select(pl.any_horizontal(r.broken for r in judged).alias("b")).collect()["b"]
        if broken.any():
            faults = first_fault(typed.filter(broken), judged)
            typed = typed.filter(~broken)
    rows = typed.select(pl.col("_position"), *(_filled(c).alias(c.name) for c in contract.columns))
    return Mapped(rows, faults, wire.height, filtered)


def _filled(column: Column) -> pl.Expr:
    """The column with what stands in where the source says nothing."""
    value = pl.col(f"={column.name}")
    if column.from_place:
        return value.fill_null(pl.col("_place"))
    if column.from_receipt:
        return value.fill_null(pl.col("_received_at"))
    return value if column.default is None else value.fill_null(column.default)


def _shape(wire: pl.DataFrame, source: Source) -> tuple[pl.DataFrame, int]:
    before = wire.height
    if source.unpivot:
        keep = [n for n in wire.columns if n in ("_position", *TOLD)] + list(source.unpivot.keep)
        wire = wire.unpivot(index=keep, variable_name=source.unpivot.name, value_name=source.unpivot.value)
        before = wire.height
        wire = wire.filter(pl.col(source.unpivot.value).is_not_null())
    if source.where:
        try:
            wire = wire.filter(pl.sql_expr(source.where))
        except pl.exceptions.PolarsError as error:
            place = f"[feeds.{source.feed}.sources.{source.name}] where"
            raise SourceError(place, _unquoted(str(error)), "compare texts with texts and numbers with numbers") from error
    return wire, before - wire.height


def _unquoted(text: str) -> str:
    """What Polars says, without the values it quotes: they may be such as must not be told."""
    return " ".join(text.partition("[")[0].split()).rstrip(": ")[:200]
