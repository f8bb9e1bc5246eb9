"""GTFS-Realtime as protobuf: the entities of FeedMessages as wire columns.

What an entity says is judged in documents/gtfs_realtime. The loops here see documents, and entities of broken ones alone.
"""

from collections.abc import Callable, Sequence

import polars as pl
from google.protobuf.descriptor import FieldDescriptor
from google.transit import gtfs_realtime_pb2

from pipelines.formats.gtfs_realtime_entities import CONTENT, FIRST_STOP, SKIPPED, STOPS, Rows, content, refused
from pipelines.formats.lines import Lines
from pipelines.formats.protobuf import Reader, field, members, reader
from schemas.conform import FOUND_LENGTH

HEADER, ENTITY = 1, 2
MESSAGE = gtfs_realtime_pb2.FeedMessage.DESCRIPTOR
SPACE, BLANKS = 0x20, b"\t\r\n"


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
    columns = [_wire(w, f).alias(w) for w in wanted if (f := _field(w)) is not None]
    out = table.select("document", "place", content(), *columns)
    payloads = _payloads(raw)
    of, at_place = [d for d, _ in bad], [p for _, p in bad]
    told = refused(of, at_place, "a FeedMessage of GTFS-Realtime")
    found = pl.Series("found", payloads(of, at_place), dtype=pl.String)
    return Rows(out, told.with_columns(found.str.slice(0, FOUND_LENGTH)), payloads)


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


def _field(wire: str) -> FieldDescriptor | None:
    """What the standard says of a name; None where it has no such value."""
    message, found = MESSAGE, None
    for name in (wire if wire.startswith("header.") else f"entity.{wire}").split("."):
        if message is None or name not in message.fields_by_name:
            return None
        found = message.fields_by_name[name]
        message = found.message_type
    return found if message is None else None


def _wire(wire: str, said: FieldDescriptor) -> pl.Expr:
    """The value at a dotted path: numbers as they are, enums by their names."""
    first, *way = (wire if wire.startswith("header.") else f"entity.{wire}").split(".")
    value = pl.col(first)
    if wire.startswith(FIRST_STOP):
        updates = value.struct.field("trip_update").struct.field("stop_time_update")
        skipped = pl.element().struct.field("schedule_relationship").is_in(list(SKIPPED.values())).fill_null(False)
        value, way = updates.list.filter(~skipped).list.first(), wire.removeprefix(FIRST_STOP).split(".")
    for name in way:
        value = value.struct.field(name)
    if said.enum_type is None:
        return value
    names = {v.number: v.name for v in said.enum_type.values}
    return value.replace_strict(names, default=value.cast(pl.String), return_dtype=pl.String)


def _payloads(raw: Sequence[bytes]) -> Callable[[Sequence[int], Sequence[int]], list[str]]:
    def payloads(documents: Sequence[int], places: Sequence[int]) -> list[str]:
        walked = {d: members(raw[d], ENTITY) for d in set(documents)}
        out = []
        for document, place in zip(documents, places, strict=True):
            entities, end = walked[document]
            rest = raw[document][end:] if entities else raw[document]
            out.append(entities[place].hex() if place < len(entities) else _shown(rest, is_whole=not entities))
        return out

    return payloads


def _shown(rest: bytes, is_whole: bool) -> str:
    """Bytes as hexadecimal digits; a whole answer that is a text, such as a server's page of errors, as it is."""
    is_text = is_whole and rest.isascii() and bool(rest.strip()) and all(b >= SPACE or b in BLANKS for b in rest)
    return rest.decode() if is_text else rest.hex()
