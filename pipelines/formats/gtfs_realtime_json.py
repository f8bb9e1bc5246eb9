"""GTFS-Realtime as JSON: names of the protobuf fields, or their lowerCamelCase as protobuf's own JSON mapping writes them.

Agencies add fields of their own ("enhanced" JSON): they can be named like any other. Judging is documents/gtfs_realtime.
"""

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from pipelines.engine import cursor
from pipelines.formats.gtfs_realtime_entities import CONTENT, FIRST_STOP, SKIPPED, Rows, content
from pipelines.formats.json_documents import Entities, entities, pointer, types, values
from pipelines.formats.lines import Lines

NEXT_STOP = """
WITH updates AS (
    SELECT
        row_number() OVER () AS row,
        json_extract(line, '$.trip_update.stop_time_update[*]') AS stops,
        json_extract(line, '$.tripUpdate.stopTimeUpdate[*]') AS camel
    FROM entities
)
SELECT list_filter(
    CASE WHEN len(stops) > 0 THEN stops ELSE camel END,
    lambda stop: list_filter(json_extract_string(stop, ['$.schedule_relationship', '$.scheduleRelationship']),
        lambda told: told IN {skipped}) = []
)[1] AS line
FROM updates
ORDER BY row
"""


def rows(documents: Lines, wanted: tuple[str, ...]) -> Rows:
    """The entities of JSON documents, with the wanted fields by their dotted paths."""
    found, kept = _entities(documents)
    table = found.table
    heads = {w: _pointers(w) for w in wanted if w.startswith("header.")}
    stops = {w: _pointers(w.removeprefix(FIRST_STOP)) for w in wanted if w.startswith(FIRST_STOP)}
    inside = {w: _pointers(w) for w in ("is_deleted", *wanted) if w not in heads and w not in stops}
    parts = [table.select("document", "place"), values(table, inside), _content(table)]
    if stops:
        parts.append(values(_next_stops(table), stops))
    told = pl.concat([found.whole.select("document"), values(found.whole, heads)], how="horizontal")
    frame = pl.concat(parts, how="horizontal").join(told, on="document", how="left", maintain_order="left")
    frame = frame.with_columns(pl.col("is_deleted").str.to_lowercase() == "true").with_columns(content())
    first = np.searchsorted(found.documents, np.arange(len(kept)))
    of_row = found.faults["_position"].to_numpy()
    faults = found.faults.drop("_position").with_columns(
        pl.Series("document", kept[found.documents[of_row]], dtype=pl.Int64),
        pl.Series("place", of_row - first[found.documents[of_row]], dtype=pl.Int64),
    )

    def payloads(of: Sequence[int], places: Sequence[int]) -> list[str]:
        at = first[np.searchsorted(kept, np.asarray(of, np.int64))] + np.asarray(places, np.int64)
        return found.payloads(pl.Series(at, dtype=pl.Int64)).to_list()

    frame = frame.with_columns(pl.Series("document", kept[frame["document"].to_numpy()], dtype=pl.Int64))
    return Rows(frame.select("document", "place", "entity", *wanted), faults, payloads)


def _entities(documents: Lines) -> tuple[Entities, np.ndarray]:
    """The documents' entities, and which documents they are of: a message with a header and without entities is an empty poll."""
    kept = np.arange(documents.count)
    found = entities(documents, ("/entity",))
    if found.faults.height and found.whole.height:
        told = types(found.whole, ["/header", "/entity"])
        empty = found.whole["document"].filter((told["/header"] == "OBJECT") & told["/entity"].is_null())
        if empty.len():
            kept = np.setdiff1d(kept, empty.to_numpy())
            starts, ends = documents.bounds
            found = entities(Lines.between(documents.data, starts[kept], ends[kept]), ("/entity",))
    return found, kept


def _content(table: pl.DataFrame) -> pl.DataFrame:
    """Of each possible content whether the entity has it."""
    asked = {c: _pointers(c) for c in CONTENT}
    if not table.height:
        return pl.DataFrame({f"has {c}": pl.Series([], dtype=pl.Boolean) for c in CONTENT})
    told = types(table, [p for pointers in asked.values() for p in pointers]).select((pl.all() == "OBJECT").fill_null(False))
    return told.select(pl.any_horizontal(pointers).alias(f"has {c}") for c, pointers in asked.items())


def _next_stops(table: pl.DataFrame) -> pl.DataFrame:
    skipped = (*SKIPPED, *(str(n) for n in SKIPPED.values()))
    with cursor() as engine:
        engine.register("entities", table.select("line").to_arrow())
        return engine.sql(NEXT_STOP.format(skipped=skipped)).pl().with_columns(pl.col("line").cast(pl.String))


def _pointers(wire: str) -> list[str]:
    keys = wire.split(".")
    camel = [re.sub("_([a-z])", lambda m: m[1].upper(), k) for k in keys]
    return list(dict.fromkeys([pointer(*keys), pointer(*camel)]))
