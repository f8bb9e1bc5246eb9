"""Functions that SQL cannot say (the sun, neighbours on the map), found by file: one module each, with `register(con)`.

A function is called as its module; formulas that SQL can say are in macros.sql.
"""

import pkgutil
from functools import cache
from importlib import import_module
from importlib.resources import files

import duckdb


@cache
def texts() -> dict[str, str]:
    """Name of each function -> its code, which is part of the identity of what is made with it."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__))
    return {n: (files(__package__) / f"{n}.py").read_text(encoding="utf-8") for n in names}


def register(con: duckdb.DuckDBPyConnection, names: frozenset[str]) -> None:
    """Make the functions known to a connection."""
    for name in sorted(names):
        import_module(f"{__package__}.{name}").register(con)
