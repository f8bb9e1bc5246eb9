"""GTFS-Realtime as protobuf: the entities of FeedMessages as wire columns. What an entity says is judged in documents/gtfs_realtime.

The Python loops here see documents, and entities of broken documents alone.
"""

from collections.abc import Sequence

import polars as pl
from google.transit import gtfs_realtime_pb2

from pipelines.formats.gtfs_realtime_entities import CONTENT, FIRST_STOP, SKIPPED, STOPS, Rows, content, refused
from pipelines.formats.lines import Lines
from pipelines.formats.protobuf import Reader, field, members, reader

HEADER, ENTITY = 1, 2
MESSAGE = gtfs_realtime_pb2.FeedMessage.DESCRIPTOR
ENUMS = {
    "current_status": gtfs_realtime_pb2.VehiclePosition.VehicleStopStatus,
    "occupancy_status": gtfs_realtime_pb2.VehiclePosition.OccupancyStatus,
    "congestion_level": gtfs_realtime_pb2.VehiclePosition.CongestionLevel,
    "schedule_relationship": gtfs_realtime_pb2.TripDescriptor.ScheduleRelationship,
    "incrementality": gtfs_realtime_pb2.FeedHeader.Incrementality,
}


def rows(documents: Lines, wanted: tuple[str, ...]) -> Rows:
    """The entities of protobuf documents, with the wanted fields by their dotted paths."""
    raw = documents.raw().to_list()
    inside = (*CONTENT, "is_deleted", *(w for w in wanted if not w.startswith("header.")), f"{STOPS}.schedule_relationship")
    entity = reader(MESSAGE.fields_by_name["entity"].message_type, inside)
    message = reader(MESSAGE, ("header", *(w for w in wanted if w.startswith("header.")), *(f"entity.{w}" for w in inside)))
    good, frame = message.read(raw)
    broken = sorted(set(range(len(raw))) - set(good))
    bad: list[tuple[int, int]] = []
    kept: dict[int, list[int]] = {}
    if broken:
        mended = []
        for document in broken:
            whole, kept[document], odd = _mended(raw[document], entity)
            mended.append(whole)
            bad += [(document, place) for place in odd]
        rest = message.read(mended)[1]
        frame, good = pl.concat([frame, rest]), [*good, *broken]
    frame = frame.with_columns(pl.Series("document", good, dtype=pl.Int64), size=pl.col("entity").list.len()).sort("document")
    # bytes of anything at all can be read as a message of unknown fields; one without a header is none
    none = frame.filter(pl.col("header").is_null() & (pl.col("size") == 0) & ~pl.col("document").is_in(broken))
    bad += [(document, 0) for document in none["document"]]
    places = pl.int_ranges(pl.col("size")).cast(pl.List(pl.Int64)).alias("place")
    table = frame.filter(pl.col("size") > 0).with_columns(places).explode("entity", "place")
    if broken:
        at = {d: pl.Series(p, dtype=pl.Int64) for d, p in kept.items()}
        moved = [at[d][p] if d in at else p for d, p in zip(table["document"], table["place"], strict=True)]
        table = table.with_columns(pl.Series("place", moved, dtype=pl.Int64))
    table = table.with_columns(pl.col("entity").struct.field("is_deleted"), *(_has(c) for c in CONTENT))
    columns = [_wire(w).alias(w) for w in wanted if _is_known(w)]
    out = table.select("document", "place", content(), *columns)
    return Rows(out, refused([d for d, _ in bad], [p for _, p in bad], "a FeedMessage of GTFS-Realtime"), _payloads(raw))


def _mended(message: bytes, entity: Reader) -> tuple[bytes, list[int], list[int]]:
    """A broken message without what is broken in it, the places of the entities it keeps, and the places of the others.

    What cannot be told apart any more is one more entity.
    """
    entities, end = members(message, ENTITY)
    kept = entity.read(entities)[0]
    heads = members(message, HEADER)[0]
    read = reader(MESSAGE.fields_by_name["header"].message_type, ("timestamp", "gtfs_realtime_version", "incrementality"))
    whole = [*(field(HEADER, heads[i]) for i in read.read(heads)[0]), *(field(ENTITY, entities[i]) for i in kept)]
    lost = sorted(set(range(len(entities))) - set(kept))
    if end < len(message) or not lost:
        lost.append(len(entities))
    return b"".join(whole), kept, lost


def _has(name: str) -> pl.Expr:
    return pl.col("entity").struct.field(name).is_not_null().alias(f"has {name}")


def _is_known(wire: str) -> bool:
    """Whether the standard has such a field, and one that is a value."""
    message = MESSAGE
    for name in (wire if wire.startswith("header.") else f"entity.{wire}").split("."):
        if message is None or name not in message.fields_by_name:
            return False
        message = message.fields_by_name[name].message_type
    return message is None


def _wire(wire: str) -> pl.Expr:
    """The value at a dotted path: numbers as they are, enums by their names."""
    first, *way = (wire if wire.startswith("header.") else f"entity.{wire}").split(".")
    value = pl.col(first)
    if wire.startswith(FIRST_STOP):
        said = pl.col("entity").struct.field("trip_update").struct.field("stop_time_update")
        skipped = pl.element().struct.field("schedule_relationship").is_in(list(SKIPPED.values())).fill_null(False)
        value, way = said.list.filter(~skipped).list.first(), wire.removeprefix(FIRST_STOP).split(".")
    for name in way:
        value = value.struct.field(name)
    if way[-1] in ENUMS and not wire.startswith(FIRST_STOP):
        names = {number: name for name, number in ENUMS[way[-1]].items()}
        return value.replace_strict(names, default=value.cast(pl.String), return_dtype=pl.String)
    return value


def _payloads(raw: Sequence[bytes]):
    def payloads(documents: Sequence[int], places: Sequence[int]) -> list[str]:
        walked = {d: members(raw[d], ENTITY) for d in set(documents)}
        out = []
        for document, place in zip(documents, places, strict=True):
            entities, end = walked[document]
            rest = raw[document][end:] if entities else raw[document]
            out.append((entities[place] if place < len(entities) else rest).hex())
        return out

    return payloads
