"""Street lights as they stand: place, rated power, cabinet. What they report is the feed streetlights."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.places import DISTRICT, LAT, LON, clock_offset

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
        DISTRICT,
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
        clock_offset(),
        LAT,
        LON,
    ),
    key=("lamp_id", "valid_from"),
)
