"""Service requests (311): what a city's register said of each request, every time it said so.

No name, no telephone number, no free text, no photograph: they do not belong in the lake.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, RowRule
from schemas.places import LAT, LON

# GeoReport knows open and closed; SeeClickFix, which serves many cities, two more
_STATUS = {"Open": "open", "Closed": "closed", "acknowledged": "open", "archived": "closed"}

_GEOREPORT = {
    "request_id": "service_request_id",
    # a request that was never touched says no update
    "updated_at": {"from": ["updated_datetime", "requested_datetime"], "combine": "first"},
    "service_code": {"from": ["service_code", "service_name"], "combine": "first"},
    "status": {"from": "status", "values": _STATUS},
    "requested_at": "requested_datetime",
    "expected_at": "expected_datetime",
}


def _place(name: str) -> dict[str, object]:
    """A coordinate; servers write 0 of requests that have no place."""
    return {"from": name, "nulls": [0]}


CONTRACT = Contract(
    name="service_requests",
    layer="feed",
    domain="services",
    kind="states",
    version=1,
    doc="One version of one request: it holds until the next. Registers keep the latest alone; the lake keeps all.",
    columns=(
        Column("request_id", "string", "request", nullable=False, pattern=IDENTIFIER),
        Column("updated_at", "instant", "when the register last changed it", nullable=False),
        Column("service_code", "string", "service asked for, by the register's code", nullable=False, pattern=IDENTIFIER),
        Column("status", "string", "open, or closed", nullable=False, allowed=("open", "closed")),
        Column("requested_at", "instant", "when it was asked for", nullable=False),
        Column("expected_at", "instant", "when the city promised to have it done"),
        Column("closed_at", "instant", "when it was closed, where the register says so"),
        Column("district", "string", "district", nullable=False, pattern=IDENTIFIER, default="unknown"),
        LAT,
        LON,
    ),
    key=("request_id", "updated_at"),
    event_time="updated_at",
    row_rules=(
        RowRule("closed_after_requested", "closed_at >= requested_at", "closed_at is not before requested_at"),
        RowRule("updated_after_requested", "updated_at >= requested_at", "updated_at is not before requested_at"),
        RowRule("not_null_island", "NOT (lat = 0 AND lon = 0)", "the place is not 0 N 0 E"),
    ),
    late_after=timedelta(days=1),
    retention_days=3650,
    sources=(
        "Open311 GeoReport v2",
        "Socrata Open Data API (SODA) 2.1",
        "FIWARE Smart Data Models, IssueTracking/service_requests",
    ),
    wire={
        "open311": {"columns": _GEOREPORT | {"closed_at": "closed_datetime", "lat": _place("lat"), "lon": _place("long")}},
        # the data model has no time of closing either; which version closed first is told by the history
        "ngsi/service_requests": {"columns": _GEOREPORT | {"lat": "location.lat", "lon": "location.lon"}},
    },
)
