"""Cameras as they stand: place and the area they watch. What they conclude is the feed camera_events."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.places import DISTRICT, LAT, LON, clock_offset

CONTRACT = Contract(
    name="cameras",
    layer="reference",
    domain="safety",
    version=1,
    doc="One camera from one instant on, until a later row of the same one.",
    columns=(
        Column("camera_id", "string", "camera", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column(
            "area_m2",
            "float",
            "area in which it counts people; stands in where events say none",
            unit="m2",
            minimum=0.1,
            maximum=1e7,
        ),
        Column(
            "crowd",
            "string",
            "what people do there: the bands of density of a walkway, or of people who stand and wait",
            default="walking",
            nullable=False,
            allowed=("walking", "standing"),
        ),
        DISTRICT,
        clock_offset(),
        LAT,
        LON,
    ),
    key=("camera_id", "valid_from"),
)
