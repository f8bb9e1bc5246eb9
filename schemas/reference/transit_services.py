"""Transit services: on which days the trips of a service run. The trips are in transit_schedule."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

CONTRACT = Contract(
    name="transit_services",
    layer="reference",
    domain="traffic",
    version=1,
    doc=(
        "One service on one service day. A service day begins at noon minus 12 h of the agency's zone: at midnight, but for "
        "days on which the clocks change."
    ),
    columns=(
        Column("service_id", "string", "service", nullable=False, pattern=IDENTIFIER),
        Column("service_date", "date", "service day", nullable=False),
        Column("valid_from", "instant", "from when the timetable holds", nullable=False),
        Column("publisher", "string", "who publishes the timetable", default="unknown", nullable=False, pattern=IDENTIFIER),
        Column("starts_at", "instant", "noon minus 12 h of the service day", nullable=False),
    ),
    key=("publisher", "service_id", "service_date", "valid_from"),
    sources=("GTFS Schedule Reference, revised 2026-04-27, calendar.txt, calendar_dates.txt, and the type Time",),
    wire={
        "gtfs_static/services": {
            "columns": {
                "service_id": "service_id",
                "service_date": {"from": "service_date", "format": "%Y%m%d"},
                "valid_from": "valid_from",
                "publisher": "publisher",
                "starts_at": "starts_at",
            }
        }
    },
)
