"""Bytes of simulated GTFS-Realtime, read by the standard's own library."""

import json

import numpy as np
import polars as pl
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.transit import gtfs_realtime_pb2

from pipelines.simulator import protobuf_text, transit_entities

ROWS = pl.DataFrame(
    {
        "vehicle_id": ["1001", "1002"],
        "trip_id": ["T1A001", "T1B002"],
        "route_id": ["L1", "L1"],
        "direction": [0, 1],
        "service_date": ["20260601", "20260601"],
        "stamp_s": [1_780_282_800, 1_780_282_830],
        "lat": [52.5, -33.25],
        "lon": [13.25, 151.5],
        "speed_ms": [0.0, 9.5],
        "status": [1, 2],
        "stop_id": ["L1A01", "L1B02"],
        "stop_sequence": [1, 2],
        "late_s": [-75, 300],
        "is_update": [False, True],
    }
)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**62, -1, -75])
def test_varints_are_those_of_the_library(value):
    ours = protobuf_text.integer(5, np.array([value]))[0].encode("latin-1")
    if value < 0:  # a negative number is of type int32
        assert gtfs_realtime_pb2.TripUpdate.FromString(ours).delay == value
    else:
        assert gtfs_realtime_pb2.VehiclePosition.FromString(ours).timestamp == value


def test_many_varints_of_different_lengths_at_once():
    values = [3, 300, -1, 70_000]
    ours = [t.encode("latin-1") for t in protobuf_text.integer(5, np.array(values))]
    assert [gtfs_realtime_pb2.TripUpdate.FromString(b).delay for b in ours] == values


def test_entities_are_what_the_library_reads_and_two_messages_make_one():
    header = transit_entities.header(np.array([1_780_282_900, 1_780_283_000]))
    entities = transit_entities.protobuf(ROWS)
    body = "".join((header[0], entities[0], header[1], entities[1])).encode("latin-1")
    message = gtfs_realtime_pb2.FeedMessage.FromString(body)
    assert message.IsInitialized()
    assert message.header.timestamp == 1_780_283_000
    position, update = message.entity
    assert (position.id, position.vehicle.trip.trip_id, position.vehicle.vehicle.id) == ("v1001", "T1A001", "1001")
    assert (position.vehicle.position.latitude, position.vehicle.position.longitude) == (52.5, 13.25)
    assert (position.vehicle.current_status, position.vehicle.timestamp) == (1, 1_780_282_800)
    stop = update.trip_update.stop_time_update[0]
    assert (stop.stop_sequence, stop.stop_id, stop.departure.delay) == (2, "L1B02", 300)
    assert update.trip_update.trip.direction_id == 1


def test_json_says_the_same_as_protobuf():
    texts = ROWS.select(transit_entities.json()).to_series()
    binary = transit_entities.protobuf(ROWS)
    header = transit_entities.header(np.array([5]))[0]
    for text, entity in zip(texts, binary, strict=True):
        read = gtfs_realtime_pb2.FeedMessage.FromString((header + entity).encode("latin-1")).entity[0]
        said = ParseDict(json.loads(text), gtfs_realtime_pb2.FeedEntity())
        assert MessageToDict(said) == MessageToDict(read)
