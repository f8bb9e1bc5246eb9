"""The map: every metric that leads to places is on it, its colours are DuckDB's numbers, and what is withheld is said."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import polars_h3
import pytest
import shapely

from assets.board.on_map import is_cell, opened, parents, placed
from assets.board.on_map_rows import cut
from assets.board.page import Board
from assets.board.pages import alerts, quality
from assets.board.pages import map as city_map
from assets.board.projection import box_of, corners, middle, projected, zoomed
from assets.board.shapes import cell_outlines, district_outlines, locate
from assets.board.standing import areas, places
from assets.exports.catalog import export
from schemas import registry
from schemas.lake import Lake
from tests.board.small_board import Seen, con, look, small_board  # noqa: F401  fixtures
from tests.board.small_city import AT, CITY, DETECTORS, OUTLINES, cell_of

CELL, PENTAGON = "891f1d4894bffff", "8009fffffffffff"


def test_rings_run_clockwise_and_what_is_no_cell_is_left_out() -> None:
    outlines = cell_outlines([CELL, "no cell", PENTAGON])
    assert outlines[1] is None
    for outline, sides in ((outlines[0], 6), (outlines[2], 5)):
        assert outline is not None
        ring = outline["coordinates"][0]
        assert not shapely.LinearRing(ring).is_ccw
        assert len({tuple(p) for p in ring}) == sides
    lat, lon = pl.select(polars_h3.cell_to_lat(pl.lit(CELL)), polars_h3.cell_to_lng(pl.lit(CELL)).alias("lon")).row(0)
    assert shapely.Polygon(outlines[0]["coordinates"][0]).contains(shapely.Point(lon, lat))  # type: ignore[index]


def test_outlines_are_simplified_together_and_keep_their_borders() -> None:
    angle = np.linspace(0, np.pi, 3000)
    upper = [(np.cos(a), np.sin(a) + 0.001 * np.sin(200 * a)) for a in angle]
    lower = [(-np.cos(a), -np.sin(a)) for a in angle]
    border = [(x, 0.01 * np.sin(40 * x)) for x in np.linspace(-1, 1, 1000)]
    halves = [shapely.Polygon([*upper, *border]).wkt, shapely.Polygon([*lower, *border[::-1]]).wkt]
    drawn = district_outlines([*halves, None, "POINT (1 1)", "rubbish"], points_at_most=400)
    assert drawn[2:] == [None, None, None]
    one, other = (shapely.geometry.shape(d) for d in drawn[:2])
    assert shapely.get_num_coordinates([one, other]).sum() <= 400
    assert one.intersection(other).area < 1e-4
    assert one.union(other).area == pytest.approx(np.pi, rel=0.02)
    assert district_outlines([]) == []


def test_points_are_located_in_the_first_area_that_holds_them() -> None:
    names, wkt = pl.Series(list(OUTLINES)), pl.Series(list(OUTLINES.values()))
    found = locate(pl.Series([52.5, 52.5, 0.0]), pl.Series([13.4, 13.46, 0.0]), names, wkt)
    assert found.to_list() == ["West", "East", None]


def test_a_map_is_fitted_to_its_box() -> None:
    import altair as alt
    import vl_convert

    box = box_of([(13.0, 52.0), (14.0, 53.0)])
    assert box is not None
    chart = alt.Chart(alt.NamedData("rows")).mark_circle().encode(longitude="lon:Q", latitude="lat:Q")
    spec = projected(chart, box).properties(width=400, height=300).to_dict()
    spec["datasets"] = {"rows": [{"lon": x, "lat": y} for x, y in ((13, 52), (14, 53), middle(box))]}
    marks = vl_convert.vegalite_to_svg(spec)
    at = [
        tuple(map(float, t.split(")")[0].split(","))) for t in marks.split('transform="translate(')[1:] if "," in t.split(")")[0]
    ]
    inside = [(x, y) for x, y in at if 0 < x <= 400 and 0 < y <= 300]
    assert any(x == pytest.approx(200, abs=0.5) and y == pytest.approx(150, abs=0.5) for x, y in inside)
    assert len(inside) >= 3  # the corners, too
    assert zoomed(box, box)["zoom"] == 1  # type: ignore[index]
    assert box_of([]) is None
    assert sorted(corners({"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]})) == [(1, 2), (3, 4)]


@pytest.mark.slow
def test_metrics_are_placed_by_what_their_keys_name(small_board: Path, con: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    stand = places(con, AT, CITY.h3_resolution)
    assert sorted(stand["id"]) == ["D1", "D2", "D3", "L1", "L2", "L3"]  # D4 says no place
    assert dict(stand.select("id", "h3_cell").iter_rows())["D1"] == cell_of(*DETECTORS["D1"][:2])
    known = frozenset(areas(con, AT)["id"])
    own = opened(con, stand)
    metrics = registry.metrics()
    found = {n: placed(own, c, known) for n, c in metrics.items()}
    assert found["traffic_hourly"].kinds == ("sensors",)  # type: ignore[union-attr]
    assert found["air_quality_hourly"].kinds == ("air_stations",)  # type: ignore[union-attr]
    assert found["bike_availability"].kinds == ("stations",)  # type: ignore[union-attr]
    assert found["hotspots"].cell == "m.h3_cell"  # type: ignore[union-attr]
    assert len(found["sensor_health_daily"].kinds) > 3  # type: ignore[union-attr]
    assert found["traffic_daily"] is None
    # lamps out at once: added up over places, one value a day
    rows = cut(own, metrics["streetlight_daily"], found["streetlight_daily"])  # type: ignore[arg-type]
    assert rows is not None
    column = f"p{rows.parts.index(('lamps_out', ''))}"
    west = rows.sums.filter(pl.col("district") == "West").group_by("day").agg(pl.col(column).sum()).sort("day")
    assert west[column].to_list() == [2, 1]


@pytest.mark.slow
def test_the_days_that_do_not_fit_are_left_out(con: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    own = opened(con, places(con, AT, CITY.h3_resolution))
    contract = registry.metrics()["traffic_hourly"]
    where = placed(own, contract, frozenset())
    assert where is not None
    whole, less = cut(own, contract, where), cut(own, contract, where, budget=1)
    assert whole is not None and less is not None
    assert whole.since is None
    assert less.since == date(2025, 3, 2)
    assert set(less.sums["day"]) == {date(2025, 3, 2)}


@pytest.mark.slow
def test_a_city_of_which_nothing_is_known_has_its_pages(lake: Lake) -> None:
    export(lake, CITY, at=AT)
    with duckdb.connect(str(lake.exports() / "citylake.duckdb"), read_only=True) as empty:
        board = Board(empty, {}, CITY, lake, AT)
        made = [page for one in (city_map, quality, alerts) for page in one.pages(board)]
    assert [p.path for p in made] == ["map.html", "quality.html", "alerts.html"]
    assert "No place is known yet" in made[0].body


def test_parents_hold_their_cells() -> None:
    cells = pl.Series([CELL])
    assert pl.DataFrame({"c": [CELL, "zz", PENTAGON]}).select(is_cell("c"))["c"].to_list() == [True, False, True]
    coarse = parents(cells, 7)
    children = pl.select(polars_h3.cell_to_children(pl.lit(coarse[0]), 9).explode().cast(pl.String))
    assert CELL in children.to_series().to_list()


Look = Callable[..., Seen]


def choose(seen: Seen, **choice: str) -> None:
    for name, value in choice.items():
        seen.page.select_option(f'#map-choice [name="{name}"]', value)


def told(seen: Seen, area: str = "district") -> dict[str, dict[str, str]]:
    seen.page.wait_for_timeout(300)
    return {r[area]: r for r in seen.rows("#map")}


@pytest.mark.slow
def test_colours_are_duckdbs_numbers(look: Look, con: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    seen = look("map/traffic_hourly.html")
    seen.drawn("#map")
    choose(seen, measure="volume_veh", level="district")
    expected = dict(con.sql("SELECT district, sum(volume_veh) FROM metrics.traffic_hourly GROUP BY 1").fetchall())
    assert {d: r["volume_veh"] for d, r in told(seen).items()} == {d: seen.said(v, "veh") for d, v in expected.items()}

    # a ratio is made of the rows that know both of its parts; days and district are those chosen
    choose(seen, measure="space_mean_speed_kmh")
    seen.page.fill("#filter-from", "2025-03-02")
    seen.page.select_option("#filter-district", "West")
    speed = con.sql(
        "SELECT sum(speed_weight) / sum(slowness_sum_h_km) FROM metrics.traffic_hourly "
        "WHERE event_date = '2025-03-02' AND district = 'West' AND speed_weight IS NOT NULL"
    ).fetchone()
    assert speed is not None
    assert {d: r["space_mean_speed_kmh"] for d, r in told(seen).items()} == {"West": seen.said(speed[0], "km/h")}


@pytest.mark.slow
def test_hexagons_hold_what_stands_in_them(look: Look, con: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    seen = look("map/traffic_hourly.html")
    seen.drawn("#map")
    choose(seen, measure="volume_veh", level="0")
    sums = dict(con.sql("SELECT sensor_id, sum(volume_veh) FROM metrics.traffic_hourly GROUP BY 1").fetchall())
    expected: dict[str, float] = {}
    for detector, (lat, lon, _) in DETECTORS.items():
        cell = cell_of(lat, lon)
        if cell:
            expected[cell] = expected.get(cell, 0) + sums[detector]
    assert {c: r["volume_veh"] for c, r in told(seen, "hexagon").items()} == {c: seen.said(v, "veh") for c, v in expected.items()}
    assert "4 rows say no place" in seen.text("#map-said")
    # words: the most frequent
    choose(seen, measure="level_of_service")
    assert sorted(r["level_of_service"][0] for r in told(seen, "hexagon").values()) == sorted(
        "C" if c == cell_of(*DETECTORS["D3"][:2]) else "A" for c in expected
    )


@pytest.mark.slow
def test_what_is_withheld_is_hatched_and_said(look: Look, con: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    withheld = {d for (d,) in con.sql("SELECT district FROM metrics.crash_severity WHERE release = 'suppressed'").fetchall()}
    assert withheld == {"East", "West"}
    seen = look("map/crash_severity.html")
    seen.drawn("#map")
    choose(seen, measure="n")
    rows = told(seen)
    assert {d for d, r in rows.items() if r["n"] == "withheld"} == withheld
    assert rows["North"]["n"] == "60"
    hatched = "ps => ps.filter((p) => getComputedStyle(p).fill.includes('#withheld')).length"
    assert seen.page.locator("#map svg.marks path").evaluate_all(hatched) == 2
    assert "2 rows of this choice are withheld" in seen.text("#map-withheld")
    # a number that a row withholds which is told
    listed = con.sql(
        "SELECT district, string_split(withheld_columns, ',') FROM metrics.crash_severity WHERE release = 'published'"
    )
    ((district, gone),) = listed.fetchall()
    assert district == "North"
    assert "possible_crashes" in gone
    choose(seen, measure="possible_crashes")
    assert {r["possible_crashes"] for r in told(seen).values()} == {"withheld"}
    assert "3 rows of this choice are withheld, or withhold this number" in seen.text("#map-withheld")


@pytest.mark.slow
def test_the_map_moves_and_shows_a_district(look: Look, small_board: Path) -> None:  # noqa: F811
    seen = look("map.html")
    seen.drawn("#map")
    seen.page.click('[data-move="in"]')
    seen.page.wait_for_selector('#map[data-zoom="1.5"]')
    seen.page.click('[data-move="east"]')
    seen.page.click('[data-move="whole"]')
    seen.page.wait_for_selector('#map[data-zoom="1"]')
    seen.page.select_option("#filter-district", "East")
    seen.page.wait_for_function("() => Number(document.getElementById('map').dataset.zoom) > 1.5")
    before = seen.page.locator("#map").get_attribute("data-rows")
    seen.page.click('#map-kinds [name="lamps"]')
    seen.page.wait_for_function("b => document.getElementById('map').dataset.rows !== b", arg=before)
    # the choice goes along to other maps
    seen.page.click("text=crash_severity")
    seen.page.wait_for_url("**/map/crash_severity.html#district=East")
    seen.drawn("#map")


@pytest.mark.slow
def test_every_map_opens_without_complaint(look: Look, small_board: Path) -> None:  # noqa: F811
    found = sorted(p.name for p in (small_board / "board" / "map").glob("*.html"))
    assert found == ["crash_severity.html", "sensor_health_daily.html", "streetlight_daily.html", "traffic_hourly.html"]
    for name in found:
        seen: Any = look(f"map/{name}")
        seen.drawn("#map")
