"""Transit vehicles: where a bus, tram or train is, on which trip, and how late.

The timetable is reference/transit_schedule; passengers do not belong in the lake.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, RowRule, TableRule
from schemas.health import Health, stamped_ahead
from schemas.places import LAT, LON

STATUS = {"INCOMING_AT": "incoming_at", "STOPPED_AT": "stopped_at", "IN_TRANSIT_TO": "in_transit_to"}


def either(*names: str) -> dict:
    """The first of several fields that a message has."""
    return {"from": list(names), "combine": "first"}


def of_trip(name: str) -> dict:
    """A field of the trip, which a position and an update say alike."""
    return either(f"vehicle.trip.{name}", f"trip_update.trip.{name}")


NEXT_STOP = "trip_update.stop_time_update"
MESSAGE = {
    "time_format": "epoch_s",
    "where": "entity = 'vehicle' OR entity = 'trip_update'",
    "columns": {
        "vehicle_id": either(
            *("vehicle.vehicle.id", "trip_update.vehicle.id", "vehicle.vehicle.label", "trip_update.vehicle.label"),
            *("vehicle.trip.trip_id", "trip_update.trip.trip_id", "id"),
        ),
        "said_by": "said_by",
        "observed_at": "observed_at",
        "header_at": {"from": "header.timestamp", "nulls": [0, "0"]},
        "trip_id": of_trip("trip_id"),
        "route_id": of_trip("route_id"),
        "direction_id": of_trip("direction_id"),
        "service_date": of_trip("start_date") | {"format": "%Y%m%d"},
        "lat": "vehicle.position.latitude",
        "lon": "vehicle.position.longitude",
        "bearing_deg": "vehicle.position.bearing",
        "speed_kmh": {"from": "vehicle.position.speed", "unit": "m/s"},
        "delay_s": either(f"{NEXT_STOP}.departure.delay", f"{NEXT_STOP}.arrival.delay", "trip_update.delay"),
        "stop_id": either("vehicle.stop_id", f"{NEXT_STOP}.stop_id"),
        "stop_sequence": either("vehicle.current_stop_sequence", f"{NEXT_STOP}.stop_sequence"),
        "stop_status": {"from": "vehicle.current_status", "values": STATUS | dict(zip("012", STATUS.values(), strict=True))},
        "occupancy": "vehicle.occupancy_status",
        "occupancy_share": {"from": "vehicle.occupancy_percentage", "unit": "percent"},
    },
}

CONTRACT = Contract(
    name="transit_vehicles",
    layer="feed",
    domain="traffic",
    kind="states",
    version=1,
    doc=(
        "One observation of one vehicle, or what a trip update says of its delay at the next stop. Polls repeat the last "
        "one until the vehicle says something new: a repeat, whatever the header of the poll."
    ),
    columns=(
        Column(
            "vehicle_id",
            "string",
            "vehicle; its label where it has no id, and the trip where an update names no vehicle",
            nullable=False,
            pattern=IDENTIFIER,
        ),
        Column("observed_at", "instant", "when the vehicle was observed, or else when the message was made", nullable=False),
        Column(
            "said_by",
            "string",
            "what says so: `vehicle`, a position; or `trip_update` and the trip it is about",
            nullable=False,
            default="vehicle",
            pattern=r"^(vehicle|trip_update( [^\x00-\x1f\x7f]{1,400})?)$",
        ),
        Column("header_at", "instant", "when the message that said so was made", of_delivery=True),
        Column("trip_id", "string", "trip of the timetable", pattern=IDENTIFIER),
        Column("route_id", "string", "route", pattern=IDENTIFIER),
        Column("direction_id", "int", "direction of travel, 0 or 1", minimum=0, maximum=1),
        Column("service_date", "date", "service day on which the trip started"),
        LAT,
        LON,
        Column("bearing_deg", "float", "bearing, clockwise from north", unit="deg", minimum=0, maximum=360),
        Column("speed_kmh", "float", "speed at the moment", unit="km/h", minimum=0, maximum=600),
        Column("delay_s", "int", "delay against the timetable; negative is early", unit="s", minimum=-86400, maximum=86400),
        Column("stop_id", "string", "stop it stands at or comes to next", pattern=IDENTIFIER),
        Column("stop_sequence", "int", "place of that stop in the trip", minimum=0, maximum=100000),
        Column("stop_status", "string", "where it is relative to that stop", allowed=tuple(STATUS.values())),
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
    key=("vehicle_id", "observed_at", "said_by"),
    event_time="observed_at",
    row_rules=(RowRule("not_null_island", "NOT (lat = 0 AND lon = 0)", "no vehicle is at 0, 0"),),
    table_rules=(
        TableRule(
            "speed_is_possible",
            "SELECT count(*) FROM this WHERE speed_kmh > 93.6",
            "no bus drives more than 26 m/s (validator W004: miles per hour for metres per second; trains may)",
        ),
        TableRule(
            "not_ahead_of_its_header",
            "SELECT count(*) FROM this WHERE observed_at > header_at",
            "no entity is later than its message (validator E012; by more than the future tolerance it is refused)",
        ),
        TableRule(
            "header_goes_forward",
            "SELECT count(*) FROM (SELECT header_at, lag(header_at) OVER (PARTITION BY vehicle_id, said_by "
            "ORDER BY _received_at, header_at) AS earlier FROM this) WHERE header_at < earlier",
            "a later poll has no earlier header (validator E018: several servers behind one address)",
        ),
    ),
    # Only positions show a vehicle; what is said of trips is not judged. A vehicle that says nothing for long is out of service.
    health=Health(
        rows="SELECT * FROM refined.transit_vehicles WHERE said_by = 'vehicle'",
        value="CASE WHEN trip_id IS NOT NULL THEN round(lat * 100000) * 100000000 + round(lon * 100000) END",
        holds_s="threshold('health_transit_ttl_s')",
        break_s="threshold('health_transit_break_s')",
        is_high="coalesce(speed_kmh > threshold('health_transit_high_speed_kmh'), false)",
        is_constant="length * interval_s >= threshold('health_transit_constant_run_s')",
        is_clock_off=stamped_ahead("observed_at"),
        tests=(
            ("insufficient", "coverage_share < threshold('health_min_coverage_share')"),
            ("high_value", "high_share > threshold('health_high_share')"),
            ("stuck", "constant_share > threshold('health_transit_constant_share')"),
        ),
    ),
    future_tolerance=timedelta(seconds=60),
    late_after=timedelta(minutes=15),
    sources=(
        "GTFS Realtime Reference, version 2.0, VehiclePosition and TripUpdate",
        "MobilityData gtfs-realtime-validator, RULES.md: E001, E012, E018, E026, E027, E050 (60 s), W001, W002, W004 (26 m/s)",
    ),
    # a bus has its plate painted on it: GTFS Realtime tells it of vehicles on duty
    forbids=("image", "biometric"),
    wire={"gtfs_realtime": MESSAGE},
)
