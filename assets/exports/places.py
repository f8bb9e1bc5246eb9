"""Maps for other tools: places/<table>.geojson and .parquet (GeoParquet) of what stands or lies somewhere, and of H3 cells.

Reference tables with coordinates or outlines, each device and area as it is now; and metrics by H3 cell, in
places/cells/<metric>, their last day or month. Which these are is told by columns of the contracts. Places of events stay in
the lake, and of metrics there is what was released. Shapes are made in `assets.exports.shapes`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from assets.duck import aligned, quoted
from assets.exports import shapes
from assets.exports.aside import aside
from assets.exports.csv import as_text
from assets.exports.parquet import described
from assets.exports.snapshot import Table, combined
from assets.refine.places import OUTLINE

FOLDER, CELL, SINCE = "places", "h3_cell", "valid_from"
FORM = "1"
"""Changes when the same rows would be written otherwise."""
GEOMETRY, BOX = "geometry", ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class Layer:
    """A table that can be drawn.

    Attributes:
        cell: the column with its H3 cells, of a metric.
        kind: the column that says whether `cell` is one in a row.
    """

    table: Table
    cell: str | None = None
    kind: str | None = None

    @property
    def stem(self) -> str:
        """Its files within the folder of exports, without their endings."""
        return f"{FOLDER}/cells/{self.table.name}" if self.cell else f"{FOLDER}/{self.table.name}"


def layers(tables: Sequence[Table]) -> list[Layer]:
    """The tables that can be drawn and have rows."""
    out = []
    for table in tables:
        names = {c.name for c in table.columns}
        if table.layer == "reference" and ({"lat", "lon"} <= names or OUTLINE in names):
            out.append(Layer(table))
        elif table.layer == "metrics" and table.files:
            last = max(f.event_date for f in table.files if f.event_date)
            newest = replace(table, files=tuple(f for f in table.files if f.event_date == last))
            kinds = [c.name for c in table.columns if CELL in (c.allowed or ()) and c.name.removesuffix("_kind") in names]
            if CELL in names:
                out.append(Layer(newest, CELL))
            elif kinds:
                out.append(Layer(newest, kinds[0].removesuffix("_kind"), kinds[0]))
    return [layer for layer in out if layer.table.files]


def write_places(
    con: duckdb.DuckDBPyConnection, folder: Path, tables: Sequence[Table], before: Any, at: datetime | None = None
) -> list[dict[str, Any]]:
    """Bring the maps up to date, and say what they are, as the catalog does.

    Args:
        before: what the last catalog said of them.
        at: a device or area is as its last row that held at this instant.
    """
    was = {str(p.get("table")): p for p in before if isinstance(p, Mapping)} if isinstance(before, list) else {}
    out = [_write(con, folder, layer, was, at or datetime.now(UTC)) for layer in layers(tables)]
    kept = {name for one in out for name in one["files"].values()}
    for table in tables:  # whose rows are gone; other files in the folder are somebody's own
        for name in {*_files(Layer(table)).values(), *_files(Layer(table, CELL)).values()} - kept:
            (folder / name).unlink(missing_ok=True)
    return out


def _files(layer: Layer) -> dict[str, str]:
    return {kind: f"{layer.stem}.{kind}" for kind in ("geojson", "parquet")}


def _write(con: duckdb.DuckDBPyConnection, folder: Path, layer: Layer, was: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    table = layer.table
    name = f"{table.layer}.{table.name}"
    files = _files(layer)
    rows = _in_force(con, layer, at)
    digest = combined([FORM, table.digest, str(rows.height), str(rows[SINCE].max()) if SINCE in rows.columns else ""])
    old = was.get(name, {})
    sizes = {kind: (folder / file).stat().st_size if (folder / file).is_file() else -1 for kind, file in files.items()}
    if (old.get("digest"), old.get("file_bytes")) == (digest, sizes):
        return dict(old)
    frame, drawn = _drawn(layer, rows)
    with aside(folder / files["geojson"]) as half:
        half.write_bytes(_geojson(table, frame, drawn))
    with aside(folder / files["parquet"]) as half:
        _geoparquet(table, frame, drawn, half)
    return {
        "table": name,
        "files": files,
        "file_bytes": {kind: (folder / file).stat().st_size for kind, file in files.items()},
        "features": frame.height,
        "without_place": rows.height - frame.height,
        "digest": digest,
    }


def _in_force(con: duckdb.DuckDBPyConnection, layer: Layer, at: datetime) -> pl.DataFrame:
    """The rows to draw, sorted by key: of a device or area, the last that held at the instant."""
    table = layer.table
    sql, _ = aligned(con, table.uris, table.columns, table.hive)
    order = [k for k in table.order if k != SINCE]
    if SINCE in table.key and not layer.cell:
        stamp = f"make_timestamptz({int(at.timestamp() * 1e6)})"
        by = ", ".join(map(quoted, order))
        last = f"row_number() OVER (PARTITION BY {by} ORDER BY {SINCE} DESC) = 1"
        sql = f"SELECT * FROM ({sql}) WHERE {SINCE} <= {stamp} QUALIFY {last}"
    if layer.kind:
        sql = f"SELECT * FROM ({sql}) WHERE {quoted(layer.kind)} = '{CELL}'"
    return con.sql(f"{sql} ORDER BY {', '.join(map(quoted, order))}").pl()


def _drawn(layer: Layer, rows: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
    """The rows that have a place, without the columns that say it, and their shapes."""
    names = set(rows.columns)
    found = np.full(rows.height, None, dtype=object)
    if layer.cell:
        found = shapes.cells(rows[layer.cell])
    else:
        if OUTLINE in names:
            found = shapes.outlines(rows[OUTLINE].to_numpy())
        if {"lat", "lon"} <= names:
            lon, lat = (rows[c].cast(pl.Float64).fill_null(float("nan")).to_numpy() for c in ("lon", "lat"))
            found = np.where(shapely.is_missing(found), shapes.points(lon, lat), found)
    there = ~shapely.is_missing(found)
    said = [c.name for c in layer.table.columns if layer.cell or c.name not in ("lat", "lon", OUTLINE)]
    return rows.filter(pl.Series(there, dtype=pl.Boolean)).select(said), found[there]


def _geojson(table: Table, frame: pl.DataFrame, drawn: np.ndarray) -> bytes:
    """A FeatureCollection of RFC 7946, a feature a line; `name` and `description` say what it is."""
    columns = [c for c in table.columns if c.name in frame.columns]
    finite = [pl.when(pl.col(c.name).is_finite()).then(c.name).alias(c.name) for c in columns if c.kind == "float"]
    texts = frame.with_columns(finite).select(as_text(c) for c in columns)
    properties = texts.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()
    key = [k for k in table.order if k not in (SINCE, "event_date")]
    ids = texts.select(pl.concat_str([pl.col(k).cast(pl.String) for k in key], separator="|")).to_series().to_list()
    geometry = shapely.to_geojson(drawn) if len(drawn) else []
    features = ",\n".join(
        f'{{"type":"Feature","id":{json.dumps(i, ensure_ascii=False)},"geometry":{g},"properties":{p}}}'
        for i, g, p in zip(ids, geometry, properties, strict=True)
    )
    head = json.dumps({"type": "FeatureCollection", "name": table.name, "description": table.doc}, ensure_ascii=False)[:-1]
    return f'{head}, "features": [\n{features}\n]}}\n'.encode()


def _geoparquet(table: Table, frame: pl.DataFrame, drawn: np.ndarray, path: Path) -> None:
    """GeoParquet 1.1.0: WKB, longitude before latitude (OGC:CRS84 where nothing is said), and the box of every row."""
    bounds = shapely.bounds(drawn).reshape(-1, 4)
    boxes = pa.StructArray.from_arrays([pa.array(bounds[:, i]) for i in range(4)], BOX)
    schema = described(table, [c for c in table.columns if c.name in frame.columns])
    whole = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema)
    whole = whole.append_column(pa.field("bbox", boxes.type), boxes)
    wkb = pa.array(shapely.to_wkb(drawn, byte_order=1).tolist(), pa.binary())
    whole = whole.append_column(pa.field(GEOMETRY, pa.binary()), wkb)
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted({s.geom_type for s in drawn}),
        "orientation": "counterclockwise",
        "edges": "planar",
        "covering": {"bbox": {side: ["bbox", side] for side in BOX}},
    }
    if len(drawn):
        column["bbox"] = [*bounds.min(axis=0)[:2].tolist(), *bounds.max(axis=0)[2:].tolist()]
    geo = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
    said = {**(whole.schema.metadata or {}), b"geo": json.dumps(geo).encode()}
    pq.write_table(whole.replace_schema_metadata(said), path, compression="zstd")
