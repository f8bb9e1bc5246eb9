"""JSON documents: each an object, an array, or an envelope with an array inside, become rows of text, a batch at a time.

What a row means is the formats' (`documents/*.py`, `json_lines`). All of it runs in DuckDB, whose parser takes any depth, NaN and
numbers of any size without failing; what of that may be in the lake is judged when the texts are read (`pipelines.mapping`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from pipelines.engine import cursor
from pipelines.formats.decoded import faults
from pipelines.formats.lines import Lines
from schemas.conform import no_faults
from schemas.rejection import Code

MAX_DEPTH = 1000
STRETCH = 1 << 12
BOM = "\ufeff"


@dataclass(frozen=True)
class Entities:
    """The rows of a batch of documents.

    Attributes:
        table: `_position`, `document`, `place` (in its document), `line` (JSON text): the rows that are objects.
        whole: `document`, `line`: each document that is JSON, for what its envelope says of all its rows.
        faults: rows that are no objects, and documents that are no JSON or have none of the arrays.
        documents: of every row, faults included, the index of its document.
    """

    table: pl.DataFrame
    whole: pl.DataFrame
    faults: pl.DataFrame
    documents: np.ndarray
    _source: Lines
    _refused: pl.DataFrame

    def payloads(self, positions: pl.Series) -> pl.Series:
        """The rows at these positions as JSON text; of a document that is none, all of it, odd bytes as \\xNN."""
        lines = pl.concat([self.table.select("_position", "line"), self._refused.select("_position", "line")])
        asked = pl.DataFrame({"_position": positions.cast(pl.Int64)})
        shown = asked.join(lines, on="_position", how="left", maintain_order="left")["line"].rename("payload")
        missing = shown.is_null().arg_true()
        if missing.len():  # only documents that are no text come here
            raw = self._source.raw().gather(self.documents[positions.gather(missing).to_numpy()])
            shown = shown.scatter(missing, [b.decode(errors="backslashreplace") for b in raw])
        return shown


def pointer(*keys: str) -> str:
    """A JSON pointer (RFC 6901) of keys."""
    return "".join("/" + k.replace("~", "~0").replace("/", "~1") for k in keys)


def literal(text: str) -> str:
    """A text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def entities(documents: Lines, pointers: Sequence[str] = ("",), marks: Mapping[str, str] | None = None) -> Entities:
    """Split documents into their rows.

    Args:
        pointers: JSON pointers to the array of rows (or the only row), tried in turn; "" is the document itself, and comes last.
        marks: pointer -> another one, without which a document is no envelope: a row may have a value of the same name.
    """
    table = pl.DataFrame({"document": np.arange(documents.count, dtype=np.int64), "line": texts(documents)})
    no_text, deep = table["line"].is_null(), pl.Series(too_deep(documents), dtype=pl.Boolean)
    table = table.filter(~no_text & ~deep)
    with cursor() as engine:
        engine.register("documents", table.to_arrow())
        is_json = engine.sql("SELECT json_valid(line) AS ok FROM documents").pl()["ok"].cast(pl.Boolean)
        whole = table.filter(is_json)
        listed = _listed(engine, whole, pointers, marks or {})
    bare, found = whole.filter(listed["line"].is_null()), _rows(listed)
    refused = [
        _refusal(np.flatnonzero(no_text), Code.NOT_UTF8, f"{documents.encoding} text"),
        _refusal(np.flatnonzero(deep & ~no_text), Code.OVER_LIMIT, f"at most {MAX_DEPTH} levels of nesting"),
        _refusal(table.filter(~is_json)["document"], Code.MALFORMED, "a JSON document", table.filter(~is_json)["line"]),
        _refusal(bare["document"], Code.MALFORMED, f"rows at {' or '.join(p or 'the root' for p in pointers)}", bare["line"]),
    ]
    is_object = found["line"].str.starts_with("{")  # rewritten by DuckDB: no blank comes before the brace
    odd = found.filter(~is_object)
    bad = pl.concat([*refused, _refusal(odd["document"], Code.MALFORMED, "a JSON object", odd["line"], odd["place"])])
    rows = found.with_columns(pl.lit(None, pl.String).alias(n) for n in ("code", "expected"))
    if bad.height:
        rows = pl.concat([rows.filter(is_object), bad.select(rows.columns)]).sort("document", "place")
    rows = rows.with_row_index("_position").with_columns(pl.col("_position").cast(pl.Int64))
    bad, good = rows.filter(pl.col("code").is_not_null()), rows.filter(pl.col("code").is_null())
    good = good.select("_position", "document", "place", "line")
    found_faults = [
        faults(b["_position"], Code(b["code"][0]), b["expected"][0], b["line"]) for b in bad.partition_by("code", "expected")
    ]
    told = pl.concat(found_faults).sort("_position") if found_faults else no_faults()
    return Entities(good, whole, told, rows["document"].to_numpy(), documents, bad)


def values(table: pl.DataFrame, wanted: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """Text columns out of the column `line`, row by row: wire name -> JSON pointers; the first that is not null is taken.

    Texts come without quotes, numbers as they were written, booleans as true and false, objects and arrays as JSON text.
    """
    asked = list(dict.fromkeys(p for pointers in wanted.values() for p in pointers))
    if not asked or not table.height:
        return pl.DataFrame({w: pl.Series([None] * table.height, dtype=pl.String) for w in wanted})
    with cursor() as engine:
        engine.register("entities", table.select("line").to_arrow())
        listed = ", ".join(map(literal, asked))
        read = engine.sql(f"SELECT json_extract_string(line, [{listed}]) AS v FROM entities").pl()
    at = {p: pl.col("v").list.get(i, null_on_oob=True) for i, p in enumerate(asked)}
    return read.select(pl.coalesce([at[p] for p in pointers]).alias(w) for w, pointers in wanted.items())


def types(table: pl.DataFrame, pointers: Sequence[str]) -> pl.DataFrame:
    """The JSON type of each pointer's value, a column each: OBJECT, ARRAY, VARCHAR, BOOLEAN, NULL, ...; null where absent."""
    with cursor() as engine:
        engine.register("entities", table.select("line").to_arrow())
        asked = ", ".join(map(literal, pointers))
        read = engine.sql(f"SELECT json_type(line, [{asked}]) AS v FROM entities").pl()
    return read.select(pl.col("v").list.get(i, null_on_oob=True).alias(p) for i, p in enumerate(pointers))


def texts(documents: Lines) -> pl.Series:
    """The documents as text without byte order mark; null where the bytes are not."""
    raw = documents.raw()
    if documents.encoding == "utf-8" and documents.is_utf8:
        return raw.cast(pl.String).str.strip_prefix(BOM).rename("line")
    read = [_text(b, documents.encoding) for b in raw]  # one document that is no text sends its batch this way
    return pl.Series("line", read, dtype=pl.String).str.strip_prefix(BOM)


def too_deep(documents: Lines, limit: int = MAX_DEPTH) -> np.ndarray:
    """Whether a document nests deeper than `limit`; brackets inside texts count, which only errs on monsters."""
    starts, ends = documents.bounds
    raw = np.frombuffer(documents.data, np.uint8)
    deep = np.zeros(starts.size, bool)
    for index in np.flatnonzero(ends - starts > 2 * limit):  # a shorter one cannot open and close so many
        depth = 0
        for at in range(starts[index], ends[index], STRETCH):
            low = raw[at : min(at + STRETCH, ends[index])] | 0x20  # [ and { become {, ] and } become }
            opened, closed = low == 0x7B, low == 0x7D
            rise = int(np.count_nonzero(opened))
            if depth + rise > limit and depth + np.cumsum(opened.astype(np.int32) - closed).max() > limit:
                deep[index] = True
                break
            depth += rise - int(np.count_nonzero(closed))
    return deep


def lines(documents: Lines, records: tuple[str, ...]) -> tuple[bytes, np.ndarray, np.ndarray]:
    """The documents' rows as a buffer of lines, where each line begins, and of which document it is.

    Args:
        records: path of keys to the array of rows; a document without it is taken as it is.
    """
    raw = documents.raw()
    table = pl.DataFrame({"document": np.arange(len(raw)), "line": texts(documents)})
    with cursor() as engine:
        engine.register("documents", table.to_arrow())
        is_json = engine.sql("SELECT coalesce(json_valid(line), false) AS ok FROM documents").pl()["ok"]
        rows = _rows(_listed(engine, table.filter(is_json), (pointer(*records), ""), {})).with_columns(
            pl.col("line").cast(pl.Binary)
        )
    # what is no JSON stays whole, as one line that the next step refuses
    odd = table["document"].filter(~is_json)
    if odd.len():
        flat = [bytes(b).replace(b"\n", b" ").replace(b"\r", b" ") for b in raw.gather(odd)]
        rows = rows.vstack(pl.DataFrame({"document": odd, "place": [0] * odd.len(), "line": flat}, schema=rows.schema))
    rows = rows.sort("document", "place")
    sizes = rows["line"].bin.size().to_numpy().astype(np.int64)
    return b"\n".join([*rows["line"], b""]), np.cumsum(sizes + 1) - sizes - 1, rows["document"].to_numpy()


def _listed(
    engine: duckdb.DuckDBPyConnection, whole: pl.DataFrame, pointers: Sequence[str], marks: Mapping[str, str]
) -> pl.DataFrame:
    """`document`, and in `line` the rows behind the first pointer at which it has an array or an object; null where none."""
    engine.register("documents", whole.to_arrow())
    # all that is asked of a document is asked in one call: each call parses it again
    asked = list(dict.fromkeys([*(p or "$" for p in pointers), *marks.values()]))
    kinds = {p: f"kinds[{i}]" for i, p in enumerate(asked, 1)}
    picks, lists = [], []
    for i, p in enumerate(pointers):
        kind = kinds[p or "$"]
        marked = f"{kinds[marks[p]]} IS NOT NULL AND " if p in marks else ""
        picks.append(f"WHEN {marked}{kind} = 'ARRAY' THEN {2 * i} WHEN {marked}{kind} = 'OBJECT' THEN {2 * i + 1}")
        one = f"[json_extract(line, {literal(p or '$')})]"
        lists.append(f"WHEN {2 * i} THEN json_extract(line, {literal(_path(p))}) WHEN {2 * i + 1} THEN {one}")
    # a document that is a bare value is a row that is no object
    last = f"ELSE {2 * pointers.index('') + 1}" if "" in pointers else ""
    listed = ", ".join(map(literal, asked))
    typed = f"SELECT document, line, json_type(line, [{listed}]) AS kinds FROM documents"
    picked = f"SELECT document, line, CASE {' '.join(picks)} {last} END AS picked FROM ({typed})"
    found = engine.sql(f"SELECT document, CASE picked {' '.join(lists)} END AS line FROM ({picked})").pl()
    return found.cast({"document": pl.Int64, "line": pl.List(pl.String)})


def _rows(listed: pl.DataFrame) -> pl.DataFrame:
    """`document`, `place`, `line`, a row each. Polars takes the lists apart: unnest of a long list is slow in DuckDB."""
    listed = listed.filter(pl.col("line").is_not_null())
    listed = listed.with_columns(place=pl.int_ranges(pl.col("line").list.len(), dtype=pl.Int64))
    return listed.explode("line", "place").select("document", "place", "line")


def _path(pointer: str) -> str:
    """The JSON path of all that is in the array at a pointer."""
    keys = [k.replace("~1", "/").replace("~0", "~") for k in pointer.split("/")[1:]]
    return "$" + "".join('."' + k.replace("\\", "\\\\").replace('"', '\\"') + '"' for k in keys) + "[*]"


def _refusal(
    at: np.ndarray | pl.Series, code: Code, expected: str, lines: pl.Series | None = None, places: pl.Series | None = None
) -> pl.DataFrame:
    size = len(at)
    return pl.DataFrame(
        {
            "document": pl.Series(at, dtype=pl.Int64),
            "place": places if places is not None else pl.Series([0] * size, dtype=pl.Int64),
            "line": lines if lines is not None else pl.Series([None] * size, dtype=pl.String),
            "code": pl.Series([str(code)] * size, dtype=pl.String),
            "expected": pl.Series([expected] * size, dtype=pl.String),
        }
    )


def _text(document: bytes, encoding: str) -> str | None:
    try:
        return document.decode(encoding)
    except UnicodeDecodeError:
        return None
