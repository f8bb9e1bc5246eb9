"""Maps of places and cells: read by geopandas, DuckDB and pyarrow, right-handed, cut at the antimeridian, nothing of people."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import geopandas
import numpy as np
import polars as pl
import polars_h3
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from assets.duck import connect
from assets.exports import shapes
from assets.exports.catalog import export
from assets.exports.places import layers, write_places
from assets.exports.snapshot import snapshot
from schemas.contract import Contract
from schemas.lake import Lake
from schemas.registry import metrics, references, table_contracts
from tests.good_rows import CITY, DAY, good_rows, put

DEVICES = next(c for c in references().values() if "lat" in c and "lon" in c and len(c.key) == 2)
AREAS = next(c for c in references().values() if "polygon_wkt" in c)
CELLS = next(c for c in metrics().values() if "h3_cell" in c)
KINDS = next(c for c in metrics().values() if "area_kind" in c)
AT = datetime(2025, 4, 1, tzinfo=UTC)
OLD, NEW, LATER = (datetime(y, 1, 1, tzinfo=UTC) for y in (2020, 2024, 2030))
CELL = "891f1d4a803ffff"


def refer(lake: Lake, contract: Contract, rows: Sequence[dict[str, Any]], stem: str = "a") -> None:
    """Make rows the whole of a reference table; what they leave out is as in good rows."""
    frame = good_rows(contract, "reference", rows=len(rows))
    said = pl.DataFrame([{c: r.get(c) for c in {k for x in rows for k in x}} for r in rows], infer_schema_length=None)
    frame = frame.with_columns(said[c].cast(frame.schema[c]) for c in said.columns)
    part = lake.write_part("reference", contract.name, None, stem, frame)
    lake.replace_table("reference", contract.name, contract.arrow_schema("reference"), part)


def written(lake: Lake, folder: Path, before: Any = None, at: datetime = AT) -> dict[str, dict[str, Any]]:
    with connect(lake) as con:
        return {p["table"]: p for p in write_places(con, folder, snapshot(lake), before, at)}


def area(ring: Sequence[Sequence[float]]) -> float:
    """Twice the signed area by the shoelace formula: positive is counter-clockwise."""
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring))


def polygons(geometry: dict[str, Any]) -> list[list[list[list[float]]]]:
    return geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]


def keeps_rfc_7946(geometry: dict[str, Any]) -> None:
    for rings in polygons(geometry):
        for place, ring in enumerate(rings):
            assert ring[0] == ring[-1]
            assert len(ring) >= 4
            assert (area(ring) > 0) is (place == 0), "outer rings counter-clockwise, holes clockwise"
            assert all(-180 <= x <= 180 and -90 <= y <= 90 for x, y in ring)
            assert all(abs(a[0] - b[0]) <= 180 for a, b in pairwise(ring) if {abs(a[1]), abs(b[1])} != {90}), "but along a pole"
            assert all(round(v, 7) == v for at in ring for v in at)


def test_devices_as_they_are_now(lake: Lake, tmp_path: Path) -> None:
    name = DEVICES.key[0]
    rows = [
        {name: "moved", "valid_from": OLD, "lat": 52.1, "lon": 13.1},
        {name: "moved", "valid_from": NEW, "lat": 52.51234567891, "lon": 13.41234567891},
        {name: "moved", "valid_from": LATER, "lat": 1.0, "lon": 1.0},
        {name: "nowhere", "valid_from": OLD, "lat": None, "lon": 13.0},
        {name: 'a "b"\n\\', "valid_from": OLD, "lat": -90.0, "lon": 180.0},
    ]
    refer(lake, DEVICES, rows)
    said = written(lake, tmp_path)[f"reference.{DEVICES.name}"]
    assert (said["features"], said["without_place"]) == (2, 1)
    told = json.loads((tmp_path / said["files"]["geojson"]).read_text("utf-8"))
    assert (told["type"], told["name"], told["description"]) == ("FeatureCollection", DEVICES.name, DEVICES.doc)
    assert "crs" not in told, "RFC 7946, 4: always WGS 84"
    found = {f["id"]: f for f in told["features"]}
    assert found["moved"]["geometry"] == {"type": "Point", "coordinates": [13.4123457, 52.5123457]}
    assert found["moved"]["properties"]["valid_from"] == "2024-01-01T00:00:00Z"
    assert found['a "b"\n\\']["geometry"]["coordinates"] == [180.0, -90.0]
    assert not {"lat", "lon"} & set(found["moved"]["properties"])


def test_other_readers_read_the_same(lake: Lake, tmp_path: Path) -> None:
    name = DEVICES.key[0]
    refer(lake, DEVICES, [{name: f"d{n}", "valid_from": OLD, "lat": 52 + n / 10, "lon": 13 + n / 10} for n in range(5)])
    said = written(lake, tmp_path)[f"reference.{DEVICES.name}"]
    paths = {kind: tmp_path / file for kind, file in said["files"].items()}
    one, two = geopandas.read_parquet(paths["parquet"]), geopandas.read_file(paths["geojson"])
    assert one.crs.equals("OGC:CRS84")
    assert two.crs == "EPSG:4326"
    assert one.to_crs(two.crs).geometry.geom_equals_exact(two.geometry, 1e-9).all()
    assert list(one[name]) == list(two[name]) == [f"d{n}" for n in range(5)]
    with duckdb.connect() as con:
        rows = con.sql(f"SELECT {name}, bbox.xmin, bbox.ymax FROM read_parquet('{paths['parquet']}') ORDER BY 1").fetchall()
    assert rows == [(f"d{n}", 13 + n / 10, 52 + n / 10) for n in range(5)]
    meta = json.loads(pq.read_metadata(paths["parquet"]).metadata[b"geo"])
    column = meta["columns"][meta["primary_column"]]
    assert (meta["version"], column["encoding"], column["geometry_types"]) == ("1.1.0", "WKB", ["Point"])
    assert column["bbox"] == [13.0, 52.0, 13.4, 52.4]
    assert column["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    assert "crs" not in column
    field = pq.read_schema(paths["parquet"]).field("valid_from")
    assert field.metadata[b"doc"].decode() == DEVICES["valid_from"].doc
    north = geopandas.read_parquet(paths["parquet"], bbox=(13.15, 52, 14, 53))
    assert list(north[name]) == ["d2", "d3", "d4"]


OUTLINES = {
    "clockwise": "POLYGON ((13 52, 13 53, 14 53, 14 52, 13 52))",
    "hole": "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1))",
    "many": "MULTIPOLYGON (((0 0, 0 1, 1 1, 1 0, 0 0)), ((5 5, 6 5, 6 6, 5 6, 5 5)))",
    "height": "POLYGON Z ((13 52 7, 13 53 7, 14 53 7, 13 52 7))",
    "bow": "POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))",
    "fiji": "POLYGON ((179 -18, -179 -18, -179 -16, 179 -16, 179 -18))",
    "beyond": "POLYGON ((179 -18, 181 -18, 181 -16, 179 -16, 179 -18))",
    "fiji_hole": "POLYGON ((178 -19, -178 -19, -178 -15, 178 -15, 178 -19), (179 -18, -179 -18, -179 -16, 179 -16, 179 -18))",
    "pole": "POLYGON ((0 80, 90 80, 180 80, -90 80, 0 80))",
    "south": "POLYGON ((0 -80, -90 -80, 180 -80, 90 -80, 0 -80))",
}
AREA = {
    "clockwise": 1,
    "hole": 15,
    "many": 2,
    "height": 0.5,
    "bow": 2,
    "fiji": 4,
    "beyond": 4,
    "fiji_hole": 12,
    "pole": 3600,
    "south": 3600,
}


def test_outlines_are_right_handed_valid_and_cut(lake: Lake, tmp_path: Path) -> None:
    name = AREAS.key[0]
    rows = [{name: k, "valid_from": OLD, "polygon_wkt": w} for k, w in (OUTLINES | {"none": "POLYGON ((0 0, 1))"}).items()]
    refer(lake, AREAS, [*rows, {name: "empty", "valid_from": OLD, "polygon_wkt": None}])
    said = written(lake, tmp_path)[f"reference.{AREAS.name}"]
    assert (said["features"], said["without_place"]) == (len(OUTLINES), 2)
    for feature in json.loads((tmp_path / said["files"]["geojson"]).read_text("utf-8"))["features"]:
        keeps_rfc_7946(feature["geometry"])
        sizes = [sum(area(ring) for ring in rings) / 2 for rings in polygons(feature["geometry"])]
        assert sum(sizes) == pytest.approx(AREA[feature["id"]]), feature["id"]
    frame = geopandas.read_parquet(tmp_path / said["files"]["parquet"])
    assert frame.is_valid.all()
    assert not frame.has_z.any()


def cell_rows(contract: Contract, cells: Sequence[str], day: date, **said: Any) -> pl.DataFrame:
    frame = good_rows(contract, "metrics", day, len(cells))
    column = "h3_cell" if "h3_cell" in contract else "area"
    return frame.with_columns(pl.Series(column, cells), *(pl.lit(v).cast(frame.schema[c]).alias(c) for c, v in said.items()))


def test_cells_of_the_last_release_alone(lake: Lake, tmp_path: Path) -> None:
    near = pl.DataFrame({"c": [CELL]}).select(polars_h3.grid_disk("c", 1)).to_series().explode().to_list()
    for month, n in ((2, 50), (3, 60)):
        put(lake, CELLS, "metrics", cell_rows(CELLS, [*near, "no cell"], date(2025, month, 1), area_n=n), date(2025, month, 1))
    mixed = cell_rows(KINDS, [CELL, "North"], DAY, n=40).with_columns(pl.Series("area_kind", ["h3_cell", "district"]))
    put(lake, KINDS, "metrics", mixed)
    catalog = export(lake, CITY, tmp_path, AT)
    said = {p["table"]: p for p in catalog["places"]}
    cells = said[f"metrics.{CELLS.name}"]
    assert cells["files"]["geojson"] == f"places/cells/{CELLS.name}.geojson"
    assert (cells["features"], cells["without_place"]) == (7, 1)
    told = json.loads((tmp_path / cells["files"]["geojson"]).read_text("utf-8"))
    for feature in told["features"]:
        keeps_rfc_7946(feature["geometry"])
        middle = shapely.geometry.shape(feature["geometry"]).centroid
        back = pl.DataFrame({"y": [middle.y], "x": [middle.x]}).select(
            polars_h3.latlng_to_cell("y", "x", 9, return_dtype=pl.String)
        )
        assert back.item() == feature["properties"]["h3_cell"]
        assert feature["properties"]["event_date"] == "2025-03-01"
        assert "_cells" not in feature["properties"]
    kinds = said[f"metrics.{KINDS.name}"]
    assert (kinds["features"], kinds["without_place"]) == (1, 0)


def test_withheld_cells_tell_nothing(lake: Lake, tmp_path: Path) -> None:
    put(lake, KINDS, "metrics", cell_rows(KINDS, [CELL], DAY, area_kind="h3_cell", n=3, population=777.0))
    said = {p["table"]: p for p in export(lake, CITY, tmp_path, AT)["places"]}[f"metrics.{KINDS.name}"]
    feature = json.loads((tmp_path / said["files"]["geojson"]).read_text("utf-8"))["features"][0]["properties"]
    assert (feature["release"], feature["n"], feature["population"]) == ("suppressed", None, None)


def test_no_place_of_an_event_is_drawn(lake: Lake) -> None:
    """Feeds have places, and refined ones cells: none of them leaves this way."""
    for name, contract in table_contracts().items():
        layer = name.split(".")[0]
        if layer in ("raw", "refined") and "lat" in contract:
            put(lake, contract, layer, good_rows(contract, layer))
    assert layers(snapshot(lake)) == []


@pytest.mark.parametrize("harm", ["nothing", "rows", "cut", "gone", "catalog", "time"])
def test_only_what_changed_is_written(lake: Lake, tmp_path: Path, harm: str) -> None:
    name = DEVICES.key[0]
    rows = [{name: "a", "valid_from": OLD, "lat": 1.0, "lon": 2.0}, {name: "a", "valid_from": LATER, "lat": 1.0, "lon": 3.0}]
    refer(lake, DEVICES, rows)
    before = list(written(lake, tmp_path).values())
    path = tmp_path / before[0]["files"]["geojson"]
    os.utime(path, ns=(1, 1))
    at = AT
    if harm == "rows":
        refer(lake, DEVICES, [*rows, {name: "b", "valid_from": OLD, "lat": 1.0, "lon": 2.0}], "b")
    elif harm == "cut":
        (tmp_path / before[0]["files"]["parquet"]).write_bytes(b"")
    elif harm == "gone":
        path.unlink()
    elif harm == "catalog":
        before = "nonsense"  # type: ignore[assignment]
    elif harm == "time":
        at = datetime(2031, 1, 1, tzinfo=UTC)
    said = written(lake, tmp_path, before, at)[f"reference.{DEVICES.name}"]
    assert (path.stat().st_mtime_ns == 1) is (harm == "nothing")
    assert json.loads(path.read_text())["features"][0]["geometry"]["coordinates"] == [3.0 if harm == "time" else 2.0, 1.0]
    fresh = written(lake, tmp_path / "fresh", None, at)[f"reference.{DEVICES.name}"]
    assert said == fresh
    for file in said["files"].values():
        assert (tmp_path / file).read_bytes() == (tmp_path / "fresh" / file).read_bytes()


def test_maps_of_tables_that_are_gone_are_removed(lake: Lake, tmp_path: Path) -> None:
    refer(lake, DEVICES, [{DEVICES.key[0]: "a", "valid_from": OLD, "lat": 1.0, "lon": 2.0}])
    written(lake, tmp_path)
    mine = tmp_path / "places" / "mine.geojson"
    mine.write_text("mine")
    assert written(Lake(tmp_path / "empty"), tmp_path) == {}
    assert [p.name for p in (tmp_path / "places").rglob("*") if p.is_file()] == ["mine.geojson"]


@given(st.floats(-90, 90), st.floats(-180, 180), st.integers(0, 15))
def test_every_cell_of_the_earth_is_drawn_right(lat: float, lon: float, resolution: int) -> None:
    place = pl.DataFrame({"lat": [lat], "lon": [lon]})
    cell = place.select(polars_h3.latlng_to_cell("lat", "lon", resolution, return_dtype=pl.String)).to_series()
    shape = shapes.cells(cell)[0]
    assert shape.is_valid
    keeps_rfc_7946(json.loads(shapely.to_geojson(shape)))
    x, y = (lon + 180) % 360 - 180, lat
    middle = place.select(polars_h3.cell_to_latlng(pl.lit(cell[0]))).to_series()[0]
    assert shape.buffer(1e-6).intersects(shapely.Point((middle[1] + 180) % 360 - 180, middle[0]))
    size = np.sqrt(shape.area)
    near = min(shape.distance(shapely.Point(x + turn, y)) for turn in (-360, 0, 360))
    assert near <= 0.2 * size, "edges of cells are arcs on the earth and straight on the map"
