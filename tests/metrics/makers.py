"""Random rows of every feed and reference table, found by file: each `randoms*.py` beside this. What metrics make of them is
in the tests.

A file of makers may have `FEEDS`, feed to a function (city, day, seed) -> refined rows, and `REFERENCES`, table to a
function (seed) -> rows. Where several files make rows of one table, it holds them all: give your devices names of their own.
"""

import pkgutil
from collections.abc import Callable, Iterator
from datetime import date
from importlib import import_module
from types import ModuleType
from typing import Any

from schemas.city import City

Rows = list[dict[str, Any]]


def _modules() -> Iterator[ModuleType]:
    package = import_module(__package__)
    for found in sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name.startswith("randoms")):
        yield import_module(f"{__package__}.{found}")


def feeds() -> dict[str, list[Callable[[City, date, int], Rows]]]:
    """Makers by feed."""
    out: dict[str, list[Callable[[City, date, int], Rows]]] = {}
    for module in _modules():
        for feed, make in getattr(module, "FEEDS", {}).items():
            out.setdefault(feed, []).append(make)
    return out


def references(seed: int) -> dict[str, Rows]:
    """Rows by reference table."""
    out: dict[str, Rows] = {}
    for module in _modules():
        for table, make in getattr(module, "REFERENCES", {}).items():
            out.setdefault(table, []).extend(make(seed))
    return out
