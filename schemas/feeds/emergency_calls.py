"""Emergency calls: one row per incident and responding unit, with the instants of the response.

No caller, no free text, no street address: they do not belong in the lake. A place is a cell of some 130 m, no house.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, RowRule


def _after_receipt(column: str) -> RowRule:
    return RowRule(f"{column}_after_receipt", f"{column} >= received_at", f"{column} is not before received_at")


CONTRACT = Contract(
    name="emergency_calls",
    layer="feed",
    domain="safety",
    kind="events",
    version=2,
    doc="One unit's response to one incident.",
    columns=(
        Column("incident_id", "string", "incident", nullable=False, pattern=IDENTIFIER),
        Column(
            "unit_id", "string", "responding unit; 'none' before one is sent", nullable=False, pattern=IDENTIFIER, default="none"
        ),
        Column("call_type", "string", "type of the call, in the dispatch desk's words", nullable=False, pattern=IDENTIFIER),
        Column(
            "priority", "string", "priority, in the dispatch desk's words", nullable=False, pattern=IDENTIFIER, default="unknown"
        ),
        Column("district", "string", "district or township", nullable=False, pattern=IDENTIFIER, default="unknown"),
        Column("received_at", "instant", "call received", nullable=False),
        Column("dispatched_at", "instant", "unit dispatched"),
        Column("en_route_at", "instant", "unit on its way"),
        Column("on_scene_at", "instant", "unit on scene"),
        Column("cleared_at", "instant", "unit free again"),
        Column("lat", "float", "latitude, WGS 84", unit="deg", minimum=-90, maximum=90, privacy="coarsen", coarsen="h3:10"),
        Column("lon", "float", "longitude, WGS 84", unit="deg", minimum=-180, maximum=180, privacy="coarsen", coarsen="h3:10"),
    ),
    key=("incident_id", "unit_id"),
    event_time="received_at",
    row_rules=(
        _after_receipt("dispatched_at"),
        _after_receipt("en_route_at"),
        _after_receipt("on_scene_at"),
        _after_receipt("cleared_at"),
        RowRule("not_null_island", "NOT (lat = 0 AND lon = 0)", "the place is not 0 N 0 E"),
    ),
    late_after=timedelta(hours=6),
    retention_days=3650,
    sources=(
        "NFPA 1710, 2020 edition, section 3.3.53 (events of the response)",
        "NENA-STA-020.1-2020",
        "RFC 4287, The Atom Syndication Format (2005)",
        "OGC 17-002r1, GeoRSS Encoding Standard (2017)",
    ),
    # an entry keeps its id and when it was published; what is told of it later is a correction
    wire={
        "atom": {
            "columns": {
                "incident_id": {"from": ["id", "link"], "combine": "first"},
                "call_type": {"from": ["category", "title"], "combine": "first"},
                "received_at": {"from": ["published", "updated"], "combine": "first"},
                "lat": "point.lat",
                "lon": "point.lon",
            }
        }
    },
)
