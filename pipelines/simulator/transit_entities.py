"""Vehicle positions and trip updates as GTFS-Realtime writes them: protobuf, and the JSON of the same names.

What vehicles say, and when, is in transit_vehicles.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator.protobuf_text import float32, integer, joined, text

STOPPED_AT, IN_TRANSIT_TO = 1, 2
STATUS = {STOPPED_AT: "STOPPED_AT", IN_TRANSIT_TO: "IN_TRANSIT_TO"}
COLUMNS = ("vehicle_id", "trip_id", "route_id", "direction", "service_date", "stamp_s", "lat", "lon", "speed_ms", "status",
           "stop_id", "stop_sequence", "late_s", "is_update")  # fmt: skip
"""What both forms are made of; `late_s` is said by updates, places by positions."""


def protobuf(rows: pl.DataFrame) -> pl.Series:
    """Each row as the field `entity` of a FeedMessage, a character a byte."""
    trip = joined(
        text(1, rows["trip_id"]), text(3, rows["service_date"]), text(5, rows["route_id"]), integer(6, _number(rows, "direction"))
    )
    vehicle, stamp = text(1, rows["vehicle_id"]), _number(rows, "stamp_s")
    place = joined(
        float32(1, rows["lat"].to_numpy()), float32(2, rows["lon"].to_numpy()), float32(5, rows["speed_ms"].to_numpy())
    )
    position = joined(
        text(1, trip), text(2, place), integer(3, _number(rows, "stop_sequence")), integer(4, _number(rows, "status")),
        integer(5, stamp), text(7, rows["stop_id"]), text(8, vehicle),
    )  # fmt: skip
    late = integer(1, _number(rows, "late_s"))
    stop = joined(integer(1, _number(rows, "stop_sequence")), text(2, late), text(3, late), text(4, rows["stop_id"]))
    update = joined(text(1, trip), text(2, stop), text(3, vehicle), integer(4, stamp))
    bodies = pl.DataFrame({"is_update": rows["is_update"], "update": text(3, update), "position": text(4, position)})
    content = bodies.select(pl.when("is_update").then("update").otherwise("position")).to_series()
    kind = rows.select(pl.when("is_update").then(pl.lit("u")).otherwise(pl.lit("v"))).to_series()
    return text(2, joined(text(1, joined(kind, rows["vehicle_id"])), content))


def _number(rows: pl.DataFrame, name: str) -> np.ndarray:
    return rows[name].cast(pl.Int64).to_numpy()


def header(stamps: np.ndarray) -> pl.Series:
    """The field `header` of FeedMessages, a character a byte."""
    version = pl.Series(["2.0"]).new_from_index(0, len(stamps))
    return text(1, joined(text(1, version), integer(2, np.zeros(len(stamps), np.int64)), integer(3, stamps)))


def json() -> pl.Expr:
    """Each row as an entity of JSON."""
    trip = pl.concat_str(
        pl.lit('"trip":{"trip_id":"'), "trip_id", pl.lit('","start_date":"'), "service_date", pl.lit('","route_id":"'),
        "route_id", pl.lit('","direction_id":'), "direction", pl.lit('},"vehicle":{"id":"'), "vehicle_id",
        pl.lit('"},"timestamp":'), "stamp_s",
    )  # fmt: skip
    # what is a float there is as exact here
    lat, lon, speed = (pl.col(c).cast(pl.Float32).cast(pl.Float64) for c in ("lat", "lon", "speed_ms"))
    status = pl.col("status").replace_strict(STATUS, return_dtype=pl.String)
    position = pl.concat_str(
        pl.lit('{"id":"v'), "vehicle_id", pl.lit('","vehicle":{'), trip, pl.lit(',"position":{"latitude":'), lat,
        pl.lit(',"longitude":'), lon, pl.lit(',"speed":'), speed, pl.lit('},"current_stop_sequence":'), "stop_sequence",
        pl.lit(',"current_status":"'), status, pl.lit('","stop_id":"'), "stop_id", pl.lit('"}}'),
    )  # fmt: skip
    late = pl.concat_str(pl.lit('{"delay":'), "late_s", pl.lit("}"))
    update = pl.concat_str(
        pl.lit('{"id":"u'), "vehicle_id", pl.lit('","trip_update":{'), trip, pl.lit(',"stop_time_update":[{"stop_sequence":'),
        "stop_sequence", pl.lit(',"arrival":'), late, pl.lit(',"departure":'), late, pl.lit(',"stop_id":"'), "stop_id",
        pl.lit('"}]}}'),
    )  # fmt: skip
    return pl.when("is_update").then(update).otherwise(position)
