"""GBFS, versions 1.x to 3.x: station_status and station_information, one row per station.

Wire names are those of GBFS 3.0, whatever the version of the document; of the envelope `last_updated`, `ttl` and `version`.
Vehicles without a station and the other files of a system do not belong here.
"""

import polars as pl

from pipelines.formats import json_documents
from pipelines.formats.decoded import Decoded
from pipelines.formats.json_documents import pointer
from pipelines.formats.lines import Lines
from pipelines.sources.source import Source
from schemas.contract import Contract

ROWS = "/data/stations"
ENVELOPE = ("last_updated", "ttl", "version")
BEFORE_3 = {"num_vehicles_available": "num_bikes_available", "num_vehicles_disabled": "num_bikes_disabled"}
"""What GBFS 3.0 renamed."""
LOCALIZED = ("name", "short_name")
"""What GBFS 3.0 says in several languages, as an array of text and language."""
POSIX = r"^\d+(\.\d+)?$"
YEAR_10000_S = 253_402_300_800


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:
    """A row per station of each document, with what its envelope says of all of them."""
    stations = json_documents.entities(documents, (ROWS,))
    names = source.document_names
    own = json_documents.values(stations.table, {n: _places(n) for n in names if n not in ENVELOPE})
    told = json_documents.values(stations.whole, {n: (pointer(n),) for n in names if n in ENVELOPE})
    told = pl.concat([stations.whole.select("document"), told], how="horizontal")
    frame = pl.concat([stations.table.select("_position", "document"), own], how="horizontal")
    frame = frame.join(told, on="document", how="left", maintain_order="left").drop("document")
    # a time of GBFS says by its looks how it is written; one that the source declares is left as it came
    times = {w for f in source.fields if contract[f.target].kind == "instant" and f.format == "iso" for w in f.wire}
    frame = frame.with_columns(_rfc_3339(pl.col(n)).alias(n) for n in names if n in times)
    return Decoded((frame,), stations.faults, stations.payloads, stations.documents)


def _places(name: str) -> tuple[str, ...]:
    """Where a station's value may stand: under its name, in the first language of several, or under its older name."""
    path = pointer(*name.split("."))
    first = (f"{path}/0/text",) if name in LOCALIZED else ()
    older = (pointer(BEFORE_3[name]),) if name in BEFORE_3 else ()
    return (*first, path, *older)


def _rfc_3339(text: pl.Expr) -> pl.Expr:
    """POSIX seconds, as a number or a text of one (before 3.0), as RFC 3339 (since 3.0); other texts as they are."""
    seconds = pl.when(text.str.contains(POSIX)).then(text).cast(pl.Float64)
    seconds = pl.when(seconds < YEAR_10000_S).then(seconds)
    at = (seconds * 1_000_000).round().cast(pl.Int64).cast(pl.Datetime("us"))
    return pl.coalesce(at.dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ"), text)
