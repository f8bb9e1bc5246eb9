"""The board's dictionary: every dataset with every column, what this lake knows of it, and nothing that was withheld."""

import posixpath
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.board.page import Board, Page
from assets.board.pages.dictionary import pages
from assets.board.site import write_board
from assets.dictionary.entry import entries
from assets.exports.catalog import export
from schemas import registry
from schemas.lake import Lake

from . import small_city
from .small_city import AT, CITY, EVIL, SECRET

LIMIT = {"name": "coverage_min_share", "value": 0.55, "unit": "share", "source": f"council {EVIL}", "edition": "2026"}


def board_of(lake: Lake) -> Iterator[Board]:
    with duckdb.connect(str(lake.exports() / "citylake.duckdb"), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        yield Board(con, {}, CITY, lake, AT)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The small city, which set a limit of its own."""
    lake = Lake(tmp_path_factory.mktemp("dictionary") / "lake")
    small_city.fill(lake)
    small_city.refer(lake, "thresholds", [LIMIT])
    export(lake, CITY, at=AT)
    return lake


@pytest.fixture(scope="module")
def found(lake: Lake) -> dict[str, Page]:
    [made] = [{p.path: p for p in pages(board)} for board in board_of(lake)]
    return made


def example(page: Page) -> dict[str, str]:
    """The example row that a page shows."""
    block = page.body.split('id="example-row">', 1)[1].split("</dl>", 1)[0]
    return {n: unescape(v) for n, v in re.findall(r"<dt><code>(.*?)</code></dt><dd>(.*?)</dd>", block, re.S)}


def test_every_dataset_has_a_page_with_every_column(found: dict[str, Page]) -> None:
    assert len(found) == 1 + len(list(entries()))
    index = found["dictionary/index.html"]
    for entry in entries():
        page = found[f"dictionary/{entry.page}.html"]
        assert all(f'<tr id="{c.name}">' in page.body for c in entry.columns)
        assert f'<a href="{entry.page}.html">{entry.name}</a>' in index.body
    told = {(c["dataset"], c["column"]) for c in index.data["columns"]}
    assert told == {(e.name, c.name) for e in entries() for c in e.columns}


def test_limits_are_those_in_force_and_the_packages_stand_beside(found: dict[str, Page]) -> None:
    for entry in entries():
        body = found[f"dictionary/{entry.page}.html"].body
        section = body.split('<h2 id="thresholds">', 1)[-1].split("<h2", 1)[0] if entry.thresholds else ""
        assert re.findall(r"<tr><th scope=\"row\"><code>(\w+)</code>", section) == entry.thresholds or not section
        assert set(re.findall(r"<code>(\w+)</code></th><td class=\"number\">", section)) == set(entry.thresholds)
        if LIMIT["name"] in entry.thresholds:
            assert ">0.55 <span" in section
            assert "by default 0.75" in section
            assert "council &lt;img" in section


def test_rows_and_days_are_the_files(found: dict[str, Page], lake: Lake) -> None:
    body = found["dictionary/metrics/traffic_hourly.html"].body
    assert 'data-rows="metrics">16<' in body
    assert "2, 2025-03-01 to 2025-03-02" in body
    feed = found["dictionary/feeds/traffic_flow.html"].body
    assert [re.search(rf'data-rows="{of}">(\d+)<', feed)[1] for of in ("raw", "refined", "quarantine")] == ["8", "7", "3"]  # type: ignore[index]


def test_the_example_of_a_gated_metric_was_released(found: dict[str, Page]) -> None:
    row = example(found["dictionary/metrics/crash_severity.html"])
    assert row["release"] != "suppressed"
    assert row["n"] == "60"


def test_where_all_is_withheld_the_row_is_the_tests(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    contract = registry.metrics()["crash_severity"]
    [few] = [r for r in small_city.crashes() if r["n"] < 10]
    small_city.put(lake, contract, "metrics", [few])
    export(lake, CITY, at=AT)
    for board in board_of(lake):
        assert board.con.sql("SELECT DISTINCT release FROM metrics.crash_severity").fetchall() == [("suppressed",)]
        [page] = [p for p in pages(board) if p.path.endswith("/crash_severity.html")]
        assert "worked by hand, as this lake has none to show" in page.body
        assert example(page)["district"] != few["district"]


def test_no_row_of_a_feed_is_shown_and_nothing_from_outside_is_html(found: dict[str, Page]) -> None:
    for page in found.values():
        assert SECRET not in page.body
        assert "<img" not in page.body
    for name in registry.feeds():
        assert "A row as it comes" in found[f"dictionary/feeds/{name}.html"].body
    alert = example(found["dictionary/metrics/alerts.html"])
    assert EVIL in alert["message"]


def test_links_within_the_dictionary_lead_to_its_pages(found: dict[str, Page]) -> None:
    for path, page in found.items():
        for target in re.findall(r'href="([^"#]+)', page.body):
            there = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            assert there in found or there == "quality.html" or there.startswith("metrics/"), f"{path} -> {target}"


def test_lineage_goes_both_ways(found: dict[str, Page]) -> None:
    metric = found["dictionary/metrics/traffic_hourly.html"].body
    feed = found["dictionary/feeds/traffic_flow.html"].body
    assert '<a href="../feeds/traffic_flow.html">refined.traffic_flow</a>' in metric
    assert '<a href="../metrics/traffic_hourly.html">metrics.traffic_hourly</a>' in feed


@pytest.mark.slow
def test_a_browser_finds_columns_and_follows_links(lake: Lake, page: Any) -> None:
    write_board(lake, CITY, lake.exports(), AT)
    root = lake.exports() / "board"
    for path in (root / "dictionary").rglob("*.html"):
        for target in re.findall(r'href="([^"#]+\.html)', path.read_text("utf-8")):
            assert (path.parent / target).resolve().is_file(), f"{path} -> {target}"
    page.goto((root / "dictionary" / "index.html").as_uri())
    page.fill("#dictionary-words", "Space-Mean km/h")
    wanted = [c for e in entries() for c in e.columns if "space-mean" in " ".join((c.name, c.doc, c.formula or "")).lower()]
    hits = page.locator("#dictionary-columns tbody tr").count()
    assert 0 < hits <= len(wanted)
    assert page.inner_text("#dictionary-found") == f"{hits} columns"
    page.click("#dictionary-columns tbody tr:first-child a")
    assert page.inner_text("tr:target th code") == page.url.rpartition("#")[2]
    page.goto((root / "dictionary" / "metrics" / "traffic_hourly.html").as_uri())
    page.click("text=its numbers and charts")
    assert page.url.endswith("/board/metrics/traffic_hourly.html")
    page.goto((root / "dictionary" / "index.html").as_uri())
    page.fill("#dictionary-words", "no such column anywhere")
    assert page.inner_text("#dictionary-found") == "0 columns"
