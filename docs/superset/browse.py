"""Looks at the imported dashboard in headless Chromium as a person would, and holds what it shows against the exports.

Installing and serving belong to try.py.
"""

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import yaml
from playwright.sync_api import Page, Response, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync"
)
WIDTH, HEIGHT = 1500, 1250
PATIENCE_MS = 180_000
STILL = """() => [...document.querySelectorAll('.dashboard-component-chart-holder .loading')].every(e => {
    const box = e.getBoundingClientRect(); return box.bottom < 0 || box.top > innerHeight || !box.height; })"""
"""Nothing in sight is loading; charts out of sight always are."""
TELEMETRY = "scarf.sh"
"""What superset_config.py keeps pages from asking; the browser says so."""
CHARTS = "/api/v1/chart/data"


@dataclass
class Tried:
    """What was seen."""

    charts: int = 0
    tabs: int = 0
    numbers: int = 0
    wrong: list[str] = field(default_factory=list)


def browse(url: str, password: str, bundle: Path, exports: Path, picture: Path) -> Tried:
    """Open every tab, then filter; compare charts with DuckDB and totals with the Parquet exports."""
    tried = Tried()
    dashboard = yaml.safe_load(next(bundle.glob("dashboards/*.yaml")).read_text("utf-8"))
    charts = [yaml.safe_load(p.read_text("utf-8")) for p in sorted(bundle.glob("charts/*.yaml"))]
    with sync_playwright() as playwright, duckdb.connect(str(exports / "citylake.duckdb"), read_only=True) as con:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(PATIENCE_MS)
        page.on(
            "console",
            lambda m: tried.wrong.append(f"console: {m.text[:300]}") if m.type == "error" and TELEMETRY not in m.text else None,
        )
        page.on(
            "requestfinished",
            lambda r: None if r.url.startswith((url, "data:", "blob:")) else tried.wrong.append(f"asked outside: {r.url}"),
        )
        _log_in(page, url, password)
        place = f"{url}/superset/dashboard/{dashboard['slug']}/"
        listed = page.request.get(f"{url}/api/v1/dashboard/{dashboard['slug']}/charts").json()["result"]
        names = {str(c["id"]): c["slice_name"] for c in listed}
        answers = _opened(page, place, names, tried, picture)
        tried.charts = len(answers)
        if len(answers) != len(charts):
            tried.wrong.append(f"{len(answers)} of {len(charts)} charts were drawn")
        for name, answer in answers.items():
            _compare(con, name, answer, tried)
        _totals(con, exports, charts, answers, "true", tried)
        _filtered(page, place, names, con, exports, charts, tried)
        browser.close()
    return tried


def _log_in(page: Page, url: str, password: str) -> None:
    page.goto(f"{url}/login/")
    page.fill("#username", "admin")
    page.fill("#password", password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/superset/welcome/**")


def _opened(page: Page, place: str, names: dict[str, str], tried: Tried, picture: Path | None) -> dict[str, Any]:
    """Each tab, scrolled to its end so that every chart is drawn: what the server answered, by chart."""
    answers: dict[str, Any] = {}

    def heard(response: Response) -> None:
        if CHARTS in response.url and response.request.method == "POST":
            asked = json.loads(response.request.post_data or "{}")
            if "slice_id" in asked.get("form_data", {}):
                answers[names[str(asked["form_data"]["slice_id"])]] = {
                    "status": response.status,
                    "asked": asked,
                    **_json(response),
                }

    page.on("response", heard)
    page.goto(place)
    page.wait_for_selector("[role=tab]")
    tabs = page.locator("[role=tab]")
    tried.tabs = tabs.count()
    for n in range(tried.tabs):
        tabs.nth(n).click()
        _scroll(page)
        _look(page, tried)
        if n == 0 and picture is not None:
            page.evaluate("scrollTo(0, 0)")
            page.wait_for_timeout(4000)
            page.screenshot(path=str(picture))
    page.remove_listener("response", heard)
    return answers


def _json(response: Response) -> dict[str, Any]:
    found = response.json()
    return found if isinstance(found, dict) else {"message": str(found)[:300]}


def _scroll(page: Page) -> None:
    """Down in steps, waiting at each for what came into sight; charts out of sight are not asked for."""
    step, at = HEIGHT // 2, 0
    while True:
        page.evaluate(f"scrollTo(0, {at})")
        page.wait_for_timeout(1000)
        page.wait_for_function(STILL)
        if at > page.evaluate("document.documentElement.scrollHeight"):
            return
        at += step


def _look(page: Page, tried: Tried) -> None:
    """Whether a chart on the page says that it failed."""
    for box in page.locator(".dashboard-component-chart-holder:visible").all():
        text = box.inner_text()
        if any(w in text.lower() for w in ("unexpected error", "data error", "see more", "timeout error")):
            tried.wrong.append(f"a chart shows: {' '.join(text.split())[:300]}")


def _compare(con: duckdb.DuckDBPyConnection, name: str, answer: dict[str, Any], tried: Tried) -> None:
    """The server's numbers against DuckDB's own, of the SQL that the server says it ran; order and absent ones set aside."""
    [result, *_] = answer.get("result") or [{}]
    if answer["status"] != 200 or result.get("error") or "query" not in result:
        tried.wrong.append(f"{name}: {answer['status']} {result.get('error') or answer.get('message')}")
        return
    labels = {m if isinstance(m, str) else m["label"] for m in answer["asked"]["queries"][0]["metrics"]}
    rows = con.execute(result["query"].rstrip().rstrip(";"))
    keep = [n for n, column in enumerate(rows.description) if column[0] in labels]
    want = sorted(_numbers([row[n] for row in rows.fetchall() for n in keep]))
    data = result["data"]
    series = labels if data and labels & set(data[0]) else {k for row in data for k in row} - {"local_time", "event_date"}
    got = sorted(_numbers([row.get(k) for row in data for k in series]))
    tried.numbers += len(want)
    if len(want) != len(got) or not all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in zip(got, want, strict=True)):
        tried.wrong.append(
            f"{name}: {len(got)} numbers where DuckDB has {len(want)}: {got[:3]} {want[:3]}: {result['query'][:300]}"
        )


def _numbers(values: list[Any]) -> list[float]:
    return [float(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool) and not math.isnan(v)]


def _totals(
    con: duckdb.DuckDBPyConnection,
    exports: Path,
    charts: list[dict[str, Any]],
    answers: dict[str, Any],
    condition: str,
    tried: Tried,
) -> int:
    """Big numbers that are sums, against the column added up from the Parquet exports; how many were."""
    held = 0
    for chart in charts:
        name, number = chart["slice_name"], str(chart["params"].get("metric"))
        if chart["viz_type"] != "big_number_total" or not number.startswith("sum__") or not answers.get(name, {}).get("result"):
            continue
        metric, column = name.split(": ")[0], number.removeprefix("sum__")
        files = f"read_parquet('{exports}/parquet/{metric}/*/*.parquet')"
        if "district" in condition and "district" not in {r[0] for r in con.sql(f"DESCRIBE FROM {files}").fetchall()}:
            continue
        [(want,)] = con.sql(f'SELECT sum("{column}")::DOUBLE FROM {files} WHERE {condition}').fetchall()
        said = [row[number] for row in answers[name]["result"][0]["data"]]
        held += 1
        if not math.isclose(sum(float(v or 0) for v in said), float(want or 0), rel_tol=1e-9):
            tried.wrong.append(f"{metric}.{column} where {condition}: the dashboard says {said}, Parquet {want}")
    if not held:
        tried.wrong.append(f"no total was held against Parquet where {condition}")
    tried.numbers += held
    return held


def _filtered(
    page: Page,
    place: str,
    names: dict[str, str],
    con: duckdb.DuckDBPyConnection,
    exports: Path,
    charts: list[dict[str, Any]],
    tried: Tried,
) -> None:
    """The same with both filters set, as a link that a person shares has them."""
    hourly = next(c["slice_name"].split(": ")[0] for c in charts if c["viz_type"] == "heatmap_v2")
    district = str(con.sql(f"SELECT min(district) FROM metrics.{hourly}").fetchall()[0][0])
    day = con.sql(f"SELECT quantile_disc(event_date, 0.6)::VARCHAR FROM metrics.{hourly}").fetchall()[0][0]
    following = con.sql(f"SELECT (DATE '{day}' + 1)::VARCHAR").fetchall()[0][0]
    span = f"{day}T00:00:00 : {following}T00:00:00"
    chosen = (
        f"(NATIVE_FILTER-days:(extraFormData:(time_range:'{span}'),filterState:(value:'{span}'),id:NATIVE_FILTER-days,ownState:()),"
        f"NATIVE_FILTER-district:(extraFormData:(filters:!((col:district,op:IN,val:!('{district}')))),"
        f"filterState:(label:'{district}',value:!('{district}')),id:NATIVE_FILTER-district,ownState:()))"
    )
    answers = _opened(page, f"{place}?native_filters={chosen}", names, tried, None)
    for name, answer in answers.items():
        _compare(con, name, answer, tried)
    held = _totals(con, exports, charts, answers, f"district = '{district}' AND event_date = DATE '{day}'", tried)
    print(time.strftime("%H:%M:%S"), f"filtered to {district} on {day}: {held} totals held against Parquet", flush=True)
