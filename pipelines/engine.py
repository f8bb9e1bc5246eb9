"""DuckDB as a calculator for batches: one engine a process, a cursor a use. It keeps no data between uses.

What is asked of it is the formats' business.
"""

from functools import cache

import duckdb


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 2})


def cursor() -> duckdb.DuckDBPyConnection:
    """A connection of one's own to the process's engine (opening an engine costs 11 ms, a cursor nearly nothing)."""
    return _engine().cursor()
