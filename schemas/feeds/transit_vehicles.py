"""Transit vehicles: where a bus, tram or train is, on which trip, and how late.

The timetable is reference/transit_schedule; passengers do not belong in the lake.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, RowRule

CONTRACT = Contract(
    name="transit_vehicles",
    layer="feed",
    domain="traffic",
    kind="states",
    version=1,
    doc="One observation of one vehicle. Polls repeat the last one until the vehicle says something new.",
    columns=(
        Column("vehicle_id", "string", "vehicle", nullable=False, pattern=IDENTIFIER),
        Column("observed_at", "instant", "when the vehicle was observed", nullable=False),
        Column("trip_id", "string", "trip of the timetable", pattern=IDENTIFIER),
        Column("route_id", "string", "route", pattern=IDENTIFIER),
        Column("direction_id", "int", "direction of travel, 0 or 1", minimum=0, maximum=1),
        Column("service_date", "date", "service day on which the trip started"),
        Column("lat", "float", "latitude, WGS 84", unit="deg", minimum=-90, maximum=90),
        Column("lon", "float", "longitude, WGS 84", unit="deg", minimum=-180, maximum=180),
        Column("bearing_deg", "float", "bearing, clockwise from north", unit="deg", minimum=0, maximum=360),
        Column("speed_kmh", "float", "speed at the moment", unit="km/h", minimum=0, maximum=600),
        Column("delay_s", "int", "delay against the timetable; negative is early", unit="s", minimum=-86400, maximum=86400),
        Column("stop_id", "string", "stop it stands at or comes to next", pattern=IDENTIFIER),
        Column("stop_sequence", "int", "place of that stop in the trip", minimum=0, maximum=100000),
        Column(
            "stop_status",
            "string",
            "where it is relative to that stop",
            allowed=("incoming_at", "stopped_at", "in_transit_to"),
        ),
        Column("occupancy", "string", "how full it is, in the words of GTFS-Realtime OccupancyStatus", pattern=IDENTIFIER),
        Column(
            "occupancy_share",
            "float",
            "share of its places taken; more than 1 where it is overfull",
            unit="share",
            minimum=0,
            maximum=3,
        ),
    ),
    key=("vehicle_id", "observed_at"),
    event_time="observed_at",
    row_rules=(RowRule("not_null_island", "NOT (lat = 0 AND lon = 0)", "no vehicle is at 0, 0"),),
    future_tolerance=timedelta(minutes=1),
    late_after=timedelta(minutes=15),
    sources=("GTFS Realtime Reference, version 2.0, VehiclePosition and TripUpdate",),
)
