"""Real 911 calls of a county, in four districts that this test draws: repeats, districts by outline, rates, hot spots."""

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import polars_h3 as h3
import pytest

from dagster_project import settings, way
from schemas import ledger
from tests.integration import chosen
from tests.integration.chosen import DATA, Query

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")]

TOML = """
[city]
name = "A county of 911 calls"
time_zone = "America/New_York"
h3_resolution = 7
[lake]
root = "lake"
[reference]
districts = {{ uri = "districts.geojson", format = "geojson" }}
thresholds = "thresholds.csv"
[feeds.emergency_calls.sources.montgomery]
uri = "{uri}"
format = "csv"
header = false
time_zone = "America/New_York"
[feeds.emergency_calls.sources.montgomery.columns]
incident_id = {{ from = ["column_1", "column_2", "column_3", "column_4", "column_5", "column_6"], hash = true }}
call_type = {{ from = "column_3", pattern = "^([A-Za-z]+):" }}
received_at = "column_4"
lat = "column_1"
lon = "column_2"
"""
MIDDLE = (-75.3, 40.15)
WEST, EAST, SOUTH, NORTH = -75.75, -75.0, 39.95, 40.45
DRAWN = {"sw": (WEST, SOUTH), "se": (EAST, SOUTH), "ne": (EAST, NORTH), "nw": (WEST, NORTH)}
PEOPLE = {"sw": 200_000, "se": 350_000, "ne": 90_000}


def drawn() -> str:
    """Four districts that meet in one point; of the north-west nobody knows how many live there."""
    features = []
    for name, (lon, lat) in DRAWN.items():
        ring = [MIDDLE, (lon, MIDDLE[1]), (lon, lat), (MIDDLE[0], lat), MIDDLE]
        said = {"name": name.upper(), "population": PEOPLE.get(name)}
        features.append(
            {"type": "Feature", "id": name, "properties": said, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        )
    return json.dumps({"type": "FeatureCollection", "features": features})


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    folder: Path = tmp_path_factory.mktemp("dispatch")
    (folder / "districts.geojson").write_text(drawn())
    # the file is a sample of one day in each month but the last: rates are shown for it all the same
    (folder / "thresholds.csv").write_text("name,value,unit,source,edition\ncoverage_min_share,0.03,share,this test,2026\n")
    (folder / "citylake.toml").write_text(TOML.format(uri=DATA / "montco_911" / "*.csv"))
    real = settings.load(folder / "citylake.toml")
    way.load_references(real)
    assert [r for one in way.land(real) for r in one.refused] == []
    assert way.build(real).blocked == set()
    return real


@pytest.fixture(scope="module")
def query(city: settings.Settings) -> Query:
    return chosen.query(city)


def test_exact_duplicates_are_repeats(city: settings.Settings) -> None:
    books = ledger.balance(city.lake)
    assert books["off_by"].sum() == 0
    refined = books.filter((pl.col("feed") == "emergency_calls") & (pl.col("stage") == "refine"))
    assert refined.select(pl.col("taken", "kept", "repeated", "superseded").sum()).rows() == [(3051, 3040, 11, 0)]


def test_every_call_is_in_the_quarter_it_lies_in(query: Query) -> None:
    x, y = MIDDLE
    quarter = f"CASE WHEN lat < {y} THEN 's' ELSE 'n' END || CASE WHEN lon < {x} THEN 'w' ELSE 'e' END"
    wrong = query(f"SELECT count(*) FROM refined_emergency_calls WHERE district <> {quarter} AND lat <> {y} AND lon <> {x}")
    assert wrong == [(0,)]
    assert query("SELECT count(DISTINCT district), count(*) FILTER (district = 'unknown') FROM refined_emergency_calls") == [
        (4, 0)
    ]


def test_rates_are_the_calls_over_the_people(query: Query) -> None:
    kinds = query("SELECT call_type, sum(n) FROM metrics_incident_rates WHERE area_kind = 'district' GROUP BY 1 ORDER BY 1")
    assert dict(kinds)["all"] == 3040 == sum(n for t, n in kinds if t != "all")
    assert query("SELECT sum(n) FROM metrics_incident_rates WHERE area_kind = 'h3_cell'") == [(3040,)]
    rows = query(
        "SELECT area, n, population, incidents_per_10000, null_reason FROM metrics_incident_rates "
        "WHERE area_kind = 'district' AND call_type = 'all'"
    )
    assert len(rows) == 4 * 33
    for area, n, population, rate, reason in rows:
        assert population == PEOPLE.get(area)
        assert reason == (None if population else "no_population")
        assert rate == (pytest.approx(n * 10000 / population) if population else None)


def test_hot_spots_of_the_fullest_month_are_pysals(query: Query) -> None:
    esda, libpysal = pytest.importorskip("esda"), pytest.importorskip("libpysal")
    rows = query(
        "SELECT h3_cell, n, z_score, p_value, q_value, verdict, health_share FROM metrics_hotspots "
        "WHERE event_date = DATE '2018-11-01' ORDER BY h3_cell"
    )
    cells, counts = [r[0] for r in rows], np.array([r[1] for r in rows], float)
    assert counts.sum() == query("SELECT count(*) FROM refined_emergency_calls WHERE event_date >= DATE '2018-11-01'")[0][0]
    assert len(cells) > 400 and {r[6] for r in rows} == {1.0}
    near = pl.DataFrame({"c": cells}).select("c", d=h3.grid_disk("c", 1)).rows()
    weights = libpysal.weights.W({c: [d for d in ds if d in set(cells)] for c, ds in near}, id_order=cells, silence_warnings=True)
    again = esda.G_Local(counts, weights, transform="B", star=None, permutations=0)
    np.testing.assert_allclose([r[2] for r in rows], again.Zs, rtol=1e-9)
    np.testing.assert_allclose([r[3] for r in rows], 2 * again.p_norm, rtol=1e-6, atol=1e-12)
    limit = esda.fdr(2 * again.p_norm, 0.05)
    assert {r[5] for r in rows} >= {"hot", "none"}
    for _, _, z, p, q, verdict, _ in rows:
        assert (verdict != "none") == (p <= limit) == (q <= 0.05), (z, p, q)
    assert math.isclose(max(r[2] for r in rows), float(again.Zs.max()), rel_tol=1e-9)


def test_no_unit_is_told_so_no_response_time_is(query: Query) -> None:
    assert query("SELECT sum(n), count(total_p50_s), list(DISTINCT null_reason) FROM metrics_response_times_monthly") == [
        (3040, 0, ["no_arrival"])
    ]


def test_the_same_again_changes_nothing(city: settings.Settings) -> None:
    before = {t: city.lake.open(*t).version() for t in city.lake.tables()}
    assert sum(one.files for one in way.land(city)) == 0
    assert way.build(city).refined == []
    assert {t: city.lake.open(*t).version() for t in city.lake.tables()} == before
