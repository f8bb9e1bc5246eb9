"""Judges rows by their contract: `split(frame, contract)` gives what is kept and why the rest is not.

Pure and vectorised. Wire formats, units and storage do not belong here: values arrive typed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time

import polars as pl

from schemas.column import Column
from schemas.contract import Contract
from schemas.rejection import Code

FAULT_COLUMNS = {
    "_position": pl.Int64(),
    "code": pl.String(),
    "column": pl.String(),
    "found": pl.String(),
    "expected": pl.String(),
    "event_date": pl.Date(),
}
"""What is said of a refused row, before its payload is put beside it."""

FOUND_LENGTH = 200
UNBELIEVED = {Code.IMPLAUSIBLE_TIME, Code.FROM_FUTURE}


@dataclass(frozen=True)
class Rule:
    """One reason for which a row may be refused: `broken` is true where it is."""

    code: Code
    column: str
    expected: str
    broken: pl.Expr
    found: pl.Expr


def no_faults() -> pl.DataFrame:
    """An empty frame of faults."""
    return pl.DataFrame(schema=FAULT_COLUMNS)


def shortened(value: pl.Expr) -> pl.Expr:
    """A value as text of at most 200 characters, for messages and the quarantine."""
    return value.cast(pl.String, strict=False).str.slice(0, FOUND_LENGTH)


def rules(contract: Contract, received_at: datetime | pl.Expr) -> list[Rule]:
    """Every rule of the contract for rows received at `received_at`, in the order of judgement."""
    out: list[Rule] = []
    for column in contract.columns:
        out += _column_rules(column)
    out += _time_rules(contract, received_at)
    for rule in contract.row_rules:
        holds = pl.sql_expr(rule.condition).fill_null(True)
        found = pl.concat_str(
            [pl.format(f"{c}={{}}", shortened(pl.col(c)).fill_null("null")) for c in contract.names if c in rule.condition],
            separator=", ",
        )
        out.append(Rule(Code.RULE_BROKEN, rule.name, rule.doc, ~holds, found.str.slice(0, FOUND_LENGTH)))
    return out


def _column_rules(column: Column) -> list[Rule]:
    value, out = pl.col(column.name), []

    def refuse(code: Code, expected: str, broken: pl.Expr) -> None:
        out.append(Rule(code, column.name, expected, broken.fill_null(False), shortened(value)))

    if column.privacy == "forbidden":
        told = pl.format("[redacted: {} characters]", value.cast(pl.String, strict=False).str.len_chars())
        out.append(Rule(Code.FORBIDDEN_CONTENT, column.name, "nothing", value.is_not_null(), told))
    if not column.nullable:
        refuse(Code.MISSING, "a value", value.is_null())
    if column.kind == "float":
        refuse(Code.NOT_FINITE, "a finite number", ~value.is_finite())
    bounds = (
        f"{column.minimum if column.minimum is not None else '-inf'} to {column.maximum if column.maximum is not None else 'inf'}"
    )
    if column.minimum is not None and column.maximum is not None:
        refuse(Code.OUT_OF_RANGE, bounds, ~value.is_between(column.minimum, column.maximum))
    elif column.minimum is not None:
        refuse(Code.OUT_OF_RANGE, bounds, value < column.minimum)
    elif column.maximum is not None:
        refuse(Code.OUT_OF_RANGE, bounds, value > column.maximum)
    if column.allowed is not None:
        refuse(Code.NOT_ALLOWED, "one of " + ", ".join(column.allowed), ~value.is_in(list(column.allowed)))
    if column.pattern is not None:
        refuse(Code.WRONG_FORM, column.pattern, ~value.str.contains(column.pattern))
    return out


def _time_rules(contract: Contract, received_at: datetime | pl.Expr) -> list[Rule]:
    if contract.event_time is None:
        return []
    name, value = contract.event_time, pl.col(contract.event_time)
    first = datetime.combine(contract.earliest, time(), UTC)
    last = received_at + contract.future_tolerance
    tolerated = f"{contract.future_tolerance.total_seconds():g} s after its receipt or earlier"
    expected = tolerated if isinstance(last, pl.Expr) else f"{last:%Y-%m-%dT%H:%M:%SZ} or earlier"
    return [
        Rule(Code.IMPLAUSIBLE_TIME, name, f"{contract.earliest} or later", (value < first).fill_null(False), shortened(value)),
        Rule(Code.FROM_FUTURE, name, expected, (value > last).fill_null(False), shortened(value)),
    ]


def split(frame: pl.DataFrame, contract: Contract, received_at: datetime | pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split typed rows into those the contract keeps and the faults of those it does not.

    Args:
        frame: the contract's columns, typed, `_position`, and `event_date` where it is known already.
        received_at: when the source was received, or the column that says it of each row; the future is judged against it.

    Returns:
        The kept rows as they came, and one fault (`FAULT_COLUMNS`) per refused row: the first that holds.
        ``frame.height == kept.height + faults.height``, always.
    """
    judged = rules(contract, received_at)
    broken = frame.lazy().select(pl.any_horizontal(r.broken for r in judged).alias("b")).collect()["b"]
    if not broken.any():
        return frame, no_faults()
    return frame.filter(~broken), first_fault(frame.filter(broken), judged, contract.interval)


def first_fault(frame: pl.DataFrame, judged: list[Rule], interval: str | None = None) -> pl.DataFrame:
    """The first broken rule of each row, as faults in the order of the rows.

    Rows that break no rule are left out.

    Args:
        interval: the column with the interval's length, which the day was reckoned with.
    """
    which = pl.coalesce(pl.when(r.broken).then(pl.lit(i, pl.Int16)) for i, r in enumerate(judged))
    marked = frame.with_columns(which.alias("_rule")).filter(pl.col("_rule").is_not_null())
    # a time that is not believed dates nothing, whatever else the row is refused for; nor does one with such an interval
    undated = [r.broken for r in judged if r.code in UNBELIEVED or r.column == interval]
    unbelieved = pl.any_horizontal(*undated, pl.lit(False))
    known = pl.when(~unbelieved).then("event_date") if "event_date" in frame.columns else pl.lit(None, pl.Date)
    parts = [
        part.select(
            pl.col("_position").cast(pl.Int64),
            pl.lit(str(rule.code)).alias("code"),
            pl.lit(rule.column).alias("column"),
            rule.found.alias("found"),
            pl.lit(rule.expected).alias("expected"),
            known.alias("event_date"),
        )
        for (index,), part in marked.partition_by("_rule", as_dict=True).items()
        for rule in [judged[index]]
    ]
    return pl.concat(parts).sort("_position") if parts else no_faults()
