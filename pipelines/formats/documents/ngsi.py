"""NGSIv2 and NGSI-LD entities: normalized, concise and simplified (keyValues), alone, in arrays, in notifications, as GeoJSON.

Wire names are the data model's own: `id`, `type`, `<attribute>`, `<attribute>.<member>` and
  `<attribute>.unitCode`, `.observedAt`, `.modifiedAt`  what its metadata say of it
  `<attribute>.lon`, `.lat`                             of a GeoProperty that is a Point
  `<attribute>.end`                                     the end of an interval; `<attribute>` is then its start
  `<attribute>,<Attribute>`                             spellings of one attribute, tried in turn: `no2,NO2.unitCode`
Which attributes become which columns does not belong here: contracts and citylake.toml say it.
"""

import polars as pl

from pipelines.formats import json_documents
from pipelines.formats.decoded import Decoded
from pipelines.formats.json_documents import pointer
from pipelines.formats.lines import Lines
from pipelines.sources.source import Source
from schemas.contract import Contract

MARKS = {"/data/features": "/subscriptionId", "/data": "/subscriptionId", "/entities": "/actionType"}
"""Where entities stand in notifications and batches -> what only such an envelope has."""
METADATA = {
    "unitCode": ("unitCode",),
    # the data models write `timestamp`, IoT agents `TimeInstant`
    "observedAt": ("observedAt", "timestamp", "TimeInstant", "dateObserved"),
    "modifiedAt": ("modifiedAt", "dateModified"),
}
AXES = {"lon": 0, "lat": 1}
# a typed value of JSON-LD, a property, a relationship, a vocabulary term, the first of several instances
VALUE = ("/value/@value", "/value", "/object", "/vocab", "/0/value/@value", "/0/value", "/0/object", "/@value")
INTERVAL = r"^([0-9][^/]*)/([^/]+)$"
LATITUDE_FIRST = r"^\s*([-+0-9.eE]+)\s*,\s*([-+0-9.eE]+)\s*$"
NULL_IN_LD = "urn:ngsi-ld:null"


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:  # noqa: ARG001 every format takes all three
    """A row per entity."""
    entities = json_documents.entities(documents, ("/data/features", "/data", "/features", "/entities", ""), MARKS)
    names = source.document_names
    frames = [table.select("_position").hstack(_read(table, under, names)) for table, under in _features_apart(entities.table)]
    return Decoded(tuple(frames), entities.faults, entities.payloads, entities.documents)


def _features_apart(table: pl.DataFrame) -> list[tuple[pl.DataFrame, str]]:
    """Entities, and features of GeoJSON, whose attributes stand under `properties`."""
    feature = table["line"].str.contains('"type":"Feature"', literal=True)
    if feature.any():  # the words may stand deep in an entity: only few lines are asked what they are
        told = json_documents.values(table.filter(feature), {"type": ("/type",)})["type"].eq_missing("Feature")
        feature = feature.scatter(feature.arg_true(), told)
    parts = [(table.filter(~feature), ""), (table.filter(feature), "/properties")]
    return [part for part in parts if part[0].height]


def _read(table: pl.DataFrame, under: str, names: list[str]) -> list[pl.Series]:
    """The wire columns. Attributes are taken out of the entities once, and then looked into, so that no entity is read often."""
    wanted = {"id": ("/id", "/@id"), "type": tuple(f"{under}/{t}" for t in ("type/0", "type", "@type/0", "@type"))}
    needed: dict[str, dict[str, tuple[str, ...]]] = {}
    for name in names:
        attribute, members = _parts(name)
        if name not in wanted:
            needed.setdefault(attribute, {}).update(_places(members))
            for ending in ("From", "To") if members in ([], ["end"]) else ():
                needed.setdefault(_ending(attribute, ending), {}).update(_places([]))
    spelled = {f"={a}": tuple(under + pointer(s) for s in a.split(",")) for a in needed}
    whole = json_documents.values(table, wanted | spelled)
    found = {a: _look_into(whole[f"={a}"], places) for a, places in needed.items()}
    return [_column(name, whole, found).alias(name) for name in names]


def _parts(name: str) -> tuple[str, list[str]]:
    attribute, *members = (name[1:],) if name.startswith("/") else name.split(".")
    return attribute, members


def _ending(attribute: str, ending: str) -> str:
    return ",".join(spelling + ending for spelling in attribute.split(","))


def _places(members: list[str]) -> dict[str, tuple[str, ...]]:
    """What is looked for within an attribute: key -> where, in turn."""
    key = ".".join(members)
    if members in ([], ["end"]):
        return {"": VALUE, "end": ("/value/end", "/end/value", "/end")}
    if len(members) == 1 and key in METADATA:
        return {key: (f"/{key}", *(f"/metadata/{k}/value" for k in METADATA[key]), f"/0/{key}")}
    if len(members) == 1 and key in AXES:
        places = {f"{k}": (f"/value/coordinates/{axis}", f"/coordinates/{axis}") for k, axis in AXES.items()}
        return {**places, "kind": ("/value/type", "/type"), "": VALUE}
    rest = pointer(*members)
    return {key: (f"/value{rest}", f"{rest}/value", f"{rest}/object", rest, f"/metadata{rest}/value")}


def _look_into(attribute: pl.Series, places: dict[str, tuple[str, ...]]) -> dict[str, pl.Series]:
    """What is within an attribute, by key; of one that is simplified, itself under the empty key."""
    held = attribute.str.contains(r"^[{\[]").fill_null(False)
    own = attribute if "" in places else None
    if not held.any():
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, attribute.len())
        return {key: own if key == "" and own is not None else nothing for key in places}
    inside = json_documents.values(attribute.filter(held).to_frame("line"), places)
    at = pl.Series("at", held.arg_true())
    found = {}
    for key in places:
        outside = attribute.set(held, None) if key == "" else pl.Series([None], dtype=pl.String).new_from_index(0, held.len())
        found[key] = outside.scatter(at, inside[key])
    if "" in places:
        # an object or a list that holds no value is a simplified one; one whose value is null has none
        bare = held & found[""].is_null() & ~attribute.str.contains('"value":null', literal=True)
        found[""] = attribute.zip_with(bare | ~held, found[""])
    return found


def _column(name: str, whole: pl.DataFrame, found: dict[str, dict[str, pl.Series]]) -> pl.Series:
    """One wire column out of what its attribute says."""
    if name == "id":
        return whole["id"]
    if name == "type":
        return whole["type"].str.extract(r"([^/#]+)$", 1)  # a type that was not compacted is a URI
    attribute, members = _parts(name)
    own, key = found[attribute], ".".join(members)
    if members in ([], ["end"]):
        # the data models have two attributes for an interval that a broker cannot hold in one
        value, start, end = (_known(f[""]) for f in (own, *(found[_ending(attribute, e)] for e in ("From", "To"))))
        both = start.is_not_null() & end.is_not_null()
        if members:
            return end.zip_with(both, _first(value.str.extract(INTERVAL, 2), own["end"], end))
        return start.zip_with(both, _first(value.str.extract(INTERVAL, 1), value, start))
    if len(members) == 1 and key in AXES:
        # geo:point of NGSIv2 is "latitude, longitude"; of lines and areas there is no one place
        text = own[""].str.extract(LATITUDE_FIRST, 2 - AXES[key])
        return own[key].zip_with(own["kind"].eq_missing("Point"), text)
    return own[key]


def _known(value: pl.Series) -> pl.Series:
    return value.set(value.eq_missing(NULL_IN_LD), None)


def _first(*values: pl.Series) -> pl.Series:
    first, *others = values
    for other in others:
        first = first.zip_with(first.is_not_null(), other)
    return first
