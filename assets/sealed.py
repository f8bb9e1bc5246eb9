"""SQL from outside on a DuckDB that is closed around a few files: it reads them, and neither others nor writes anything.

Which files they are, and what is made of the answer, is the caller's.
"""

import json
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import duckdb

from assets.duck import literal
from schemas.errors import CitylakeError

REFUSED = {"enable_logging", "enable_profiling", "query", "json_execute_serialized_sql"}
"""Functions of a SELECT that name files to write, or run SQL that is only put together then."""


def seal(con: duckdb.DuckDBPyConnection, paths: Iterable[str]) -> None:
    """Leave to the connection these files and its own spill folder; for good, whatever SQL it is given.

    Files are named one by one: within an allowed folder, logs and profiles could be written by functions of a SELECT.
    """
    con.execute(f"SET allowed_paths = [{', '.join(map(literal, paths))}]")
    con.execute("SET python_enable_replacements = false")
    con.execute("SET autoinstall_known_extensions = false")
    con.execute("SET autoload_known_extensions = false")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def only_reads(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse all but one statement that reads: a lake changes by landing and building alone.

    Raises:
        CitylakeError: where it would write, or is not one question.
        duckdb.Error: where it is no SQL.
    """
    kinds = duckdb.StatementType
    found = con.extract_statements(sql)
    # a PIVOT is taken apart by DuckDB into a CREATE TYPE in memory and a SELECT, which have no text of their own
    own = [s for s in found if not (s.type == kinds.CREATE and not s.query)]
    for statement in own:
        if statement.type == kinds.EXPLAIN:
            only_reads(con, _explained(statement.query))  # EXPLAIN ANALYZE does what it explains
        elif statement.type != kinds.SELECT:
            remedy = "only SELECT, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN: query never writes"
            raise CitylakeError("query", f"a {statement.type.name} statement", remedy)
    if len(own) != 1:
        raise CitylakeError("query", f"{len(own)} questions" if own else "no question", "write a SELECT")
    words = [word for _, word in _words(sql)]
    called = {w.strip('"') for w, after in pairwise(words) if after.startswith("(")} & REFUSED
    if called:
        raise CitylakeError("query", f"a call of {min(called)}", "leave it out: it could write files, or hide what does")


def _words(sql: str) -> list[tuple[int, str]]:
    """The words of SQL in small letters and where they begin in bytes; comments are none."""
    text = sql.encode()
    starts = [start for start, _ in duckdb.tokenize(sql)]
    slices = [text[a:b].decode().lower() for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]
    return [(start, re.match(r'\w+|"[^"]*"|.', word, re.S)[0]) for start, word in zip(starts, slices, strict=True)]  # type: ignore[index]


def _explained(sql: str) -> str:
    """What an EXPLAIN is about: its text after ANALYZE and what stands in brackets before a statement."""
    depth, first = 0, None
    for start, word in _words(sql)[1:]:
        if not depth and word in ("analyze", "verbose"):
            continue
        if not depth and word != "(":
            return sql.encode()[start:].decode()
        first = start if first is None else first
        depth += (word == "(") - (word == ")")
    return sql.encode()[first:].decode() if first is not None else ""


def is_select(con: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Whether a question that only reads has rows of its own, and is no EXPLAIN, DESCRIBE, SHOW or SUMMARIZE."""
    kind = con.extract_statements(sql)[-1].type
    return kind == duckdb.StatementType.SELECT and _words(sql)[0][1] not in ("describe", "desc", "show", "summarize", "pragma")


def parsed(con: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any] | None:
    """DuckDB's own syntax tree of one SELECT, DESCRIBE, SHOW or SUMMARIZE; None of anything else."""
    told = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    tree: dict[str, Any] = json.loads(told[0]) if told else {"error": True}
    return None if tree["error"] or len(tree["statements"]) != 1 else dict(tree["statements"][0]["node"])
