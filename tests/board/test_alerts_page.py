"""The page of alerts: which are open, what raised them and how fast, as DuckDB says; what it quotes stays text."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from assets.board.pages.alerts import said
from tests.board.small_board import Seen, con, look, small_board  # noqa: F401  fixtures
from tests.board.small_city import EVIL

Look = Callable[..., Seen]
RAISED = "quantile_cont(epoch_us(raised_at - event_at) / 1e6, {share})"


def p(con: duckdb.DuckDBPyConnection, share: float, where: str) -> float:  # noqa: F811
    found = con.sql(f"SELECT {RAISED.format(share=share)} FROM metrics.alerts WHERE state = 'opened' AND {where}").fetchone()
    assert found is not None
    return float(found[0])


def test_causes_are_told_in_words() -> None:
    rows = '[{"feed": "a", "source": "/x/y/z.csv", "position": 3}, {"feed": "b", "source": "topic", "position": 4}]'
    assert said(rows) == "a: z.csv at 3; b: topic at 4"
    assert [said(t) for t in ("", "{}", '["x"]', "nonsense", "null")] == [""] * 5


@pytest.mark.slow
def test_alerts_are_counted_and_listed_open_first(look: Look, con: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    seen = look("alerts.html")
    seen.drawn("#alerts-times", 5)
    assert (seen.text("#alerts-n"), seen.text("#alerts-open")) == ("5", "2")
    assert seen.text("#alerts-p50") == seen.said(p(con, 0.5, "true"), "s")
    assert seen.text("#alerts-p95") == seen.said(p(con, 0.95, "true"), "s")
    rows = seen.rows("#alerts-list")
    assert [r["state"] for r in rows] == ["open", "open", "closed", "closed", "closed"]
    assert [r["severity"] for r in rows[:2]] == ["critical", "warning"]
    assert rows[0]["place"] == "lamp L3"
    assert rows[0]["since"] == "2025-03-02 14:00:00"  # wall-clock time
    assert rows[0]["what was found"] == f"L3 {EVIL}"
    assert rows[0]["rows that caused it"] == "streetlights: x.csv at 7"
    assert seen.page.locator("main img").count() == 0
    assert {(r["rule"], r["alerts"], r["open"]) for r in seen.rows("#alerts-rules")} == {("silent", "2", "1"), ("dark", "3", "1")}


@pytest.mark.slow
def test_filters_change_the_numbers(look: Look, con: duckdb.DuckDBPyConnection, small_board: Path) -> None:  # noqa: F811
    seen = look("alerts.html")
    seen.drawn("#alerts-map", 3 + 4)  # three districts; one alert says no place
    assert "1 of these alerts" in seen.text("#alerts-unplaced")
    seen.page.select_option("#alert-choice [name=rule]", "dark")
    assert seen.text("#alerts-n") == "3"
    assert seen.text("#alerts-p95") == seen.said(p(con, 0.95, "rule = 'dark'"), "s")
    seen.page.check("#alert-choice [name=open]")
    assert [r["place"] for r in seen.rows("#alerts-list")] == ["lamp L3"]
    seen.page.uncheck("#alert-choice [name=open]")
    seen.page.select_option("#alert-choice [name=rule]", "")
    seen.page.select_option("#filter-district", "West")
    assert {r["place"] for r in seen.rows("#alerts-list")} == {"sensor D1", "lamp L1"}
    seen.page.fill("#filter-to", "2025-03-01")
    first = con.sql(
        "SELECT count(*) FROM metrics.alerts WHERE state = 'opened' AND event_date = '2025-03-01' AND place_id IN ('D1', 'L1')"
    ).fetchone()
    assert first is not None
    assert seen.text("#alerts-n") == str(first[0])
