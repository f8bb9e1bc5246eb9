"""An exported table in PostgreSQL: its name, columns, key, comments and rights, and how a new one takes the old one's place.

Which rows it gets, and when, is decided in `assets.exports.postgres`.
"""

import hashlib
import json
import time
from collections.abc import Collection, Sequence

from assets.duck import literal, quoted
from assets.exports.postgres_session import LOCKED, PostgresError, Session
from assets.exports.postgres_target import NAME_BYTES
from assets.exports.snapshot import Table
from schemas.errors import ContractError

TYPES = {
    "string": "text",
    "int": "bigint",
    "float": "double precision",
    "bool": "boolean",
    "instant": "timestamp with time zone",
    "local_time": "timestamp without time zone",
    "date": "date",
}
ASIDE, KEY = "_new_", "_pkey"
LOCK_TRY_S, PAUSE_S = 2, 1


def named(table: Table) -> str:
    """The name of a table in the lake's schema: a metric's own, else `reference_<name>`."""
    name = table.name if table.layer == "metrics" else f"{table.layer}_{table.name}"
    for said, room in ((name, len(ASIDE) + len(KEY)), *((c.name, 0) for c in table.columns)):
        if len(said.encode()) > NAME_BYTES - room:
            remedy = f"shorten it: PostgreSQL keeps {NAME_BYTES - room} bytes"
            raise ContractError(f"{table.layer}.{table.name}", f"the name {said!r} is too long for an export", remedy)
    return name


def shape(table: Table) -> str:
    """Changes when the table must be made anew: its columns, their types or its key."""
    return _digest([[(c.name, c.kind) for c in table.columns], table.order])


def meaning(table: Table) -> str:
    """Changes when its comments do."""
    return _digest([_comment(table), [c.label for c in table.columns]])


def _digest(said: object) -> str:
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()[:32]


def is_as_made(session: Session, schema: str, table: Table) -> bool:
    """Whether the server has the table with just these columns and types, whatever is remembered of it."""
    # format_type names types as TYPES does; a column that was dropped leaves a nameless one behind
    columns = session.rows(
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a"
        " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE n.nspname = {literal(schema)} AND c.relname = {literal(named(table))} AND c.relkind = 'r'"
        " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    )
    return [tuple(c) for c in columns] == [(c.name, TYPES[c.kind]) for c in table.columns]


def create(session: Session, schema: str, name: str, table: Table) -> None:
    """Make an empty table, without its key: that is made faster once the rows are there."""
    columns = ", ".join(f"{quoted(c.name)} {TYPES[c.kind]}" for c in table.columns)
    session.run(f"CREATE TABLE {quoted(schema)}.{quoted(name)} ({columns})")


def add_key(session: Session, schema: str, name: str, table: Table) -> None:
    """The primary key: no contract lets a key be empty. Its first column is the day, so that it also finds days."""
    if table.order:
        columns = ", ".join(map(quoted, table.order))
        key = f"CONSTRAINT {quoted(name + KEY)} PRIMARY KEY ({columns})"
        session.run(f"ALTER TABLE {quoted(schema)}.{quoted(name)} ADD {key}")


def comment(session: Session, schema: str, name: str, table: Table) -> None:
    """What the table and its columns mean, with unit, formula and sources."""
    place = f"{quoted(schema)}.{quoted(name)}"
    said = [f"COMMENT ON TABLE {place} IS {literal(_comment(table))}"]
    said += [f"COMMENT ON COLUMN {place}.{quoted(c.name)} IS {literal(c.label)}" for c in table.columns]
    session.run(f"DO {literal('BEGIN ' + '; '.join(said) + '; END')}")  # one statement instead of one per column


def _comment(table: Table) -> str:
    return table.doc + (f" Sources: {'; '.join(table.sources)}." if table.sources else "")


def swap(
    session: Session, schema: str, made: Sequence[Table], gone: Sequence[str], known: Collection[str], wait_s: float
) -> None:
    """Put tables that were made aside into the places of the old ones, and drop those that the lake no longer has.

    Rights that were granted on an old table are granted on the new one.

    Args:
        known: what earlier exports made; a table that somebody else made is not dropped.

    Raises:
        PostgresError: where something stands on an old table, or readers keep it locked for longer than `wait_s`.
    """
    old = [n for n in (*map(named, made), *gone) if _exists(session, schema, n)]
    if theirs := sorted(set(old) - set(known)):
        remedy = "rename it, or move it to another schema: the lake now has a table of that name"
        raise PostgresError(f"{session.where}, schema {schema}", f"no export made the table {theirs[0]}", remedy)
    _lock(session, schema, old, wait_s)
    for table in made:
        name = named(table)
        new, place = f"{quoted(schema)}.{quoted(ASIDE + name)}", f"{quoted(schema)}.{quoted(name)}"
        if name in old:
            for (grant,) in session.rows(_grants(place, new)):
                session.run(grant)
            session.run(f"DROP TABLE {place}")
        session.run(f"ALTER TABLE {new} RENAME TO {quoted(name)}")
        if table.order:
            session.run(f"ALTER TABLE {place} RENAME CONSTRAINT {quoted(ASIDE + name + KEY)} TO {quoted(name + KEY)}")
    for name in gone:
        if name in old:
            session.run(f"DROP TABLE {quoted(schema)}.{quoted(name)}")


def _exists(session: Session, schema: str, name: str) -> bool:
    sql = f"SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = {literal(schema)} AND tablename = {literal(name)}"
    return bool(session.rows(sql))


def _lock(session: Session, schema: str, names: Sequence[str], wait_s: float) -> None:
    """Lock tables against readers, for short moments: who waits for a lock keeps out every later reader, too."""
    if not names:
        return
    places = ", ".join(f"{quoted(schema)}.{quoted(n)}" for n in names)
    end = time.monotonic() + wait_s
    session.run(f"SET LOCAL lock_timeout = '{LOCK_TRY_S}s'")
    while True:
        session.run("SAVEPOINT unlocked")
        try:
            session.run(f"LOCK TABLE {places} IN ACCESS EXCLUSIVE MODE")
        except PostgresError as error:
            if error.state != LOCKED:
                raise
            session.run("ROLLBACK TO SAVEPOINT unlocked")
            if time.monotonic() > end:
                found = f"{error.found}; held by {_holders(session, schema, names) or 'somebody who left just now'}"
                raise PostgresError(error.where, found, error.remedy, LOCKED) from error
            time.sleep(PAUSE_S)
        else:
            session.run("RELEASE SAVEPOINT unlocked")
            return


def _holders(session: Session, schema: str, names: Sequence[str]) -> str:
    """Who has the tables locked, as PostgreSQL tells this user."""
    rows = session.rows(
        "SELECT DISTINCT pg_catalog.format('%s (%s, %s)', a.pid, a.usename, a.application_name)"
        " FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
        f" WHERE l.granted AND l.pid <> pg_catalog.pg_backend_pid() AND n.nspname = {literal(schema)}"
        f" AND c.relname IN ({', '.join(map(literal, names))})"
    )
    return ", ".join(text for (text,) in rows)


def _grants(old: str, new: str) -> str:
    """SQL that says the GRANTs which give on `new` what others may do on `old`."""
    return (
        "SELECT pg_catalog.format('GRANT %s ON %s TO %s%s', a.privilege_type,"
        f" {literal(new)}, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(r.rolname) END,"
        " CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)"
        " FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a"
        " LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee"
        f" WHERE c.oid = {literal(old)}::pg_catalog.regclass AND a.grantee <> c.relowner AND (a.grantee = 0 OR r.oid IS NOT NULL)"
    )
