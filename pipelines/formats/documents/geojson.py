"""GeoJSON (RFC 7946): a FeatureCollection, or one Feature; a row per feature, its geometry as WKT, longitude before latitude.

Wire names are the paths of the standard: id, properties.<name>, properties.<name>.<name>, geometry, geometry.type. Coordinates
are of WGS 84; a document that names another reference system (before RFC 7946 it could) is refused. Whether an outline makes
sense is not judged here.
"""

import numpy as np
import polars as pl
import shapely

from pipelines.formats import json_documents
from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.json_documents import pointer
from pipelines.formats.lines import Lines
from pipelines.sources.source import Source
from schemas.contract import Contract
from schemas.rejection import Code

ROWS = "/features"
SHAPE = "/geometry"
WGS_84 = ("urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84", "urn:ogc:def:crs:EPSG::4326", "EPSG:4326", "CRS84")
"""Names of WGS 84; in documents all of them have the longitude first."""


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:  # noqa: ARG001 every format takes all three
    """A row per feature; one whose geometry is none costs itself, a document in other coordinates all its features."""
    found = json_documents.entities(documents, (ROWS, ""), {"": "/type"})
    names = source.document_names
    own = json_documents.values(found.table, {n: (pointer(*n.split(".")),) for n in names if n != "geometry"})
    shape = json_documents.values(found.table, {"geometry": (SHAPE,), "type": ("/type",)})
    crs = json_documents.values(found.whole, {"crs": ("/crs/properties/name",)})
    crs = pl.concat([found.whole.select("document"), crs], how="horizontal")
    table = pl.concat([found.table.select("_position", "document"), shape], how="horizontal")
    table = table.join(crs, on="document", how="left", maintain_order="left")
    with np.errstate(invalid="ignore"):  # coordinates that are no numbers make no shape, and are told below
        shapes = shapely.from_geojson(np.array(table["geometry"].to_list(), object), on_invalid="ignore")
    wkt = pl.Series("geometry", shapely.to_wkt(shapes, rounding_precision=-1).tolist(), dtype=pl.String)
    foreign = table["crs"].is_not_null() & ~table["crs"].is_in(WGS_84)
    unread = ~foreign & ((table["type"] != "Feature").fill_null(True) | (table["geometry"].is_not_null() & wkt.is_null()))
    frame = pl.concat([table.select("_position"), own], how="horizontal")
    frame = frame.with_columns(*(wkt for n in names if n == "geometry")).filter(~(foreign | unread))
    told = [
        found.faults,
        faults(table["_position"].filter(foreign), Code.MALFORMED, "coordinates of WGS 84", table["crs"].filter(foreign)),
        faults(table["_position"].filter(unread), Code.MALFORMED, "a GeoJSON Feature", table["geometry"].filter(unread)),
    ]
    return Decoded((frame,), pl.concat(told).sort("_position"), found.payloads, found.documents)
