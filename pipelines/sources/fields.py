"""The `columns` of a source block: of which incoming names each column of the contract is made, and how.

The rest of a block is `declared`; how values are read is `pipelines.wire_values`.
"""

import re
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

import polars as pl

from pipelines.sources.block import Block
from pipelines.sources.source import COMBINE, EPOCHS, Field
from schemas.column import Column
from schemas.contract import Contract
from schemas.errors import SettingsError
from schemas.units import accepted, conversion


def fields(where: str, contract: Contract, columns: dict[str, Any], shared: dict[str, Any], explicit: bool) -> tuple[Field, ...]:
    """The fields of a block, in the contract's order.

    Raises:
        SettingsError: a name or a mapping that cannot be, or a required column without one.
    """
    unknown = sorted(set(columns) - set(contract.names))
    if unknown:
        raise SettingsError(
            f"{where} columns.{unknown[0]}", f"{contract.name} has no such column", f"use one of {', '.join(contract.names)}"
        )
    for column in contract.columns:
        if explicit and column.name not in columns and not column.may_be_absent:
            raise SettingsError(
                f"{where} columns",
                f"nothing for {column.name}, which every row must have",
                f'add {column.name} = "<incoming name>" or {{ constant = ... }}',
            )
    found = tuple(_field(f"{where} columns.{n}", contract[n], columns[n], shared) for n in contract.names if n in columns)
    dated = {f.target for f in found if f.after is None and contract[f.target].kind == "instant"}
    for field in found:
        if field.after is not None and field.after not in dated:
            use = ", ".join(sorted(dated)) or "a column of instants"
            raise SettingsError(f"{where} columns.{field.target} after", f"{field.after!r} has no date of its own", f"use {use}")
    return found


def _field(where: str, column: Column, value: Any, shared: dict[str, Any]) -> Field:
    if isinstance(value, (str, list)):
        value = {"from": value}
    if not isinstance(value, dict):
        raise SettingsError(where, f"{value!r} is no mapping", 'write an incoming name, or { from = "name", ... }')
    block = Block(where, dict(value))
    wire = block.take("from", (str, list), [])
    wire = (wire,) if isinstance(wire, str) else tuple(wire)
    constant = block.take("constant", (str, int, float, bool))
    if bool(wire) == (constant is not None):
        raise SettingsError(where, "neither or both of from and constant", "give one of them")
    if column.kind == "instant" and constant is not None:
        constant = _instant(f"{where} constant", constant)
    default = block.take("default", (str, int, float, bool))
    if column.kind == "instant" and default is not None:
        default = _instant(f"{where} default", default)
    if not all(isinstance(w, str) and w for w in wire):
        raise SettingsError(f"{where} from", f"{wire!r} are not names", "write names in quotes")
    unit = block.take("unit", str)
    if conversion(column.unit, unit) is None:
        raise SettingsError(
            f"{where} unit",
            f"{unit!r} cannot become {column.unit or 'a column without unit'}",
            f"use one of {', '.join(accepted(column.unit)) or 'none'}",
        )
    values = block.take("values", dict, {})
    out = Field(
        target=column.name,
        wire=wire,
        unit=unit,
        nulls=(*shared["nulls"], *nulls(f"{where} nulls", block.take("nulls", list, []))),
        format=_time_format(f"{where} format", block.take("format", str, shared["format"])),
        time_zone=zone(f"{where} time_zone", block.take("time_zone", str)) or shared["time_zone"],
        constant=constant,
        values=tuple((str(k), str(v)) for k, v in values.items()),
        join=block.take("join", str, " " if column.kind == "instant" else "|"),
        hash=block.take("hash", bool, False),
        combine=block.take("combine", str, "join", COMBINE),
        default=default,
        pattern=_pattern(f"{where} pattern", block.take("pattern", str)),
        unit_from=block.take("unit_from", str),
        after=block.take("after", str),
    )
    block.done()
    _agree(where, column, out)
    return out


def _agree(where: str, column: Column, field: Field) -> None:
    """Refuse what cannot be made: numbers joined, texts summed, units of what has none."""
    combine, number = field.combine, column.kind in ("int", "float")
    if len(field.wire) > 1 and combine == "join" and column.kind not in ("string", "instant", "date"):
        raise SettingsError(
            f"{where} from",
            f"{len(field.wire)} names for a {column.kind}",
            f"joined names make texts and times only; add combine = one of {', '.join(COMBINE[1:])}",
        )
    if combine in ("difference", "elapsed") and len(field.wire) != 2:
        raise SettingsError(f"{where} combine", f"{combine} of {len(field.wire)} names", "it takes two")
    if combine in ("sum", "difference", "elapsed") and not number:
        raise SettingsError(f"{where} combine", f"{combine} makes no {column.kind}", "it makes numbers")
    if combine == "latest" and column.kind != "instant":
        raise SettingsError(f"{where} combine", f"the latest {column.kind}", "it is for instants")
    if combine == "elapsed" and column.unit != "s":
        raise SettingsError(f"{where} combine", f"elapsed time in a column of {column.unit or 'no unit'}", "it makes seconds")
    if field.unit_from and not (number and column.unit):
        raise SettingsError(f"{where} unit_from", f"a unit for a {column.kind} without one", "leave it out")
    if field.after and (column.kind != "instant" or field.constant is not None):
        raise SettingsError(f"{where} after", f"a {column.kind} that follows an instant", "it is for incoming times of day")
    if field.after and field.format in EPOCHS:
        raise SettingsError(
            f"{where} after", f"{field.format} tells the day", "leave it out, or give the format of the time of day"
        )
    if field.hash and column.kind != "string":
        raise SettingsError(f"{where} hash", f"a hash of a {column.kind}", "only texts are hashed")
    if column.allowed:
        for _, to in field.values:
            if to not in column.allowed:
                raise SettingsError(f"{where} values", f"{to!r} is not allowed", f"use one of {', '.join(column.allowed)}")


def _pattern(where: str, text: str | None) -> str | None:
    if text is not None:
        try:
            pl.Series([""]).str.extract(text, 1)
            groups = re.compile(text).groups
        except (pl.exceptions.PolarsError, re.error) as error:
            raise SettingsError(where, f"{text!r} is no regular expression ({error})", "correct it") from error
        if groups < 1:
            raise SettingsError(where, f"{text!r} has no group", "put the part that is the value in (parentheses)")
    return text


def zone(where: str, name: str | None) -> str | None:
    """An IANA zone, if one is named."""
    if name is not None and name not in available_timezones():
        raise SettingsError(where, f"{name!r} is not an IANA zone", "write one such as 'America/Chicago'")
    return name


def nulls(where: str, texts: list[Any]) -> tuple[str | float, ...]:
    """Sentinels that stand for no value."""
    for value in texts:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise SettingsError(where, f"{value!r} is neither text nor number", "write texts and numbers")
    return tuple(texts)


def _time_format(where: str, text: str) -> str:
    if text != "iso" and text not in EPOCHS and "%" not in text:
        raise SettingsError(
            where, f"{text!r} is no time format", f"use iso, {', '.join(EPOCHS)} or a pattern such as %d/%m/%Y %H:%M"
        )
    return text


def _instant(where: str, text: Any) -> datetime:
    """A constant or default instant, which has an offset so that it is one."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise SettingsError(where, f"{text!r} is no instant", "write it as 2026-01-01T00:00:00Z")
    return at
