"""Camera events: what analytics beside a camera concluded from its picture.

No image, no face template, no plate, and nothing from which a person could be known: they never enter the lake.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule
from schemas.health import Health, stamped_ahead

# Entities that are one observation each carry its time in their id; the camera is what stays.
_WITHOUT_TIME = r"^(.+?)(?:[-_:]\d{4}-\d{2}-\d{2}T.*)?$"

# Sub-categories of the model that are conclusions of this feed. Nearest to an intrusion is a suspicious action; a robbery or
# an assault is none. Beside them the feed's own words are understood.
_KINDS = {"carWrongDirection": "wrong_way", "fallenPatient": "person_down", "suspiciousAction": "intrusion"}
_ALERTS = ("person_down", "intrusion", "abandoned_object", "wrong_way", "watchlist_alert")

CONTRACT = Contract(
    name="camera_events",
    layer="feed",
    domain="safety",
    kind="events",
    version=1,
    doc="One conclusion of one camera's analytics.",
    columns=(
        Column("camera_id", "string", "camera", nullable=False, pattern=IDENTIFIER),
        Column("event_id", "string", "event, by the camera's own number", nullable=False, pattern=IDENTIFIER),
        Column(
            "kind",
            "string",
            "what was concluded",
            nullable=False,
            allowed=("crowd_count", *_ALERTS),
        ),
        Column("confidence", "float", "how sure the analytics are, 0 to 1", minimum=0, maximum=1),
        Column("people_count", "int", "people counted", unit="people", minimum=0, maximum=1000000),
        Column("area_m2", "float", "area in which people were counted", unit="m2", minimum=0.1, maximum=1e7),
        Column("captured_at", "instant", "when the picture was taken", nullable=False),
        Column("received_at", "instant", "when the city's desk received the event"),
    ),
    key=("camera_id", "event_id"),
    event_time="captured_at",
    row_rules=(
        RowRule("received_after_capture", "received_at >= captured_at", "received_at is not before captured_at"),
        RowRule("crowd_is_counted", "kind <> 'crowd_count' OR people_count IS NOT NULL", "a crowd_count carries people_count"),
    ),
    described=Described("cameras", on="camera_id", clock="clock_offset_s"),
    # Of a camera that counts people more is known than of one that speaks when something happens: of the latter, that it spoke.
    health=Health(
        value="people_count",
        holds_s="threshold('crowd_count_ttl_s')",
        is_zero="CASE WHEN kind = 'crowd_count' THEN people_count = 0 END",
        is_high="coalesce(people_count / coalesce(area_m2, device.area_m2) > threshold('health_camera_high_per_m2'), false)",
        is_constant="length * interval_s >= threshold('health_camera_constant_run_s')",
        is_clock_off=stamped_ahead("captured_at"),
        tests=(
            ("insufficient", "zero_share IS NOT NULL AND coverage_share < threshold('health_min_coverage_share')"),
            ("high_value", "high_share > threshold('health_high_share')"),
            ("stuck", "constant_share > 0"),
        ),
    ),
    late_after=timedelta(minutes=10),
    retention_days=30,
    sources=("FIWARE Smart Data Models, Alert/Alert and Transportation/CrowdFlowObserved",),
    wire={
        "ngsi/CrowdFlowObserved": {
            "columns": {
                "camera_id": {"from": ["refDevice", "id"], "combine": "first", "pattern": _WITHOUT_TIME},
                # a broker keeps one entity and updates it: the time tells its observations apart
                "event_id": ["id", "dateObserved"],
                "kind": {"constant": "crowd_count"},
                "people_count": "peopleCount",
                "captured_at": {"from": ["dateObserved.end", "dateObserved"], "combine": "first"},
            }
        },
        "ngsi/Alert": {
            "columns": {
                "camera_id": "alertSource",
                "event_id": "id",
                "kind": {"from": "subCategory", "values": _KINDS},
                "confidence": "data.confidence",
                "captured_at": {"from": ["validFrom", "dateIssued"], "combine": "first"},
            },
            # weather, pollen and traffic jams are alerts as well, of somebody else
            "where": f"subCategory IN ({', '.join(repr(k) for k in (*_KINDS, *_ALERTS))})",
        },
    },
)
