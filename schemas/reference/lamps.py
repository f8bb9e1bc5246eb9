"""Street lights as they stand: place, rated power, cabinet. What they report is the feed streetlights."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

CONTRACT = Contract(
    name="lamps",
    layer="reference",
    domain="energy",
    version=1,
    doc="One street light from one instant on, until a later row of the same one.",
    columns=(
        Column("lamp_id", "string", "street light", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column("rated_w", "float", "power at full light, ballast included", unit="W", minimum=0, maximum=10000),
        Column("lamp_type", "string", "technology, such as LED or HPS"),
        Column("cabinet_id", "string", "control cabinet that switches it"),
        Column("district", "string", "district it stands in", default="unknown", nullable=False),
        Column(
            "report_ttl_s",
            "int",
            "how long a report is believed, else lamp_report_ttl_s; a day and more where lamps report changes alone",
            unit="s",
            minimum=1,
            maximum=172800,
        ),
        Column(
            "power_scale",
            "float",
            "true power over reported power, such as 1000 for kW read as W",
            default=1.0,
            nullable=False,
            minimum=1e-6,
            maximum=1e6,
        ),
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
    key=("lamp_id", "valid_from"),
)
