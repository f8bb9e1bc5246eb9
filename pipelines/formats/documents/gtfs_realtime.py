"""GTFS-Realtime 1.0 and 2.0: one row an entity. Protobuf or JSON, told apart by the bytes.

Wire names are the standard's dotted paths (`vehicle.position.latitude`, `header.timestamp`), and three more: `entity`, what the
entity is about; `said_by`, that and of a trip update the trip; `observed_at`, its own timestamp or else its header's. Names under
`trip_update.stop_time_update.` are of the next stop. Reading the two forms is `gtfs_realtime_protobuf` and `gtfs_realtime_json`.
"""

import numpy as np
import polars as pl

from pipelines.formats import gtfs_realtime_json, gtfs_realtime_protobuf
from pipelines.formats.decoded import Decoded
from pipelines.formats.gtfs_realtime_entities import Rows, refused
from pipelines.formats.lines import Lines
from pipelines.sources.source import Source
from schemas.conform import FAULT_COLUMNS, shortened
from schemas.contract import Contract
from schemas.rejection import Code

STAMPS = ("vehicle.timestamp", "trip_update.timestamp", "header.timestamp")
TRIP = "trip_update.trip.trip_id"
TOLD = ("entity", "said_by", "observed_at")
BLANKS, BRACE, LOOK = b" \t\r\n\xef\xbb\xbf", 0x7B, 16
YEAR_10000_S = 2.53e11
"""Stamps beyond it are milliseconds: that they cannot be read is told when they are read."""


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:
    """The entities of the documents; an empty message has none."""
    wanted = tuple(w for w in dict.fromkeys([*STAMPS, TRIP, *source.document_names]) if w not in TOLD)
    is_json = _is_json(documents)
    parts: list[tuple[np.ndarray, Rows]] = []
    for chosen, rows in ((is_json, gtfs_realtime_json.rows), (~is_json, gtfs_realtime_protobuf.rows)):
        at = np.flatnonzero(chosen)
        if at.size:
            starts, ends = documents.bounds
            parts.append((at, rows(Lines.between(documents.data, starts[at], ends[at]), wanted)))
    frames, faults = [], []
    for at, part in parts:
        good, bad = _judged(part.frame, contract)
        of = pl.lit(pl.Series(at, dtype=pl.Int64)).gather(pl.col("document"))
        frames.append(good.with_columns(of.alias("document")))
        faults.append(pl.concat([part.faults, bad], how="diagonal").with_columns(of.alias("document")))
    key = ["document", "place"]
    numbered = pl.concat([f.select(key) for f in (*frames, *faults)]).sort(key).with_row_index("_position")
    numbered = numbered.with_columns(pl.col("_position").cast(pl.Int64))

    def payloads(positions: pl.Series) -> pl.Series:
        asked = pl.DataFrame({"_position": positions.cast(pl.Int64)}).join(numbered, on="_position", maintain_order="left")
        shown = pl.Series("payload", [""] * asked.height, dtype=pl.String)
        for at, part in parts:
            own = asked["document"].is_in(at.tolist())
            inner = np.searchsorted(at, asked["document"].filter(own).to_numpy())
            shown = shown.scatter(own.arg_true(), part.payloads(inner.tolist(), asked["place"].filter(own).to_list()))
        return shown

    def placed(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.join(numbered, on=key, maintain_order="left").drop(key)

    told = pl.concat([placed(f).select(pl.col(n).cast(t) for n, t in FAULT_COLUMNS.items()) for f in faults]).sort("_position")
    return Decoded(tuple(placed(f) for f in frames), told, payloads, numbered["document"].to_numpy())


def _is_json(documents: Lines) -> np.ndarray:
    """Whether the first byte that is no blank opens an object or a list; a FeedMessage begins with its header."""
    raw = np.frombuffer(documents.data, np.uint8)
    starts, ends = documents.bounds
    at = starts[:, None] + np.arange(LOOK)
    head = (
        np.where(at < ends[:, None], raw[np.minimum(at, max(raw.size - 1, 0))], 0) if raw.size else np.zeros(at.shape, np.uint8)
    )
    solid = ~np.isin(head, np.frombuffer(BLANKS, np.uint8))
    first = np.take_along_axis(head, solid.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.isin(first, [BRACE, ord("[")])


def _judged(frame: pl.DataFrame, contract: Contract) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Entities with what is told of them, and the faults of those about nothing, and of those later than their own message."""
    stamps = [pl.when(_seconds(s).ne_missing(0)).then(pl.col(s)) for s in STAMPS]
    trip = pl.when(pl.col(TRIP) != "").then(pl.concat_str(pl.lit("trip_update "), pl.col(TRIP)))
    said_by = pl.when(pl.col("entity") == "trip_update").then(pl.coalesce(trip, "entity")).otherwise("entity")
    told = frame.with_columns(said_by.alias("said_by"), pl.coalesce(stamps).alias("observed_at"))
    nothing = told.filter(pl.col("entity").is_null())
    blank = refused(
        nothing["document"].to_list(), nothing["place"].to_list(), "an entity with a vehicle, a trip update or other content"
    )
    own, header = _seconds("observed_at"), _seconds("header.timestamp")
    tolerance = contract.future_tolerance.total_seconds()
    ahead = pl.col("entity").is_not_null() & (header > 0) & (own > header + tolerance) & (own < YEAR_10000_S)
    future = told.filter(ahead.fill_null(False)).select(
        "document",
        "place",
        pl.lit(str(Code.FROM_FUTURE)).alias("code"),
        pl.lit(contract.event_time).alias("column"),
        shortened(pl.col("observed_at")).alias("found"),
        pl.format(f"at most {tolerance:g} s after its header, {{}}", pl.col("header.timestamp")).alias("expected"),
        pl.lit(None, pl.Date).alias("event_date"),
    )
    good = told.filter(pl.col("entity").is_not_null() & ~ahead.fill_null(False))
    return good, pl.concat([blank, future], how="diagonal")


def _seconds(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64, strict=False)
