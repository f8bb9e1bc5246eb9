"""One `[feeds.<feed>.sources.<name>]` block of citylake.toml, checked before any work.

Reading files does not belong here; turning wire values into columns is `pipelines.mapping`.
"""

import codecs
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.formats import kinds
from pipelines.live.kinds import KINDS, is_live, kind
from pipelines.sources.block import Block
from pipelines.sources.fields import fields, nulls, zone
from pipelines.sources.source import Source, Unpivot
from schemas.contract import Contract
from schemas.errors import SettingsError
from schemas.storage import is_remote


def parse(contract: Contract, name: str, values: Mapping[str, Any], base: Path, where: str | None = None) -> Source:
    """Check a source block against its feed's contract.

    Args:
        base: folder of citylake.toml; relative uris start there.
        where: what the block is called there, where it is not a feed's.

    Raises:
        SettingsError: with the place in the toml, what was found and what to do.
    """
    where = where or f"[feeds.{contract.name}.sources.{name}]"
    values = _with_standard(where, contract, values)
    block = Block(where, dict(values))
    uri = block.take("uri", str)
    if not uri:
        raise SettingsError(where, "no uri", "name a file, a glob, an s3:// uri or a broker")
    live = is_live(uri)
    if "://" in uri and not (is_remote(uri) or live):
        schemes = ", ".join(f"{s}://" for s in KINDS)
        raise SettingsError(f"{where} uri", f"{uri!r} has an unknown scheme", f"use a local path, s3://, {schemes}")
    known = kinds.of_messages() if live else kinds.names()
    fmt = block.take("format", str, allowed=known)
    if not fmt:
        raise SettingsError(where, "no format", f"use one of {', '.join(known)}")
    shared = {
        "time_zone": zone(f"{where} time_zone", block.take("time_zone", str)),
        "nulls": nulls(f"{where} nulls", block.take("nulls", list, [])),
        "format": block.take("time_format", str, "iso"),
    }
    columns = block.take("columns", dict, {c.name: c.name for c in contract.columns} if "columns" not in values else {})
    source = Source(
        feed=contract.name,
        name=name,
        uri=uri if live or is_remote(uri) else os.path.abspath(base / uri),
        format=fmt,
        fields=fields(where, contract, columns, shared, explicit="columns" in values),
        delimiter=_one_character(f"{where} delimiter", block.take("delimiter", str, ",")),
        encoding=_encoding(f"{where} encoding", block.take("encoding", str, "utf-8")),
        decimal=_one_character(f"{where} decimal", block.take("decimal", str, ".")),
        thousands=block.take("thousands", str, ""),
        header=block.take("header", bool, True),
        short_lines=block.take("short_lines", bool, False),
        where=_filter(f"{where} where", block.take("where", str), values.get("type")),
        unpivot=_unpivot(f"{where}", block.take("unpivot", dict)),
        append_only=(grows := block.take("append_only", bool, False)),
        whole=block.take("whole", bool, contract.kind == "snapshots" and not (live or grows)),
        ambiguous=block.take("ambiguous", str, "reject", ("earliest", "latest", "reject")),
        nonexistent=block.take("nonexistent", str, "reject", ("reject", "shift")),
        stamped=block.take("stamped", str, None, ("start", "end")),
        live=kind(uri).options(where, uri, block, base) if live else None,
        records=tuple(n for n in block.take("records", str, "").split(".") if n),
        type=block.take("type", str),
    )
    block.done()
    _agree(where, contract, source)
    return source


def of_reference(contract: Contract, value: str | Mapping[str, Any], base: Path) -> Source:
    """What `[reference]` says of a table: a path, or a table with `uri`, `format` and whatever a source's block may say.

    Raises:
        SettingsError: with the place in the toml, what was found and what to do.
    """
    block = {"uri": value} if isinstance(value, str) else dict(value)
    if "format" not in block:
        block["format"] = "parquet" if str(block.get("uri", "")).endswith(".parquet") else "csv"
    return parse(contract, contract.name, block, base, where=f"[reference] {contract.name}")


def _with_standard(where: str, contract: Contract, values: Mapping[str, Any]) -> dict[str, Any]:
    """The block over what the contract says of its format, or of the type of thing it names; columns one by one."""
    fmt, kind_of_thing = values.get("format"), values.get("type")
    typed = sorted(k for k in contract.wire if k.startswith(f"{fmt}/"))
    known = f"{fmt}/{kind_of_thing}" if kind_of_thing else str(fmt)
    if known not in contract.wire and not kind_of_thing and len(typed) == 1:
        known = typed[0]
    if known not in contract.wire and typed and "columns" not in values:
        types = ", ".join(k.partition("/")[2] for k in typed)
        found = f"type {kind_of_thing!r} has no mapping" if kind_of_thing else f"no type, and {fmt} knows several"
        raise SettingsError(where, found, f"add type = one of {types}, or columns")
    standard = contract.wire.get(known, {})
    out = {**standard, **values}
    if "columns" in standard and isinstance(values.get("columns", {}), Mapping):
        out["columns"] = {**standard["columns"], **values.get("columns", {})}
    if "/" in known and known in contract.wire:
        out["type"] = known.partition("/")[2]
    return out


def _agree(where: str, contract: Contract, source: Source) -> None:
    """Refuse settings that contradict each other."""
    if source.live is not None and source.append_only:
        raise SettingsError(f"{where} append_only", "a broker is no file", "leave it out")
    if source.append_only and source.format not in ("csv", "json_lines"):
        raise SettingsError(f"{where} append_only", f"a file of {source.format} cannot grow", "leave it out")
    if source.whole and contract.kind != "snapshots":
        raise SettingsError(f"{where} whole", f"{contract.name} is no table that is published again and again", "leave it out")
    if source.whole and (source.append_only or not (source.live is None or source.uri.startswith(("http://", "https://")))):
        raise SettingsError(f"{where} whole", "rows that come one by one are no whole table", "leave it out")
    if source.records and source.format != "json":
        raise SettingsError(f"{where} records", f"{source.format} knows where its rows are", "records is for json")
    if source.type and source.format not in kinds.documents():
        raise SettingsError(f"{where} type", f"{source.format} has no types of things", "use where")
    if source.unpivot and source.format not in ("csv", "parquet"):
        raise SettingsError(f"{where} unpivot", f"{source.format} names its own values", "unpivot is for csv and parquet")
    if source.stamped and contract.interval is None:
        raise SettingsError(f"{where} stamped", f"{contract.name} has no interval", "leave it out")


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


def _filter(where: str, text: str | None, kind_of_thing: Any) -> str | None:
    """The row filter; a type named in the block is one as well."""
    if text is not None:
        try:
            pl.sql_expr(text)
        except pl.exceptions.PolarsError as error:
            raise SettingsError(
                where, f"{text!r} is no SQL condition ({error})", "write one such as \"kind = 'loop'\""
            ) from error
    if not isinstance(kind_of_thing, str):
        return text
    of_type = "type = '" + kind_of_thing.replace("'", "''") + "'"
    return f"({of_type}) AND ({text})" if text else of_type


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
