"""Transit schedule: the stops of every trip of the timetable.

On which days a trip runs is said by its service, in transit_services.
"""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

CONTRACT = Contract(
    name="transit_schedule",
    layer="reference",
    domain="traffic",
    version=1,
    doc=(
        "One stop of one trip. Times are seconds from the start of the service day, transit_services.starts_at, and go on "
        "past 86400 after midnight."
    ),
    columns=(
        Column("trip_id", "string", "trip", nullable=False, pattern=IDENTIFIER),
        Column("stop_sequence", "int", "place of the stop in the trip", nullable=False, minimum=0, maximum=100000),
        Column("valid_from", "instant", "from when the timetable holds", nullable=False),
        Column("publisher", "string", "who publishes the timetable", default="unknown", nullable=False, pattern=IDENTIFIER),
        Column("stop_id", "string", "stop", nullable=False, pattern=IDENTIFIER),
        Column("route_id", "string", "route", nullable=False, pattern=IDENTIFIER),
        Column("direction_id", "int", "direction of travel, 0 or 1", minimum=0, maximum=1),
        Column("service_id", "string", "service: the days on which the trip runs", nullable=False, pattern=IDENTIFIER),
        Column("arrival_s", "int", "arrival; empty where it is not timed", unit="s", minimum=0, maximum=864000),
        Column("departure_s", "int", "departure; empty where it is not timed", unit="s", minimum=0, maximum=864000),
        Column("is_timepoint", "bool", "whether vehicles keep to these times; empty: as far as there are any"),
    ),
    key=("publisher", "trip_id", "stop_sequence", "valid_from"),
    sources=("GTFS Schedule Reference, revised 2026-04-27, stop_times.txt and trips.txt",),
    wire={
        "gtfs_static/stop_times": {
            "columns": {
                "trip_id": "trip_id",
                "stop_sequence": "stop_sequence",
                "valid_from": "valid_from",
                "publisher": "publisher",
                "stop_id": "stop_id",
                "route_id": "route_id",
                "direction_id": "direction_id",
                "service_id": "service_id",
                "arrival_s": "arrival_s",
                "departure_s": "departure_s",
                "is_timepoint": "timepoint",
            }
        }
    },
)
