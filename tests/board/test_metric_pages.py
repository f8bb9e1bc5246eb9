"""Pages of metrics in a real browser: they load from a folder, say what DuckDB says, and show what is withheld as such."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.board.rollups import measures
from schemas.registry import metrics
from tests.board.conftest import DAYS, DISTRICTS, HOSTILE, NASTY

pytestmark = pytest.mark.slow
HASH = f"from={DAYS[0]}&to={DAYS[-1]}"


def opened(page: Any, board: Path, path: str, chosen: str = HASH) -> None:
    """Open a page of the board and wait until its charts are drawn."""
    page.goto("about:blank")
    page.goto(f"{(board / path).as_uri()}#{chosen}")
    settle(page)


def settle(page: Any) -> None:
    """Wait until no chart is being drawn."""
    for _ in range(200):
        if page.evaluate("citylake.drawing") == 0:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"charts of {page.url} are not drawn after ten seconds")


def shown(page: Any, measure: str) -> str:
    """What the card of a measure says."""
    return str(page.locator(f'[data-measure="{measure}"] .value').text_content())


def table_of(page: Any, chart: str) -> Any:
    """The rows of the table under a chart, opened; a browser fills it some time after the click."""
    page.locator(f"#{chart} summary").click()
    page.wait_for_selector(f"#{chart} tbody tr")
    return page.locator(f"#{chart} tbody tr")


def worded(page: Any, value: Any, unit: str | None) -> str:
    """A number in the page's own words."""
    return str(page.evaluate("([v, u]) => citylake.number(v, u)", [value, unit]))


def choose_measure(page: Any, name: str) -> None:
    page.select_option("#measure", name)


def test_every_page_loads_from_its_folder(page: Any, board: Path) -> None:
    paths = sorted(str(p.relative_to(board)) for p in board.rglob("*.html"))
    assert {f"metrics/{n}.html" for n in metrics()} < set(paths)
    for path in paths:
        opened(page, board, path)
        assert page.title().endswith(HOSTILE)
        assert page.locator("main h1").count() == 1
        assert page.evaluate("document.querySelectorAll('main script, main [onerror], main img').length") == 0, path


@pytest.mark.parametrize("district", [None, "North", NASTY])
@pytest.mark.parametrize("first", [0, 1])
def test_numbers_are_those_of_duckdb(
    page: Any, board: Path, file: duckdb.DuckDBPyConnection, district: str | None, first: int
) -> None:
    opened(page, board, "metrics/traffic_hourly.html", f"from={DAYS[first]}&to={DAYS[-1]}")
    if district:
        page.select_option("#filter-district", district)
    where = "event_date >= $day AND ($district IS NULL OR district = $district)"
    # by hand: what the page is to say of this choice
    volume, speed, low, high, middle, rows = (
        file.execute(
            f"""
        SELECT sum(volume_veh),
            sum(speed_weight) FILTER (slowness_sum_h_km IS NOT NULL) / sum(slowness_sum_h_km) FILTER (speed_weight IS NOT NULL),
            min(coverage_share), max(coverage_share), quantile_cont(coverage_share, 0.5), count(*)
        FROM metrics.traffic_hourly WHERE {where}
        """,
            {"day": DAYS[first], "district": district},
        ).fetchone()
        or ()
    )
    assert shown(page, "volume_veh") == worded(page, volume, "veh")
    assert shown(page, "space_mean_speed_kmh") == worded(page, speed, "km/h")
    covered = worded(page, low, "share")
    assert shown(page, "coverage_share") == (covered if low == high else f"{covered} to {worded(page, high, 'share')}")
    if low != high:
        aside = page.locator('[data-measure="coverage_share"] .how').text_content()
        assert worded(page, middle, "share") in aside
        assert "not a value of the whole" in aside
    assert page.locator("#rows-said").text_content().startswith(f"{rows} of ")


def test_the_table_of_a_chart_is_that_of_duckdb(page: Any, board: Path, file: duckdb.DuckDBPyConnection) -> None:
    opened(page, board, "metrics/traffic_hourly.html")
    choose_measure(page, "volume_veh")
    told = table_of(page, "by-day").locator("td:nth-child(2)").all_text_contents()
    days = file.sql("SELECT sum(volume_veh) FROM metrics.traffic_hourly GROUP BY event_date ORDER BY event_date").fetchall()
    assert told == [worded(page, v, "veh") for (v,) in days]
    names = table_of(page, "breakdown").locator("td:nth-child(1)").all_text_contents()
    assert sorted(names) == sorted(DISTRICTS)
    # the hour that the clocks skip has no cell, and no line of the load curve stands for two hours
    sunday = [r for r in table_of(page, "heat").all_text_contents() if r.startswith("Sun")]
    assert len(sunday) == 23


def test_lamps_that_are_out_are_not_added_up_over_days(page: Any, board: Path, file: duckdb.DuckDBPyConnection) -> None:
    opened(page, board, "metrics/streetlight_district_daily.html")
    per_day = [
        n
        for (n,) in file.sql(
            "SELECT sum(lamps_out) FROM metrics.streetlight_district_daily GROUP BY event_date ORDER BY 1"
        ).fetchall()
    ]
    assert shown(page, "lamps_out") == f"{per_day[0]} to {per_day[-1]}"
    assert shown(page, "lamps") == "300"


def test_what_is_withheld_is_shown_as_withheld(page: Any, board: Path, file: duckdb.DuckDBPyConnection) -> None:
    opened(page, board, "metrics/response_times_daily.html")
    told = file.sql(
        "SELECT count(*) FILTER (release = 'suppressed'), count(*), sum(n) FROM metrics.response_times_daily"
    ).fetchone()
    assert told is not None
    held, rows, people = told
    assert 0 < held < rows
    assert page.locator("#withheld-said").text_content().startswith(f"{held} of {rows} rows are withheld")
    assert shown(page, "n") == worded(page, people, None)
    # a number within rows that are told
    some = file.sql(
        "SELECT sum(turnout_n), count(*) FILTER (list_contains(string_split(withheld_columns, ','), 'turnout_n')) "
        "FROM metrics.response_times_daily"
    ).fetchone()
    assert some is not None
    assert some[1] > 0
    assert shown(page, "turnout_n") == worded(page, some[0], None)
    assert page.locator('[data-measure="turnout_n"] .missing').text_content() == f"{held + some[1]} of {rows} rows withheld"
    choose_measure(page, "turnout_n")
    assert f"{some[1]} more withhold turnout_n" in page.locator("#withheld-said").text_content()
    page.select_option("#filter-district", NASTY)
    assert {shown(page, m) for m in ("n", "total_p50_s", "total_within_share")} == {"withheld"}
    assert any("withheld" in r for r in table_of(page, "by-day").all_text_contents())
    # no exact number of a withheld row is in any file of the page
    data = (board / "data/metrics/response_times_daily.js").read_text(encoding="utf-8")
    columns = page.evaluate(
        "(() => { const t = citylake.data.tables.main; return t.values.n.filter((_, i) => t.values.withheld[i]) })()"
    )
    assert columns == [None] * held
    assert NASTY not in data  # written with its < and > escaped


def test_filters_are_kept_in_the_address_and_carried_on(page: Any, board: Path) -> None:
    opened(page, board, "index.html", "")
    before = page.locator('[data-metric="traffic_hourly"] [data-value]').text_content()
    page.select_option("#filter-district", "South")
    page.fill("#filter-from", str(DAYS[1]))
    page.locator("#filter-from").dispatch_event("change")
    assert page.locator('[data-metric="traffic_hourly"] [data-value]').text_content() != before
    page.select_option("#domain", "traffic")
    assert page.locator('[data-domain="energy"]').is_hidden()
    page.locator('main a[href^="metrics/traffic_hourly.html"]').click()
    page.wait_for_selector("#cards .card")
    assert page.locator("#filter-district").input_value() == "South"
    assert page.locator("#filter-from").input_value() == str(DAYS[1])
    assert "district=South" in page.url
    page.locator("#filter-reset").click()
    assert page.locator("#filter-district").input_value() == ""


def test_it_can_be_used_with_the_keyboard_alone(page: Any, board: Path) -> None:
    opened(page, board, "metrics/traffic_hourly.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"filter-from", "filter-to", "filter-district", "filter-reset", "measure", "by", "SUMMARY"} <= reached
    unnamed = """[...document.querySelectorAll('main input, main select')].filter(
        (e) => !e.labels.length && !e.getAttribute('aria-label')).map((e) => e.id)"""
    assert page.evaluate(unnamed) == []
    plots = page.locator(".plot[role=img]")
    assert plots.count() > 4
    assert all(p.get_attribute("aria-label") for p in plots.all())


def test_light_and_dark_are_chosen_and_kept(page: Any, board: Path) -> None:
    opened(page, board, "index.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(ground)
    assert light != dark
    page.locator("#theme-switch").click()  # system, then light
    assert page.evaluate(ground) == light
    opened(page, board, "metrics/traffic_hourly.html")
    assert page.evaluate(ground) == light


def test_every_measure_of_every_metric_can_be_chosen(page: Any, board: Path) -> None:
    for name in ("traffic_hourly", "response_times_daily", "air_quality_hourly", "travel_time_reliability", "energy_load_30min"):
        opened(page, board, f"metrics/{name}.html")
        for measure in measures(metrics()[name]):
            choose_measure(page, measure.name)
            settle(page)
