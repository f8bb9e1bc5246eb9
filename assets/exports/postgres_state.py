"""What an exported schema remembers: whose export it is, how its tables were made, and from which files each day was written.

What is done about a difference is decided in `assets.exports.postgres`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from assets.duck import literal, quoted
from assets.exports.postgres_session import PostgresError, Session
from assets.exports.snapshot import Table
from schemas.city import City
from schemas.lake import File

VERSION = 1
"""Of how tables and rows are written: raise it when the same lake shall be written otherwise."""

EXPORT, TABLES, PARTITIONS = "_export", "_export_tables", "_export_partitions"
STATE = {
    EXPORT: (
        "city text, version bigint, exported_at timestamptz",
        "What this schema is an export of, and when it was last held against the lake.",
    ),
    TABLES: (
        "table_name text PRIMARY KEY, shape text, meaning text",
        "What each table and its comments were made by; a table whose shape changes is made anew.",
    ),
    PARTITIONS: (
        "table_name text, partition text, digest text, rows bigint, PRIMARY KEY (table_name, partition)",
        "Which files of the lake each day of a table was written from; a table that knows no days is one partition.",
    ),
}
ARROW = pa.schema([("table_name", pa.string()), ("partition", pa.string()), ("digest", pa.string()), ("rows", pa.int64())])


@dataclass(frozen=True)
class Remembered:
    """What was written of one table: `partitions` are names to digests."""

    shape: str
    meaning: str
    partitions: Mapping[str, str]


def held(files: Sequence[File]) -> str:
    """Names what a partition is made of: the lake's files, wherever it stands. A file never changes under its name."""
    return hashlib.sha256(json.dumps(sorted((f.path, f.rows, f.bytes) for f in files)).encode()).hexdigest()[:32]


def prepare(session: Session, schema: str, city: City) -> None:
    """Make the schema and what is remembered in it.

    Raises:
        PostgresError: where the schema is another city's, or somebody else's.
    """
    where, name = f"{session.where}, schema {schema}", literal(schema)
    if not session.rows(f"SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {name}"):
        session.run(f"CREATE SCHEMA {quoted(schema)}")
        said = f"Metrics and reference tables of {city.name}. What is changed here by hand is lost with a later export."
        session.run(f"COMMENT ON SCHEMA {quoted(schema)} IS {literal(said)}")
    found = session.rows(
        "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE n.nspname = {name} AND c.relkind IN ('r', 'v', 'm', 'p', 'f') ORDER BY 1"
    )
    if (EXPORT,) not in found:
        if found:
            raise PostgresError(where, f"it holds {found[0][0]}, which is no export", "name a schema for the lake alone")
        for table, (columns, doc) in STATE.items():
            session.run(f"CREATE TABLE {quoted(schema)}.{table} ({columns})")
            session.run(f"COMMENT ON TABLE {quoted(schema)}.{table} IS {literal(doc)}")
        session.run(f"INSERT INTO {quoted(schema)}.{EXPORT} VALUES ({literal(city.name)}, {VERSION}, NULL)")
    (of,) = session.rows(f"SELECT city FROM {quoted(schema)}.{EXPORT}")[0]
    if of != city.name:
        raise PostgresError(where, f"it is the export of {of!r}", "name another schema, or drop that one if it is not needed")


def recall(session: Session, schema: str) -> dict[str, Remembered]:
    """What was written, by table; nothing, if it was written in an older way."""
    at = quoted(schema)
    if session.rows(f"SELECT version FROM {at}.{EXPORT}") != [(VERSION,)]:
        return {name: Remembered("", "", {}) for (name,) in session.rows(f"SELECT table_name FROM {at}.{TABLES}")}
    parts: dict[str, dict[str, str]] = {}
    for name, part, digest in session.rows(f"SELECT table_name, partition, digest FROM {at}.{PARTITIONS}"):
        parts.setdefault(name, {})[part] = digest
    made = session.rows(f"SELECT table_name, shape, meaning FROM {at}.{TABLES}")
    return {name: Remembered(shape, meaning, parts.get(name, {})) for name, shape, meaning in made}


def forget(session: Session, schema: str, name: str) -> None:
    """Remember a table no longer."""
    for state in (TABLES, PARTITIONS):
        session.run(f"DELETE FROM {quoted(schema)}.{state} WHERE table_name = {literal(name)}")


def remember(session: Session, schema: str, name: str, shape: str, meaning: str, parts: Mapping[str, Table]) -> None:
    """Note what a table was made by, and from what."""
    forget(session, schema, name)
    session.run(f"INSERT INTO {quoted(schema)}.{TABLES} VALUES ({', '.join(map(literal, (name, shape, meaning)))})")
    rows = [(name, part, held(t.files), sum(f.rows for f in t.files)) for part, t in parts.items()]
    if rows:
        columns = [pa.array(c, kind) for c, kind in zip(zip(*rows, strict=True), ARROW.types, strict=True)]
        batch = pa.RecordBatch.from_arrays(columns, schema=ARROW)
        session.ingest(schema, PARTITIONS, pa.RecordBatchReader.from_batches(ARROW, [batch]))


def stamp(session: Session, schema: str, at: datetime) -> None:
    """Note when the schema was last held against the lake."""
    text = literal(at.isoformat())
    session.run(f"UPDATE {quoted(schema)}.{EXPORT} SET exported_at = {text}::timestamptz, version = {VERSION}")
