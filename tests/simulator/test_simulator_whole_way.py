"""Simulated cities go the whole way through the lake; what comes out is the truth wherever no fault destroyed it."""

import importlib.util
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from dagster_project import settings, way
from pipelines.simulator import simulate
from pipelines.simulator.simulation import FEEDS
from schemas import ledger
from schemas.city import City
from schemas.registry import feeds

pytestmark = pytest.mark.slow

_spec = importlib.util.spec_from_file_location("accuracy", Path(__file__).parents[2] / "benchmarks" / "accuracy.py")
accuracy = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(accuracy)


@pytest.fixture(scope="module", params=[date(2026, 5, 1), date(2026, 10, 24)], ids=["usual", "clocks go back"])
def built(request, tmp_path_factory):
    made = simulate(tmp_path_factory.mktemp("city"), City("Demo City", "Europe/Berlin"), request.param, 2, 24_000, 4)
    loaded = settings.load(made.settings)
    way.load_references(loaded)
    way.land(loaded)
    way.build(loaded, gates=False)
    return made, loaded.lake


def test_every_metric_is_true_where_nothing_was_destroyed_and_near_elsewhere(built):
    made, lake = built
    rows = accuracy.accuracy(lake, made.truth)
    assert {r["metric"] for r in rows} == set(accuracy.BOUNDS)
    assert [r for r in rows if not r["met"]] == []


@pytest.mark.parametrize("feed", FEEDS)
def test_refined_holds_exactly_the_keys_that_survive_and_the_books_agree(built, feed):
    made, lake = built
    contract = feeds()[feed]
    # of tables that are published whole every version is kept
    key = [*contract.key, *(("valid_from",) if contract.kind == "snapshots" else ())]
    told = pl.read_parquet(made.truth / "keys" / feed / "*.parquet").filter("is_refined").select(key)
    refined = lake.scan("refined", feed).select(key).collect()
    assert refined.height == told.height
    assert told.join(refined, on=key, how="anti").height == 0
    lines = ledger.lines(lake).filter(pl.col("feed") == feed)
    landed, settled = (lines.filter(pl.col("stage") == s) for s in ("land", "refine"))
    books = {k: landed[k].sum() for k in ("taken", "rejected")} | {k: settled[k].sum() for k in ("repeated", "superseded")}
    assert books == {"rejected": 0, "repeated": 0, "superseded": 0} | made.books[feed]


def test_a_city_without_faults_is_measured_exactly_but_for_what_is_polled(tmp_path):
    made = simulate(tmp_path, City("Demo City", "Europe/Berlin"), date(2026, 5, 4), 1, 24_000, 5, faults=None)
    loaded = settings.load(made.settings)
    way.load_references(loaded)
    way.land(loaded)
    way.build(loaded, gates=False)
    rows = accuracy.accuracy(loaded.lake, made.truth)
    assert {r["metric"] for r in rows} == set(accuracy.BOUNDS)
    assert [r for r in rows if not r["met"]] == []
    assert {r["metric"] for r in rows if r["exact_share"] != 1.0} <= set(accuracy.SAMPLED)


def _cells(measured: list[float | None], damaged: list[int]) -> pl.DataFrame:
    return pl.DataFrame({"x": [10.0, 20.0, 30.0], "x_measured": measured, "n": 100, "damaged_n": damaged})


@pytest.mark.parametrize(
    ("measured", "damaged", "met"),
    [
        ([10.0, 20.0, 30.0], [0, 0, 0], True),
        ([10.0, 20.001, 30.0], [0, 0, 0], False),
        ([10.0, None, 30.0], [0, 0, 0], False),
        ([10.0, 22.0, 30.0], [0, 5, 0], True),
        ([10.0, 40.0, 30.0], [0, 5, 0], False),
        ([10.0, 90.0, 30.0], [0, 50, 0], True),
    ],
)
def test_a_wrong_cell_is_found(measured, damaged, met):
    assert accuracy.compare(_cells(measured, damaged), "m", "x", bound=0.3)["met"] is met
