"""`normal_p(z)`: how likely a standard normal variable is at least as far from 0 as z. DuckDB has no error function.

Source: P(|Z| >= |z|) = erfc(|z| / sqrt(2)); Abramowitz and Stegun (1964), 26.2.29 and 7.1.2.
"""

from math import erfc, sqrt

import duckdb
import numpy as np
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL
from duckdb.sqltypes import DOUBLE

_ERFC = np.frompyfunc(erfc, 1, 1)
"""The C library's, value by value: what is asked for is cells of a map, of which a city has thousands."""


def two_sided(z: pa.Array) -> pa.Array:
    """z-scores to shares; NULL for NULL."""
    known = z.combine_chunks() if isinstance(z, pa.ChunkedArray) else z
    values = np.abs(known.fill_null(0.0).to_numpy(zero_copy_only=False)) / sqrt(2)
    return pa.array(_ERFC(values).astype(np.float64), mask=np.asarray(known.is_null()))


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Make the function known to a connection."""
    con.create_function("normal_p", two_sided, [DOUBLE], DOUBLE, type=ARROW, null_handling=SPECIAL)
