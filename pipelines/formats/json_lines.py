"""JSON lines: one object a line. A clean batch is parsed once; a dirty one is triaged, still vectorised.

Other JSON (arrays, envelopes) has formats of its own.
"""

import io
from collections.abc import Iterator

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.engine import cursor
from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.json_documents import MAX_DEPTH, literal, pointer, too_deep, values
from pipelines.formats.lines import Lines
from pipelines.sources.source import EPOCHS, Source
from schemas.contract import Contract
from schemas.rejection import Code

INTEGERS, NUMBERS = ("UBIGINT", "BIGINT"), ("UBIGINT", "BIGINT", "DOUBLE")
ANY = ("VARCHAR", "BOOLEAN", "OBJECT", "ARRAY", *NUMBERS)
FITTING = {pl.Int64(): INTEGERS, pl.Float64(): NUMBERS, pl.String(): ANY}
# what DuckDB reads and strict JSON does not: NaN, infinities, 65-bit integers, huge exponents, trailing commas
SUSPECT = r"(?i)[:\[,]\s*[+-]?(nan|inf)|\d{19,}|\de\+?\d{3,}|,\s*[}\]]"

Paths = dict[str, tuple[str, ...]]


def paths(source: Source) -> Paths:
    """Wire name -> path of keys. `a.b` goes into objects; a name that begins with / is taken as it is after it."""
    return {w: (w[1:],) if w.startswith("/") else tuple(w.split(".")) for w in source.wire_names}


def leaf_types(source: Source, contract: Contract) -> dict[str, pl.DataType]:
    """The type each wire value is parsed as; text where it is used twice or translated."""
    out: dict[str, pl.DataType] = {}
    for field in source.fields:
        kind = contract[field.target].kind
        plain = len(field.wire) == 1 and not (field.values or field.pattern or any(isinstance(n, str) for n in field.nulls))
        number = {"int": pl.Int64(), "float": pl.Float64()}.get(kind)
        if kind == "int" and (field.unit not in (None, contract[field.target].unit) or field.unit_from):
            number = pl.Float64()
        if kind == "instant" and field.format in EPOCHS:
            number = pl.Int64()
        leaf = number if plain and number is not None and source.decimal == "." and not source.thousands else pl.String()
        for wire in field.wire:
            out[wire] = leaf if out.get(wire, leaf) == leaf else pl.String()
    # what only the row filter looks at is text, as in CSV
    return {wire: out.get(wire, pl.String()) for wire in source.wire_names}


def decode(lines: Lines, source: Source, contract: Contract) -> Decoded:
    """Decode a batch of lines into wire columns."""
    types, ways = leaf_types(source, contract), paths(source)
    if lines.encoding == "utf-8":
        frame = _strict(lines.data, lines.positions, types, ways)
        if frame is not None:
            return Decoded((frame,), payloads=lines.payloads)
        # a guess costs little, and the strict parse of what it leaves proves it
        for odd in _guesses(lines):
            frame = _strict(lines.blanked(odd), lines.positions.filter(pl.Series(~odd)), types, ways)
            if frame is not None:
                rest = _triage(lines.only(odd), lines.positions.filter(pl.Series(odd)), types, ways)
                return Decoded((frame, *rest.frames), rest.faults, lines.payloads)
    return _triage(lines, lines.positions, types, ways)


def _guesses(lines: Lines) -> Iterator[np.ndarray]:
    """Which lines might be what keeps the buffer from being parsed, by ever dearer looks."""
    starts, ends = lines.bounds
    raw = np.frombuffer(lines.data, np.uint8)
    cut = (raw[starts] != 0x7B) | (raw[ends - 1] != 0x7D)
    if cut.any():
        yield cut
    if lines.is_utf8 and not too_deep(lines).any():
        with cursor() as engine:
            engine.register("lines", pa.table({"line": lines.documents()}))
            odd = ~engine.sql("SELECT json_valid(line) AS ok FROM lines").pl()["ok"].to_numpy() | cut
        if (odd != cut).any():
            yield odd


def _strict(data: bytes, positions: pl.Series, types: dict[str, pl.DataType], ways: Paths) -> pl.DataFrame | None:
    """The whole buffer in one parse, or None where any line of it does not fit."""
    if positions.len() == 0:
        return pl.DataFrame(schema={**types, "_position": pl.Int64()})
    try:
        parsed = pl.read_ndjson(io.BytesIO(_plainly_text(data)), schema=_schema(types, ways))
    except pl.exceptions.PolarsError:
        return None
    if parsed.height != positions.len():
        return None
    columns = [_leaf(ways[w]).alias(w) for w in types]
    return parsed.select(columns).with_columns(positions.alias("_position"))


def _plainly_text(data: bytes) -> bytes:
    """Without a byte order mark, and so begun that Polars cannot take it for a compressed file."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    return data if data.startswith((b"{", b" ")) else b"\n" + data


def _schema(types: dict[str, pl.DataType], ways: Paths) -> dict[str, pl.DataType]:
    tree: dict = {}
    for wire, dtype in types.items():
        *parents, leaf = ways[wire]
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = dtype

    def built(node: dict) -> dict[str, pl.DataType]:
        return {k: pl.Struct(built(v)) if isinstance(v, dict) else v for k, v in node.items()}

    return built(tree)


def _leaf(way: tuple[str, ...]) -> pl.Expr:
    value = pl.col(way[0])
    for key in way[1:]:
        value = value.struct.field(key)
    return value


def _triage(lines: Lines, positions: pl.Series, types: dict[str, pl.DataType], ways: Paths) -> Decoded:
    """Refuse what is no object; parse strictly what fits; read the rest as text."""
    table = pl.DataFrame({"_position": positions, "line": lines.texts()})
    no_text = table["line"].is_null()
    deep = pl.Series(too_deep(lines))
    found = [
        faults(table["_position"].filter(no_text), Code.NOT_UTF8, "UTF-8 text"),
        faults(table["_position"].filter(~no_text & deep), Code.OVER_LIMIT, f"at most {MAX_DEPTH} levels of nesting"),
    ]
    table = table.filter(~no_text & ~deep)
    with cursor() as engine:
        is_object = _is_object(engine, table)
        bad = table.filter(~is_object)
        found.append(faults(bad["_position"], Code.MALFORMED, "a JSON object", bad["line"]))
        table = table.filter(is_object)
        if table.height == 0:
            return Decoded((), pl.concat(found).sort("_position"), lines.payloads)
        fits = _fits(engine, table, types, ways)
        frames = []
        strict = _strict_lines(table.filter(fits), types, ways)
        if strict is None:
            fits = fits & ~table["line"].str.contains(SUSPECT)
            strict = _strict_lines(table.filter(fits), types, ways)
        if strict is None:
            fits = pl.Series([False] * table.height, dtype=pl.Boolean)
        else:
            frames.append(strict)
        if not fits.all():
            frames.append(_as_text(table.filter(~fits), types, ways))
    return Decoded(tuple(frames), pl.concat(found).sort("_position"), lines.payloads)


def _strict_lines(table: pl.DataFrame, types: dict[str, pl.DataType], ways: Paths) -> pl.DataFrame | None:
    joined = table["line"].str.join("\n").item() if table.height else ""
    return _strict(joined.encode(), table["_position"], types, ways)


def _is_object(engine: duckdb.DuckDBPyConnection, table: pl.DataFrame) -> pl.Series:
    engine.register("lines", table.to_arrow())
    # a line is judged whole before its type is asked for: json_type fails on what is no JSON
    query = "SELECT CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END AS ok FROM lines"
    return engine.sql(query).pl()["ok"].fill_null(False)


def _fits(engine: duckdb.DuckDBPyConnection, table: pl.DataFrame, types: dict[str, pl.DataType], ways: Paths) -> pl.Series:
    """Whether every wanted value of a line has the JSON type that a strict parse takes."""
    engine.register("lines", table.to_arrow())
    asked = list(types)
    parents = sorted({ways[w][:i] for w in asked for i in range(1, len(ways[w]))})
    pointers = ", ".join(literal(pointer(*way)) for way in [*(ways[w] for w in asked), *parents])
    wanted = [FITTING[types[w]] for w in asked] + [("OBJECT",)] * len(parents)
    tests = " AND ".join(
        f"coalesce(t[{i}] IN ('NULL', {', '.join(repr(n) for n in names)}), true)" for i, names in enumerate(wanted, 1)
    )
    return engine.sql(f"SELECT {tests} AS ok FROM (SELECT json_type(line, [{pointers}]) AS t FROM lines)").pl()["ok"]


def _as_text(table: pl.DataFrame, types: dict[str, pl.DataType], ways: Paths) -> pl.DataFrame:
    return values(table, {w: (pointer(*ways[w]),) for w in types}).with_columns(table["_position"])
