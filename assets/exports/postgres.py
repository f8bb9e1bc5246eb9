"""Metrics and reference tables in PostgreSQL, a schema per lake: what changed since the last export, in one transaction.

How the server is spoken to, how a table is made there and what it remembers is in the files `postgres_*`.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from assets.duck import connect, literal, quoted
from assets.exports import postgres_state as state
from assets.exports import postgres_tables as server
from assets.exports.postgres_rows import ingest
from assets.exports.postgres_session import PostgresError, Session, connected
from assets.exports.postgres_state import Remembered
from assets.exports.postgres_target import Target
from assets.exports.snapshot import Table, snapshot
from schemas.city import City
from schemas.lake import File, Lake

LAYERS = ("metrics", "reference")
WAIT_S = 60.0


@dataclass(frozen=True)
class Written:
    """What became of one table.

    Attributes:
        rebuilt: whether it was made anew, as it is new or its columns changed.
        written, kept, removed: partitions (days; a reference table is one).
        rows: rows written.
    """

    table: str
    rebuilt: bool
    written: int
    kept: int
    removed: int
    rows: int


@dataclass(frozen=True)
class _Change:
    """A table by its partitions, and which of them the server has otherwise, or still has."""

    table: Table
    name: str
    parts: Mapping[str, Table]
    rebuilt: bool
    stale: Sequence[str]
    removed: Sequence[str]
    is_said: bool

    @property
    def is_any(self) -> bool:
        return bool(self.rebuilt or self.stale or self.removed or not self.is_said)


def write_postgres(lake: Lake, city: City, to: Target, at: datetime | None = None, wait_s: float = WAIT_S) -> dict[str, Any]:
    """Bring the schema up to date with the lake; readers see all of the new export, or all of the old one.

    Of metrics about people, what the publish gate last let through is exported.

    Args:
        at: the instant to call it made at.
        wait_s: how long to wait for another export, and for readers where a table takes another's place.

    Returns:
        ``{"uri", "schema", "seconds", "rows", "tables": [Written as a dict, ...]}``

    Raises:
        LakeError: of the server or of the lake's files; the schema is then as it was.
    """
    begun = time.monotonic()
    with connected(to) as session:
        _alone(session, to.schema, wait_s)
        state.prepare(session, to.schema, city)
        # not before: of two exports at once, the later one must not write an older lake
        tables = [t for t in snapshot(lake) if t.layer in LAYERS]
        before = state.recall(session, to.schema)
        changes = [_change(session, to.schema, t, before.get(server.named(t))) for t in tables]
        with connect(lake) as con:
            written = [_write(session, con, to.schema, change) for change in changes]
        gone = sorted(set(before) - {c.name for c in changes})
        server.swap(session, to.schema, [c.table for c in changes if c.rebuilt], gone, before, wait_s)
        for name in gone:
            state.forget(session, to.schema, name)
            written.append(Written(name, False, 0, 0, len(before[name].partitions), 0))
        state.stamp(session, to.schema, at or datetime.now(UTC))
        session.run("COMMIT")
        for change in changes:
            if change.stale or change.removed:
                with suppress(PostgresError):  # queries are planned worse without; autovacuum comes by
                    session.run(f"ANALYZE {quoted(to.schema)}.{quoted(change.name)}")
    seconds, rows = round(time.monotonic() - begun, 3), sum(w.rows for w in written)
    return {"uri": to.uri, "schema": to.schema, "seconds": seconds, "rows": rows, "tables": [asdict(w) for w in written]}


def _alone(session: Session, schema: str, wait_s: float) -> None:
    """Wait until no other export writes there; the lock is the transaction's."""
    end = time.monotonic() + wait_s
    name = literal(f"citylake export to {schema}")
    while not session.rows(f"SELECT pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended({name}, 0))")[0][0]:
        if time.monotonic() > end:
            found = f"another export has been writing there for more than {wait_s:g} s"
            raise PostgresError(f"{session.where}, schema {schema}", found, "wait until it is done, and export again")
        time.sleep(0.2)


def _change(session: Session, schema: str, table: Table, before: Remembered | None) -> _Change:
    """What the server has otherwise than the lake."""
    by: dict[str, list[File]] = {}
    for file in table.files:
        by.setdefault(str(file.event_date or ""), []).append(file)
    parts = {part: replace(table, files=tuple(files)) for part, files in sorted(by.items())}
    same = before is not None and before.shape == server.shape(table) and server.is_as_made(session, schema, table)
    had = before.partitions if before is not None else {}
    stale = [p for p, part in parts.items() if not same or had.get(p) != state.held(part.files)]
    is_said = same and before is not None and before.meaning == server.meaning(table)
    return _Change(table, server.named(table), parts, not same, stale, sorted(set(had) - set(parts)), is_said)


def _write(session: Session, con: duckdb.DuckDBPyConnection, schema: str, change: _Change) -> Written:
    """Bring one table up to date: in place, or aside where it must be made anew."""
    table = change.table
    name = server.ASIDE + change.name if change.rebuilt else change.name
    if change.rebuilt:
        server.create(session, schema, name, table)
    elif gone := [*change.stale, *change.removed]:
        days = ", ".join(f"DATE {literal(date.fromisoformat(d).isoformat())}" for d in gone if d)
        session.run(f"DELETE FROM {quoted(schema)}.{quoted(name)}" + (f" WHERE event_date IN ({days})" if days else ""))
    stale = [change.parts[p] for p in change.stale]
    rows = ingest(session, con, schema, name, stale) if stale else 0
    if change.rebuilt:
        server.add_key(session, schema, name, table)
    if not change.is_said:
        server.comment(session, schema, name, table)
    if change.is_any:
        state.remember(session, schema, change.name, server.shape(table), server.meaning(table), change.parts)
    return Written(change.name, change.rebuilt, len(stale), len(change.parts) - len(stale), len(change.removed), rows)
