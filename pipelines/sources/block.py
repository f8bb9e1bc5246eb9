"""One `[feeds.<feed>.sources.<name>]` block of citylake.toml, checked before any work.

Reading files does not belong here; turning wire values into columns is `pipelines.mapping`.
"""

import codecs
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import polars as pl

from pipelines.live.kinds import KINDS, is_live, kind
from pipelines.sources.source import EPOCHS, FORMATS, Field, Source, Unpivot
from schemas.column import Column
from schemas.contract import Contract
from schemas.errors import SettingsError
from schemas.storage import is_remote
from schemas.units import accepted, conversion


@dataclass
class Block:
    """A table of the toml being read: takes keys by type and refuses what is left over."""

    where: str
    values: dict[str, Any]
    taken: set[str] = field(default_factory=set)

    def take(self, key: str, kind: type | tuple[type, ...], default: Any = None, allowed: tuple[Any, ...] | None = None) -> Any:
        self.taken.add(key)
        value = self.values.get(key, default)
        if value is default:
            return value
        if not isinstance(value, kind) or (isinstance(value, bool) and kind in (int, float)):
            wanted = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
            raise SettingsError(f"{self.where} {key}", f"{value!r} is a {type(value).__name__}", f"write a {wanted}")
        if allowed and value not in allowed:
            raise SettingsError(f"{self.where} {key}", f"{value!r} is not known", f"use one of {', '.join(map(str, allowed))}")
        return value

    def done(self, known: str = "") -> None:
        left = sorted(set(self.values) - self.taken)
        if left:
            raise SettingsError(
                f"{self.where} {left[0]}", "there is no such setting", f"use one of {known or ', '.join(sorted(self.taken))}"
            )


def parse(contract: Contract, name: str, values: Mapping[str, Any], base: Path) -> Source:
    """Check a source block against its feed's contract.

    Args:
        base: folder of citylake.toml; relative uris start there.

    Raises:
        SettingsError: with the place in the toml, what was found and what to do.
    """
    where = f"[feeds.{contract.name}.sources.{name}]"
    block = Block(where, dict(values))
    uri = block.take("uri", str)
    if not uri:
        raise SettingsError(where, "no uri", "name a file, a glob, an s3:// uri or a broker")
    live = is_live(uri)
    if "://" in uri and not (is_remote(uri) or live):
        schemes = ", ".join(f"{s}://" for s in KINDS)
        raise SettingsError(f"{where} uri", f"{uri!r} has an unknown scheme", f"use a local path, s3://, {schemes}")
    fmt = block.take("format", str, allowed=("json_lines", "json") if live else FORMATS[:3])
    if not fmt:
        raise SettingsError(where, "no format", f"use one of {', '.join(FORMATS)}")
    shared = {
        "time_zone": _zone(f"{where} time_zone", block.take("time_zone", str)),
        "nulls": _nulls(f"{where} nulls", block.take("nulls", list, [])),
        "format": block.take("time_format", str, "iso"),
    }
    columns = block.take("columns", dict, {c.name: c.name for c in contract.columns} if "columns" not in values else {})
    source = Source(
        feed=contract.name,
        name=name,
        uri=uri if live or is_remote(uri) else os.path.abspath(base / uri),
        format=fmt,
        fields=_fields(where, contract, columns, shared, explicit="columns" in values),
        delimiter=_one_character(f"{where} delimiter", block.take("delimiter", str, ",")),
        encoding=_encoding(f"{where} encoding", block.take("encoding", str, "utf-8")),
        decimal=_one_character(f"{where} decimal", block.take("decimal", str, ".")),
        thousands=block.take("thousands", str, ""),
        header=block.take("header", bool, True),
        where=_filter(f"{where} where", block.take("where", str)),
        unpivot=_unpivot(f"{where}", block.take("unpivot", dict)),
        append_only=block.take("append_only", bool, False),
        ambiguous=block.take("ambiguous", str, "reject", ("earliest", "latest", "reject")),
        nonexistent=block.take("nonexistent", str, "reject", ("reject", "shift")),
        stamped=block.take("stamped", str, None, ("start", "end")),
        live=kind(uri).options(where, uri, block, base) if live else None,
        records=tuple(block.take("records", str, "").split(".")) if fmt == "json" and "records" in values else (),
    )
    block.done()
    if source.live is not None and source.append_only:
        raise SettingsError(f"{where} append_only", "a broker is no file", "leave it out")
    if source.append_only and fmt == "parquet":
        raise SettingsError(f"{where} append_only", "a Parquet file cannot grow", "leave it out")
    if source.unpivot and fmt in ("json_lines", "json"):
        raise SettingsError(f"{where} unpivot", "JSON lines name their own values", "unpivot is for csv and parquet")
    if source.stamped and contract.interval is None:
        raise SettingsError(f"{where} stamped", f"{contract.name} has no interval", "leave it out")
    return source


def _fields(where: str, contract: Contract, columns: dict[str, Any], shared: dict[str, Any], explicit: bool) -> tuple[Field, ...]:
    unknown = sorted(set(columns) - set(contract.names))
    if unknown:
        raise SettingsError(
            f"{where} columns.{unknown[0]}", f"{contract.name} has no such column", f"use one of {', '.join(contract.names)}"
        )
    for column in contract.columns:
        if explicit and column.name not in columns and not column.nullable and column.default is None:
            raise SettingsError(
                f"{where} columns",
                f"nothing for {column.name}, which every row must have",
                f'add {column.name} = "<incoming name>" or {{ constant = ... }}',
            )
    return tuple(_field(f"{where} columns.{n}", contract[n], columns[n], shared) for n in contract.names if n in columns)


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
        nulls=(*shared["nulls"], *_nulls(f"{where} nulls", block.take("nulls", list, []))),
        format=_time_format(f"{where} format", block.take("format", str, shared["format"])),
        time_zone=_zone(f"{where} time_zone", block.take("time_zone", str)) or shared["time_zone"],
        constant=constant,
        values=tuple((str(k), str(v)) for k, v in values.items()),
        join=block.take("join", str, " " if column.kind == "instant" else "|"),
        hash=block.take("hash", bool, False),
    )
    block.done()
    if len(wire) > 1 and column.kind not in ("string", "instant"):
        raise SettingsError(
            f"{where} from", f"{len(wire)} names for a {column.kind}", "several names make identifiers or times only"
        )
    if out.hash and column.kind != "string":
        raise SettingsError(f"{where} hash", f"a hash of a {column.kind}", "only texts are hashed")
    if column.allowed:
        for _, to in out.values:
            if to not in column.allowed:
                raise SettingsError(f"{where} values", f"{to!r} is not allowed", f"use one of {', '.join(column.allowed)}")
    return out


def _zone(where: str, zone: str | None) -> str | None:
    if zone is not None and zone not in available_timezones():
        raise SettingsError(where, f"{zone!r} is not an IANA zone", "write one such as 'America/Chicago'")
    return zone


def _nulls(where: str, nulls: list[Any]) -> tuple[str | float, ...]:
    for value in nulls:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise SettingsError(where, f"{value!r} is neither text nor number", "write texts and numbers")
    return tuple(nulls)


def _time_format(where: str, text: str) -> str:
    if text != "iso" and text not in EPOCHS and "%" not in text:
        raise SettingsError(
            where, f"{text!r} is no time format", f"use iso, {', '.join(EPOCHS)} or a pattern such as %d/%m/%Y %H:%M"
        )
    return text


def _one_character(where: str, text: str) -> str:
    if len(text.encode()) != 1:
        raise SettingsError(where, f"{text!r} is not one ASCII character", "write one, such as ; or \\t")
    return text


def _encoding(where: str, name: str) -> str:
    try:
        found = codecs.lookup(name).name
        single = len("é".encode(found)) == 1 and "\n".encode(found) == b"\n"
    except (LookupError, UnicodeEncodeError):
        found, single = "", False
    if found in ("utf-8", "utf-8-sig", "ascii"):
        return "utf-8"
    if not single:
        raise SettingsError(
            where, f"{name!r} is neither utf-8 nor a single-byte encoding", "use utf-8, latin-1 or cp1252, or convert the file"
        )
    return found


def _filter(where: str, text: str | None) -> str | None:
    if text is not None:
        try:
            pl.sql_expr(text)
        except pl.exceptions.PolarsError as error:
            raise SettingsError(
                where, f"{text!r} is no SQL condition ({error})", "write one such as \"kind = 'loop'\""
            ) from error
    return text


def _unpivot(where: str, values: dict[str, Any] | None) -> Unpivot | None:
    if values is None:
        return None
    block = Block(f"{where} unpivot", dict(values))
    keep = block.take("keep", list, [])
    out = Unpivot(tuple(keep), block.take("name", str, "name"), block.take("value", str, "value"))
    block.done()
    if not keep:
        raise SettingsError(f"{where} unpivot", "no columns to keep", 'write keep = ["Date"]')
    return out
