"""A town with a name that would break a careless page, its board written once, and a Chromium that reads it.

What is asked of the pages belongs to the tests.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from assets.board.site import write_board
from assets.exports.catalog import export
from schemas.lake import Lake
from schemas.registry import metrics
from tests.good_rows import CITY, good_rows, put

HOSTILE = """<script>alert(1)</script> "o'clock" & </title>"""
NASTY = """<img src=x onerror="alert('district')">'; DROP TABLE x"""
DISTRICTS = ("North", "South", NASTY)
TOWN = replace(CITY, name=HOSTILE)
DAYS = [date(2025, 3, 29) + timedelta(days=n) for n in range(3)]  # the clocks go forward on the second of them
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def hours(day: date) -> pl.DataFrame:
    """A detector in each district, every hour of a day; the first hours of the first one are not covered."""
    contract = metrics()["traffic_hourly"]
    start, end = CITY.day_start(day), CITY.day_start(day + timedelta(days=1))
    count = round((end.timestamp() - start.timestamp()) / 3600)
    frame = good_rows(contract, "metrics", day, count * len(DISTRICTS)).with_row_index("i")
    hour, place = pl.col("i") // len(DISTRICTS), pl.col("i") % len(DISTRICTS)
    at = pl.lit(start).dt.convert_time_zone("UTC").dt.cast_time_unit("us") + pl.duration(hours=hour)
    covered = ~((hour < 4) & (place == 0))
    return frame.with_columns(
        sensor_id=pl.lit("d") + place.cast(pl.String),
        road=pl.when(place == 0).then(pl.lit("Ring")).otherwise(pl.lit("Quay")),
        district=place.replace_strict(dict(enumerate(DISTRICTS)), return_dtype=pl.String),
        bin_at=at,
        local_time=CITY.local(at),
        coverage_share=pl.when(covered).then(1.0).otherwise(0.25),
        volume_veh=(100 + 10 * hour + 7 * place).cast(pl.Float64),
        speed_weight=pl.when(covered).then((90 + 9 * hour + 5 * place).cast(pl.Float64)),
        # of rows that are not covered only one of the two parts is known
        slowness_sum_h_km=(3 + hour / 7 + place).cast(pl.Float64),
        space_mean_speed_kmh=pl.when(covered).then((90 + 9 * hour + 5 * place) / (3 + hour / 7 + place)),
        null_reason=pl.when(~covered).then(pl.lit("low_coverage")),
    ).drop("i")


def responses(day: date) -> pl.DataFrame:
    """Responses in each district; so few in the last one that it cannot be told, and one day so few turnouts that none are."""
    contract = metrics()["response_times_daily"]
    frame = good_rows(contract, "metrics", day, 6).with_row_index("i")
    many = {0: 40, 1: 60, 2: 50, 3: 70, 4: 2, 5: 3}
    n = pl.col("i").replace_strict(many, return_dtype=pl.Int64)
    counts = [c.name for c in contract.columns if c.name.endswith("_n")]
    within = [c for c in counts if "within" in c]
    few = {"turnout_n": 2, "turnout_within_n": 1} if day == DAYS[0] else {}
    return frame.with_columns(
        district=(pl.col("i") // 2).replace_strict(dict(enumerate(DISTRICTS)), return_dtype=pl.String),
        priority=pl.when(pl.col("i") % 2 == 0).then(pl.lit("P1")).otherwise(pl.lit("P2")),
        n=n,
        **{c: pl.lit(few[c], pl.Int64) if c in few else n // 2 if c in within else n for c in counts},
        **{c.name: pl.lit(0.5) for c in contract.columns if c.name.endswith("_within_share")},
        **{f"{p}_p50_s": 60.0 + 5 * pl.col("i") for p in ("turnout", "travel", "total")},
        null_reason=pl.lit(None, pl.String),
    ).drop("i")


def lamps(day: date) -> pl.DataFrame:
    """Lamps out, which add up over districts and not over days."""
    contract = metrics()["streetlight_district_daily"]
    frame = good_rows(contract, "metrics", day, len(DISTRICTS)).with_row_index("i")
    return frame.with_columns(
        district=pl.col("i").replace_strict(dict(enumerate(DISTRICTS)), return_dtype=pl.String),
        lamps=pl.lit(100),
        lamps_out=pl.col("i").cast(pl.Int64) + day.day,
    ).drop("i")


MADE = {"traffic_hourly": hours, "response_times_daily": responses, "streetlight_district_daily": lamps}


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with rows of every metric, exported."""
    lake = Lake(tmp_path_factory.mktemp("town") / "a lake")
    for name, contract in metrics().items():
        for day in DAYS if contract.period == "day" else [DAYS[0].replace(day=1)]:
            put(lake, contract, "metrics", MADE.get(name, lambda d, c=contract: good_rows(c, "metrics", d, 8))(day), day)
    export(lake, TOWN)
    return lake


@pytest.fixture(scope="session")
def file(town: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """The exported DuckDB file, which pages must agree with."""
    with duckdb.connect(str(town.exports() / "citylake.duckdb"), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


@pytest.fixture(scope="session")
def board(town: Lake) -> Path:
    """The folder of the board."""
    return Path(write_board(town, TOWN, town.exports())["board"])


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, headless. While it runs, this thread has a running event loop: it ends with each file of tests."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page in which no script may fail, and which may ask for nothing but files of this machine."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    made = context.new_page()
    wrong: list[str] = []

    def asked(dialog: Any) -> None:
        wrong.append(f"{made.url}: dialog {dialog.message}")
        dialog.dismiss()

    made.on("console", lambda m: wrong.append(f"{made.url}: {m.text}") if m.type == "error" else None)
    made.on("pageerror", lambda e: wrong.append(f"{made.url}: {e}"))
    made.on("dialog", asked)
    allowed = ("file://", "data:", "http://127.0.0.1:")
    made.on("request", lambda r: None if r.url.startswith(allowed) else wrong.append(f"asked for {r.url}"))
    # what a page still asks for when it is left is aborted
    made.on("requestfailed", lambda r: None if r.failure == "net::ERR_ABORTED" else wrong.append(f"failed {r.url}: {r.failure}"))
    yield made
    context.close()
    assert not wrong, wrong
