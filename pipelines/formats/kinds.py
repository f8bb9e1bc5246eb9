"""Formats by name: lines and row groups, which can be cut anywhere, and whole documents, one file here each.

How a format is decoded is its module's. A new document format is a module of `documents`, and nothing else.
"""

import importlib
import pkgutil
from functools import cache
from typing import Any

CUT = ("json_lines", "csv", "parquet")
"""Formats of files that are read in ranges."""


@cache
def documents() -> tuple[str, ...]:
    """Names of the formats whose files and messages are documents, sorted."""
    package = importlib.import_module("pipelines.formats.documents")
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__)))


def names() -> tuple[str, ...]:
    """Every format a source may name."""
    return (*CUT, *documents())


def of_messages() -> tuple[str, ...]:
    """Every format that messages may have."""
    return ("json_lines", *documents())


def module(name: str) -> Any:
    """The module of a document format, imported no sooner than here.

    It has `decode(documents, source, contract) -> Decoded`; where `ARCHIVES` is true its documents are archives themselves,
    and are not unpacked before they come to it.
    """
    return importlib.import_module(f"pipelines.formats.documents.{name}")
