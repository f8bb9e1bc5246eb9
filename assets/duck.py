"""DuckDB over the lake's files: a connection of bounded memory, and SQL that reads files as a contract's columns.

What is asked of the rows does not belong here.
"""

import os
import tempfile
from collections.abc import Sequence

import duckdb

from schemas.column import Column
from schemas.lake import Lake

SQL_TYPES = {
    "string": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "instant": "TIMESTAMP WITH TIME ZONE",
    "local_time": "TIMESTAMP",
    "date": "DATE",
}
MEMORY_LIMIT = "1GB"


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def relation(uris: Sequence[str], columns: Sequence[Column], hive: bool, listed: str | None = None) -> str:
    """SQL that reads Parquet files as a contract's columns; of no files, an empty table of them.

    `listed` is SQL of the list of files, where they are not to be spelled out.
    """
    if not uris:
        empty = ", ".join(f"NULL::{SQL_TYPES[c.kind]} AS {quoted(c.name)}" for c in columns)
        return f"SELECT {empty} WHERE false"
    options = "hive_partitioning = true, hive_types = {'event_date': DATE}, " if hive else "hive_partitioning = false, "
    return f"SELECT * FROM read_parquet({listed or _spelled(uris)}, {options}union_by_name = true)"


def _spelled(uris: Sequence[str]) -> str:
    return f"[{', '.join(map(literal, uris))}]"


def aligned(
    con: duckdb.DuckDBPyConnection, uris: Sequence[str], columns: Sequence[Column], hive: bool, listed: str | None = None
) -> tuple[str, list[str]]:
    """SQL that reads files as exactly these columns and types, and which of them are stored otherwise.

    A column that no file has is empty; one of another type is cast, and empty where its value cannot be.
    `listed` as in `relation`.
    """
    have = {name: kind for name, kind, *_ in con.sql(f"DESCRIBE {relation(uris, columns, hive)}").fetchall()}
    stored = relation(uris, columns, hive, listed)
    picked, misfits = [], []
    for column in columns:
        wanted, name = SQL_TYPES[column.kind], quoted(column.name)
        if column.name not in have:
            picked.append(f"NULL::{wanted} AS {name}")
            misfits += [] if column.nullable else [f"{column.name}: absent"]
        elif have[column.name] != wanted:
            picked.append(f"TRY_CAST({name} AS {wanted}) AS {name}")
            misfits.append(f"{column.name}: {have[column.name]} for {wanted}")
        else:
            picked.append(name)
    return f"SELECT {', '.join(picked)} FROM ({stored})", misfits


def connect(lake: Lake) -> duckdb.DuckDBPyConnection:
    """A DuckDB of bounded memory that can read the lake's files, with UTC as its clock."""
    spill = os.path.join(tempfile.gettempdir(), f"citylake-duckdb-{os.getpid()}")
    con = duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": spill})
    con.execute("SET TimeZone = 'UTC'")
    if lake.options is not None:
        import s3fs  # only a remote lake needs it

        con.register_filesystem(
            s3fs.S3FileSystem(
                key=lake.options.get("aws_access_key_id"),
                secret=lake.options.get("aws_secret_access_key"),
                token=lake.options.get("aws_session_token"),
                endpoint_url=lake.options.get("aws_endpoint_url"),
                client_kwargs={"region_name": lake.options.get("aws_region")},
                use_listings_cache=False,
            )
        )
    return con
