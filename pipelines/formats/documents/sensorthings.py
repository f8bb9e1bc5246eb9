"""OGC SensorThings API 1.1: Observations, alone (as MQTT sends them), in arrays, or in the `value` of a collection.

Wire names are the standard's own: `result`, `phenomenonTime`, `Datastream.name`, `Datastream.Thing.name`, `parameters.lane`, and
  `phenomenonTime.end`, `validTime.end`  the end of an interval; `phenomenonTime` is then its start
  `Datastream.@iot.id`                   of an expanded Datastream, or out of the link to it
  `unit`                                 of the expanded Datastream: its symbol, name or definition, whichever is known
  `result.<unit>`                        the result where that unit can become the lake's unit of that name, such as `result.km/h`
  `result[<property>,...]`               the result where the expanded ObservedProperty has one of these names, or its definition
                                         ends in one of them
Which of them become which columns does not belong here; data arrays and MultiDatastreams are not read.
"""

import polars as pl

from pipelines.formats import json_documents
from pipelines.formats.decoded import Decoded
from pipelines.formats.json_documents import pointer
from pipelines.formats.lines import Lines
from pipelines.sources.source import Source
from schemas.contract import Contract
from schemas.units import CONVERSIONS, accepted, called

UNIT = "/Datastream/unitOfMeasurement/"
PROPERTY = "/Datastream/ObservedProperty/"
TIMES = ("phenomenonTime", "resultTime", "validTime")
INTERVAL = r"^([^/]*)/([^/]+)$"
DATASTREAM_IN_LINK = r"Datastreams\('?([^()']+)'?\)"


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:  # noqa: ARG001 every format takes all three
    """A row per Observation."""
    # an Observation has no `value`, so that an object or array of that name is the envelope's
    found = json_documents.entities(documents, ("/value", ""))
    names = source.document_names
    wanted: dict[str, tuple[str, ...]] = {n: (_place(n),) for n in names}
    wanted |= {"unit symbol": (f"{UNIT}symbol",), "unit name": (f"{UNIT}name",), "unit definition": (f"{UNIT}definition",)}
    wanted |= {"property name": (f"{PROPERTY}name",), "property definition": (f"{PROPERTY}definition",)}
    wanted["link"] = (pointer("Datastream@iot.navigationLink"), pointer("Datastream", "@iot.selfLink"))
    wire = json_documents.values(found.table, wanted).with_columns(_unit().alias("unit"))
    frame = found.table.select("_position").hstack(wire.select(_read(n).alias(n) for n in names))
    return Decoded((frame,), found.faults, found.payloads, found.documents)


def _place(name: str) -> str:
    if name.startswith("/"):
        return pointer(name[1:])
    if name.startswith(("result.", "result[")):
        return "/result"
    # @iot.id is one key, and not a path
    keys = name.removesuffix(".end").replace("@iot.", "@iot\0").split(".")
    return pointer(*(k.replace("\0", ".") for k in keys))


def _unit() -> pl.Expr:
    """The unit as it is known here: a definition may be a URI that ends in a code, or a code of UCUM."""
    known = {name for unit in CONVERSIONS for u in accepted(unit) for name in called(u)}
    tail = pl.col("unit definition").str.extract(r"([^#:/=]+(?:/[A-Za-z]+)?)$", 1)
    said = [pl.col("unit symbol"), pl.col("unit name"), pl.col("unit definition").str.extract(r":([^:]+)$", 1), tail]
    return pl.coalesce(*(pl.when(s.is_in(list(known))).then(s) for s in said), "unit symbol", "unit name", "unit definition")


def _read(name: str) -> pl.Expr:
    found = pl.col(name)
    if name in TIMES:
        return pl.coalesce(found.str.extract(INTERVAL, 1), found)
    if name.endswith(".end") and name.removesuffix(".end") in TIMES:
        return found.str.extract(INTERVAL, 2)
    if name == "Datastream.@iot.id":
        return pl.coalesce(found, pl.col("link").str.extract(DATASTREAM_IN_LINK, 1))
    if name.startswith("result."):
        return pl.when(pl.col("unit").is_in(_names_of(name.removeprefix("result.")))).then(found)
    if name.startswith("result["):
        return pl.when(_is_property(name.removeprefix("result[").removesuffix("]").lower().split(","))).then(found)
    return found


def _is_property(names: list[str]) -> pl.Expr:
    definition = pl.col("property definition").str.to_lowercase()
    ends = pl.any_horizontal(definition.str.ends_with(mark + n) for n in names for mark in "/#:")
    return pl.col("property name").str.to_lowercase().str.strip_chars().is_in(names).fill_null(False) | ends.fill_null(False)


def _names_of(lake_unit: str) -> list[str]:
    """What may be said for units that become this one, and for no other: a bare 1 is a share and a number of vehicles."""
    others = {n for unit in CONVERSIONS if unit != lake_unit for u in accepted(unit) for n in called(u)}
    return [n for u in accepted(lake_unit) for n in called(u) if n not in others]
