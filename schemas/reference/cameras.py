"""Cameras as they stand: place and the area they watch. What they conclude is the feed camera_events."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

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
        Column("district", "string", "district it stands in", default="unknown", nullable=False),
        Column(
            "clock_offset_s",
            "int",
            "seconds by which the clock runs ahead",
            unit="s",
            default=0,
            nullable=False,
            minimum=-86400,
            maximum=86400,
        ),
        Column("lat", "float", "latitude, WGS 84", unit="deg", minimum=-90, maximum=90),
        Column("lon", "float", "longitude, WGS 84", unit="deg", minimum=-180, maximum=180),
    ),
    key=("camera_id", "valid_from"),
)
