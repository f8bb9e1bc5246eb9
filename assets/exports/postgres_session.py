"""One connection to PostgreSQL through ADBC: statements, bulk ingest, and its errors in three parts.

Which tables there are, and what is in them, does not belong here.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from assets.exports.postgres_target import Target
from schemas.errors import LakeError

CONNECT_S = 15
LOCK_S = 10
LOCKED = "55P03"
AT_ONCE = ("statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout")
"""Limits that a server may set for its users, and that a long export must not run into."""

REMEDIES = {
    "28": "set PGPASSWORD in the environment or write ~/.pgpass, and check the user's name and the server's pg_hba.conf",
    "3D000": "create the database, or correct its name in the URI",
    "42501": "grant the user CREATE on the database or on the schema, and let one user make all exports",
    "53100": "make room on the server's disk, and export again",
    "53": "free what the server lacks, and export again",
    LOCKED: "end what holds the lock (pg_stat_activity shows it), and export again",
    "40P01": "export again",
    "2BP01": "drop what stands on that table, export, and create it again",
    "25006": "name a server that can be written to",
    "23503": "drop what refers to rows of that table, export, and create it again",
    "23": "its key must tell rows apart: build a metric again (`citylake build --force`), correct the file of a reference table",
    "22": "correct the value in the source; PostgreSQL cannot hold it",
}
ELSE = "check the server's log; what was exported before is still there"
UNREACHED = (
    "check that the server runs, and host, port, user and database in the URI; passwords come from PGPASSWORD or ~/.pgpass"
)


class Session:
    """A connection; statements run in a transaction from `begin` to `commit`, and are undone without it.

    The driver's own transactions are not used: after an error they allow no return to a savepoint.
    """

    def __init__(self, connection: Any, where: str) -> None:
        self._cursor, self.where = connection.cursor(), where

    def run(self, sql: str) -> None:
        """Run one statement."""
        self.rows(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement; its rows, if it has any."""
        try:
            self._cursor.execute(sql)
            return list(self._cursor.fetchall()) if self._cursor.description else []
        except adbc.Error as error:
            raise self.fault(error) from error

    def ingest(self, schema: str, table: str, batches: pa.RecordBatchReader) -> int:
        """Append rows by binary COPY; returns how many there were.

        Column names and Arrow types must be the table's own: the driver compares names alone.
        """
        try:
            return int(self._cursor.adbc_ingest(table, batches, mode="append", db_schema_name=schema))
        except adbc.Error as error:
            raise self.fault(error, f", table {schema}.{table}") from error

    def fault(self, error: Exception, at: str = "") -> "PostgresError":
        """An error of the driver, in three parts."""
        state = getattr(error, "sqlstate", None) or ""
        remedy = next((r for k, r in REMEDIES.items() if state.startswith(k)), ELSE)
        return PostgresError(self.where + at, _found(error), remedy, state)


class PostgresError(LakeError):
    """PostgreSQL refused; `state` is its SQLSTATE, where there is one."""

    def __init__(self, where: str, found: str, remedy: str, state: str = "") -> None:
        super().__init__(where, found, remedy)
        self.state = state


@contextmanager
def connected(to: Target) -> Iterator[Session]:
    """Open a connection and a transaction, and close both; what was not committed is undone.

    Raises:
        PostgresError: where nobody answers, or the server lets the user not in.
    """
    where = f"PostgreSQL {to.uri}"
    query = "&" if "?" in to.uri else "?"
    waits = "" if "connect_timeout=" in to.uri else f"{query}connect_timeout={CONNECT_S}"
    try:
        connection = adbc.connect(to.uri + waits, autocommit=True)
    except adbc.Error as error:
        found = _found(error)
        refused = "password" in found or "pg_hba.conf" in found or "authentication" in found
        raise PostgresError(where, found, REMEDIES["28"] if refused else UNREACHED) from error
    try:
        session = Session(connection, where)
        _settle(session)
        session.run("BEGIN")
        try:
            yield session
        except BaseException:
            with suppress(LakeError):
                session.run("ROLLBACK")
            raise
    finally:
        with suppress(adbc.Error):
            session._cursor.close()
        with suppress(adbc.Error):
            connection.close()


def _settle(session: Session) -> None:
    """Say how statements are meant, whatever the server, the role or the environment set."""
    named = ", ".join(f"'{name}'" for name in AT_ONCE)
    session.rows(f"SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name IN ({named})")
    for name, value in {
        "application_name": "citylake",
        "client_encoding": "UTF8",
        "standard_conforming_strings": "on",
        "timezone": "UTC",
        "search_path": "pg_catalog",
        "lock_timeout": f"{LOCK_S}s",
    }.items():
        session.run(f"SET {name} = '{value}'")
    encoding = session.rows("SELECT pg_catalog.current_setting('server_encoding')")[0][0]
    if encoding != "UTF8":
        raise PostgresError(
            session.where, f"the database is in {encoding}", "export to one that was created with ENCODING 'UTF8'"
        )


def _found(error: Exception) -> str:
    """What the server said, in one line, without the statement it said it of."""
    text = str(error).partition("\n\nQuery was:")[0].partition(". SQLSTATE:")[0]
    for begin in ("ERROR: ", "FATAL: ", "Failed to connect: "):
        text = text.rpartition(begin)[2] if begin in text else text
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split())).rstrip(".")[:400]
