"""NGSIv2 and NGSI-LD entities: normalized, concise and simplified (keyValues), alone, in arrays, in notifications, as GeoJSON.

Wire names are the data model's own: `id`, `type`, `<attribute>`, `<attribute>.<member>` and
  `<attribute>.unitCode`, `.observedAt`, `.modifiedAt`  what its metadata say of it
  `<attribute>.lon`, `.lat`                             of a GeoProperty that is a Point
  `<attribute>.end`                                     the end of an interval; `<attribute>` is then its start
Which attributes become which columns does not belong here: contracts and citylake.toml say it.
"""

import polars as pl

from pipelines.formats import json_documents
from pipelines.formats.decoded import Decoded
from pipelines.formats.json_documents import pointer
from pipelines.formats.lines import Lines
from pipelines.sources.source import TOLD, Source
from schemas.contract import Contract

ENVELOPES = {"/data": "/subscriptionId", "/data/features": "/subscriptionId", "/features": "", "/entities": "/actionType"}
"""Where entities stand in notifications, GeoJSON collections and batches -> what only such an envelope has."""
METADATA = {
    "unitCode": ("unitCode",),
    # the data models write `timestamp`, IoT agents `TimeInstant`
    "observedAt": ("observedAt", "timestamp", "TimeInstant", "dateObserved"),
    "modifiedAt": ("modifiedAt", "dateModified"),
}
AXES = {"lon": 0, "lat": 1}
INTERVAL = r"^([0-9][^/]*)/([^/]+)$"
LATITUDE_FIRST = r"^\s*([-+0-9.eE]+)\s*,\s*([-+0-9.eE]+)\s*$"
NULL_IN_LD = "urn:ngsi-ld:null"


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:  # noqa: ARG001 every format takes all three
    """A row per entity."""
    pointers = ("/data/features", "/data", "/features", "/entities", "")
    entities = json_documents.entities(documents, pointers, {p: mark for p, mark in ENVELOPES.items() if mark})
    names = [n for n in source.wire_names if n not in TOLD and n not in source.topic_names]
    frames = []
    for table, under in _features_apart(entities.table):
        wanted = {key: places for n in names for key, places in _places(n, under).items()}
        found = json_documents.values(table, wanted)
        frames.append(table.select("_position").hstack(found.select(_read(n).alias(n) for n in names)))
    return Decoded(tuple(frames), entities.faults, entities.payloads, entities.documents)


def _features_apart(table: pl.DataFrame) -> list[tuple[pl.DataFrame, str]]:
    """Entities, and features of GeoJSON, whose attributes stand under `properties`."""
    feature = table["line"].str.contains('"type":"Feature"', literal=True)
    if feature.any():  # the words may stand deep in an entity: only few lines are asked what they are
        told = json_documents.values(table.filter(feature), {"type": ("/type",)})["type"].eq_missing("Feature")
        feature = pl.Series(feature).scatter(feature.arg_true(), told)
    parts = [(table.filter(~feature), ""), (table.filter(feature), "/properties")]
    return [part for part in parts if part[0].height]


def _places(name: str, under: str) -> dict[str, tuple[str, ...]]:
    """All that is read for one wire name: key -> where to look, in turn."""
    if name in ("id", "type"):
        return {name: _identity(name, under)}
    attribute, *members = (name[1:],) if name.startswith("/") else name.split(".")
    base = under + pointer(attribute)
    if not members:
        return {f"{name} whole": (base,), **_instants(name, under, attribute), name: _plain(base)}
    if members[0] in METADATA and len(members) == 1:
        keys = METADATA[members[0]]
        of_v2 = tuple(f"{base}/metadata/{key}/value" for key in keys)
        return {name: (f"{base}/{members[0]}", *of_v2, f"{base}/0/{members[0]}")}
    if members[0] in AXES and len(members) == 1:
        axis = AXES[members[0]]
        values = {f"{name} kind": (f"{base}/value/type", f"{base}/type"), f"{name} text": (f"{base}/value", base)}
        return {**values, name: (f"{base}/value/coordinates/{axis}", f"{base}/coordinates/{axis}")}
    rest = pointer(*members)
    inner = (f"{base}/value{rest}", f"{base}{rest}/value", f"{base}{rest}/object", f"{base}{rest}")
    if members == ["end"]:
        return {**_instants(name, under, attribute), f"{name} of": _plain(base), name: inner}
    return {f"{name} whole": (f"{base}{rest}",), name: (*inner, f"{base}/metadata{rest}/value")}


def _identity(name: str, under: str) -> tuple[str, ...]:
    if name == "id":
        return ("/id", "/@id")
    return (f"{under}/type/0", f"{under}/type", f"{under}/@type/0", f"{under}/@type")  # an entity of NGSI-LD may have several


def _plain(base: str) -> tuple[str, ...]:
    # a typed value of JSON-LD, a property, a relationship, a vocabulary term, the first of several instances, a simplified value
    inside = ("value/@value", "value", "object", "vocab", "0/value/@value", "0/value", "0/object", "@value")
    return (*(f"{base}/{i}" for i in inside), base)


def _instants(name: str, under: str, attribute: str) -> dict[str, tuple[str, ...]]:
    """The data models' two attributes for an interval, where a broker cannot hold one."""
    ends = {"from": "From", "to": "To"}
    return {f"{name} {key}": _plain(under + pointer(attribute + ending)) for key, ending in ends.items()}


def _read(name: str) -> pl.Expr:
    """One wire column out of what was found for it."""
    found = pl.col(name)
    if name == "id":
        return found
    if name == "type":
        return found.str.extract(r"([^/#]+)$", 1)  # a type that was not compacted is a URI
    members = [] if name.startswith("/") else name.split(".")[1:]
    if not members:
        both = pl.col(f"{name} from").is_not_null() & pl.col(f"{name} to").is_not_null()
        # a property whose value is null has no value, and is not the JSON of itself
        empty = (
            found.eq_missing(pl.col(f"{name} whole"))
            & found.str.starts_with("{")
            & found.str.contains('"value":null', literal=True)
        )
        own = pl.when(~empty & (found != NULL_IN_LD)).then(found)
        start = pl.coalesce(own.str.extract(INTERVAL, 1), own)
        return pl.when(both).then(pl.col(f"{name} from")).otherwise(pl.coalesce(start, f"{name} from"))
    if members == ["end"]:
        both = pl.col(f"{name} from").is_not_null() & pl.col(f"{name} to").is_not_null()
        split = pl.coalesce(pl.col(f"{name} of").str.extract(INTERVAL, 2), found)
        return pl.when(both).then(pl.col(f"{name} to")).otherwise(pl.coalesce(split, f"{name} to"))
    if len(members) == 1 and members[0] in AXES:
        # geo:point of NGSIv2 is "latitude, longitude"; of lines and areas there is no one place
        axis, text = AXES[members[0]], pl.col(f"{name} text").str.extract(LATITUDE_FIRST, 2 - AXES[members[0]])
        return pl.when(pl.col(f"{name} kind") == "Point").then(found).otherwise(text).alias(f"axis {axis}")
    return found
