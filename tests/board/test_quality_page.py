"""The page of data quality says what DuckDB says of the same days, shows what is off in red, and tells nothing of people."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from assets.board import trust
from tests.board.small_board import NOTHING, Seen, con, look, small_board  # noqa: F401  fixtures
from tests.board.small_city import EVIL, SECRET

Look = Callable[..., Seen]


def one(con: duckdb.DuckDBPyConnection, sql: str) -> float:  # noqa: F811
    found = con.sql(sql).fetchone()
    assert found is not None
    return float(found[0])


def test_devices_are_judged_by_the_metrics_that_say_so() -> None:
    assert [c.name for c in trust.judged()] == ["sensor_health_daily"]


def test_columns_are_rows_again() -> None:
    packed = trust.as_columns([{"a": "x", "n": 1}, {"a": None, "n": None}, {"a": "x", "n": 2}])
    assert packed == {"a": {"texts": ["x"], "at": [0, None, 0]}, "n": {"values": [1, None, 2]}}
    assert trust.as_columns([]) == {}


@pytest.mark.slow
def test_nothing_of_guarded_feeds_is_shown(small_board: Path) -> None:  # noqa: F811
    text = (small_board / "board" / "data" / "quality.js").read_text()
    assert SECRET not in text
    assert "wrong_form" in text
    assert "\\u003cimg" in text  # what an open feed's refused row said, harmless


@pytest.mark.slow
def test_books_are_duckdbs_and_what_is_off_is_red(look: Look, con: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    seen = look("quality.html")
    seen.drawn("#q-books")
    assert seen.text("#q-taken") == seen.said(
        one(con, "SELECT sum(taken) FROM quality.balance WHERE stage = 'land' AND event_date IS NOT NULL")
    )
    assert seen.text("#q-refused") == seen.said(one(con, "SELECT sum(rows) FROM quality.refused WHERE event_date IS NOT NULL"))
    assert seen.text("#q-off") == "2"
    assert "bad" in (seen.page.locator("#q-off").get_attribute("class") or "")
    rows = {(r["feed"], r["stage"]): r for r in seen.rows("#q-balance")}
    assert rows["traffic_flow", "land"]["unaccounted for"] == "off by 2"
    assert rows["emergency_calls", "land"]["unaccounted for"] == "0"
    assert seen.page.locator("#q-balance td.bad").all_inner_texts() == ["off by 2"]
    assert [r["event_date"] for r in seen.rows("#q-off-days")] == ["2025-03-01"]
    assert "1 refused rows told no day" in seen.text("#q-undated")

    seen.page.fill("#filter-from", "2025-03-02")
    assert seen.text("#q-off") == "0"
    assert seen.text("#q-refused") == seen.said(one(con, "SELECT sum(rows) FROM quality.refused WHERE event_date = '2025-03-02'"))
    seen.page.select_option("#q-choice [name=feed]", "traffic_flow")
    assert seen.text("#q-refused") == "0"


@pytest.mark.slow
def test_reasons_coverage_and_verdicts_are_duckdbs(look: Look, con: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    seen = look("quality.html")
    seen.drawn("#q-coverage")
    reasons = con.sql(
        "SELECT feed, code, sum(rows)::INT FROM quality.refused WHERE event_date IS NOT NULL GROUP BY ALL"
    ).fetchall()
    assert {(r["feed"], r["code"], r["rows"]) for r in seen.rows("#q-refused-table")} == {(f, c, str(n)) for f, c, n in reasons}
    shown = seen.rows("#q-examples")
    assert {r["found"] for r in shown if r["feed"] == "emergency_calls"} == {NOTHING}
    assert EVIL in {r["found"] for r in shown}
    assert seen.page.locator("main img").count() == 0
    assert all(r["source"] == "x.csv" for r in shown)

    covered = con.sql(
        "SELECT event_date::VARCHAR, avg(coverage_share) FROM metrics.traffic_hourly WHERE district = 'West' GROUP BY 1"
    ).fetchall()
    seen.page.select_option("#filter-district", "West")
    rows = {(r["metric"], r["event_date"]): r for r in seen.rows("#q-coverage")}
    assert {d: rows["traffic_hourly", d]["coverage"] for d, _ in covered} == {d: seen.said(v, "share") for d, v in covered}
    assert rows["crash_severity", "2025-03-01"]["coverage"] == NOTHING
    assert rows["crash_severity", "2025-03-01"]["rows withheld"] == "1"

    verdicts = con.sql("SELECT verdict, count(*) FROM metrics.sensor_health_daily WHERE district = 'West' GROUP BY 1").fetchall()
    assert {(r["verdict"], r["devices x days"]) for r in seen.rows("#q-health")} == {(v, str(n)) for v, n in verdicts}
    assert [(r["device"], r["days"]) for r in seen.rows("#q-ailing")] == [("D2", "2")]


@pytest.mark.slow
def test_gates_freshness_and_restatements_are_told(look: Look, con: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    seen = look("quality.html")
    seen.drawn("#q-gates")
    asked = "SELECT layer || '.' || table_name, event_date::VARCHAR, verdict FROM quality.gates WHERE layer = 'metrics'"
    assert {(r["table_name"], r["event_date"], r["verdict"]) for r in seen.rows("#q-gates")} == set(con.sql(asked).fetchall())
    tables = {(r["layer"], r["table"]): r for r in seen.rows("#q-tables")}
    assert tables["metrics", "traffic_hourly"]["rows"] == "16"
    assert tables["metrics", "traffic_hourly"]["newest event"] == "2025-03-02 08:00"
    assert len(tables) == con.sql("FROM quality.tables").shape[0]
    (again,) = seen.rows("#q-restated")
    assert (again["feed"], again["day"], again["cause"], again["kept"], again["more than before"]) == (
        "traffic_flow",
        "2025-03-02",
        "restated",
        "7",
        "2",
    )
