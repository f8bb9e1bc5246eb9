"""What a page of the board is, and what it is made of.

How pages become files is said in `assets.board.site`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from schemas.city import City
from schemas.errors import CitylakeError
from schemas.lake import Lake

PATH = re.compile(r"(?!.*(?:^|/)(?:static|data)/)[A-Za-z0-9_][A-Za-z0-9_-]*(?:/[A-Za-z0-9_][A-Za-z0-9_-]*)*\.html")
FILTERS = ("days", "district")


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        path: relative to the board's folder, such as "metrics/<name>.html".
        group: heading in the navigation.
        doc: one sentence, shown under the title and wherever the page is listed.
        body: the HTML inside <main>, made by `assets.board.render`.
        data: JSON-able; in the page it is `citylake.data`.
        scripts: further files of static/, loaded after board.js.
        filters: the controls it heeds: "days", "district".
        unlisted: found through links alone, not in the navigation.

    Raises CitylakeError where the path could leave the folder, or a filter is unknown.
    """

    path: str
    title: str
    group: str
    doc: str
    body: str
    data: Mapping[str, Any] = field(default_factory=dict)
    scripts: tuple[str, ...] = ()
    filters: tuple[str, ...] = FILTERS
    unlisted: bool = False

    def __post_init__(self) -> None:
        where = f"board page {self.path[:200]!r}"
        if not PATH.fullmatch(self.path):
            raise CitylakeError(where, "no plain path of a page", "use letters, digits, - and _, and end it in .html")
        if unknown := set(self.filters) - set(FILTERS):
            raise CitylakeError(where, f"filters {sorted(unknown)}", f"use some of {', '.join(FILTERS)}")

    @property
    def up(self) -> str:
        """What leads from the page to the board's folder: "", "../" and so on."""
        return "../" * self.path.count("/")

    @property
    def data_path(self) -> str:
        """Where its data are, relative to the board's folder."""
        return f"data/{self.path.removesuffix('.html')}.js"


@dataclass(frozen=True)
class Board:
    """What pages are made of.

    Attributes:
        con: the exported DuckDB file, read only.
        catalog: exports/catalog.json.
        lake: only for what the file cannot say; never for metrics that pass the publish gate.
        at: when the board is made.
    """

    con: duckdb.DuckDBPyConnection
    catalog: Mapping[str, Any]
    city: City
    lake: Lake
    at: datetime
