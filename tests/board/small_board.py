"""The small city's board in a real browser: fixtures for the tests of pages.

What a page must show is its own test's.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.board import site
from assets.board.pages import alerts, quality
from assets.board.pages import map as city_map
from tests.board.small_city import AT, CITY, exported

MADE: list[Path] = []
ON_TEST = (city_map, quality, alerts)
ROWS = """table => {
    const names = [...table.tHead.rows[0].cells].map((c) => c.innerText);
    return [...table.tBodies[0].rows].map((r) => Object.fromEntries([...r.cells].map((c, i) => [names[i], c.innerText])));
}"""
NOTHING = "\u2013"
"""What the board writes where there is no value."""


class Seen:
    """A page in the browser, and what it complained about."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.bad: list[str] = []
        page.on("console", lambda m: self.bad.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.bad.append(str(e)))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else self.bad.append(r.url))
        page.on("requestfailed", lambda r: self.bad.append(r.url))

    def rows(self, of: str) -> list[dict[str, str]]:
        """The rows of the table in an element; a chart's twin is opened first."""
        twin = self.page.query_selector(f"{of} details:not([open]) summary")
        if twin:
            twin.click()
            self.page.wait_for_selector(f"{of} tbody tr", state="attached")  # filled some time after the click
        found: list[dict[str, str]] = self.page.locator(f"{of} table").evaluate(ROWS)
        return found

    def text(self, of: str) -> str:
        """What an element says."""
        return str(self.page.locator(of).inner_text())

    def said(self, value: float | None, unit: str | None = None) -> str:
        """A number as the board writes it."""
        return str(self.page.evaluate("([v, u]) => citylake.number(v, u)", [value, unit]))

    def drawn(self, of: str, rows: int | None = None) -> None:
        """Wait until a chart is drawn, of so many rows."""
        self.page.wait_for_selector(f"{of} svg.marks")
        if rows is not None:
            self.page.wait_for_selector(f'{of}[data-rows="{rows}"]')


@pytest.fixture(scope="module")
def small_board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of exports of the small city, with those pages of its board."""
    if not MADE:  # once for all modules
        lake, exports = exported(tmp_path_factory.mktemp("city"))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(site, "found", lambda board: (page for one in ON_TEST for page in one.pages(board)))
            site.write_board(lake, CITY, exports, AT)
        MADE.append(exports)
    return MADE[0]


@pytest.fixture
def con(small_board: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The exported DuckDB file."""
    with duckdb.connect(str(small_board / "citylake.duckdb"), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


@pytest.fixture
def look(small_board: Path, chromium: Any) -> Iterator[Callable[..., Seen]]:
    """Opens a page of the board. What it complains about fails the test."""
    opened: list[Seen] = []

    def go(path: str, choice: str = "") -> Seen:
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(20_000)
        opened.append(Seen(page))
        page.goto((small_board / "board" / path).as_uri() + (f"#{choice}" if choice else ""))
        return opened[-1]

    yield go
    for seen in opened:
        seen.page.close()
        assert seen.bad == []
