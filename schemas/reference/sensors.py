"""Sensors: where a traffic detector stands, what it measures, and what must be corrected in what it says.

Meters have a table of their own.
"""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.places import DISTRICT, LAT, LON, clock_offset

SEGMENT_LIMITS = (
    ("incident_difference_min_share", "incident_occupancy_difference_min_share", "share"),
    ("incident_relative_difference_min", "incident_occupancy_relative_difference_min", "1"),
    ("incident_downstream_max_share", "incident_downstream_occupancy_max_share", "share"),
)
"""Columns that calibrate incident detection by segment, and the threshold that holds where they are empty."""

CONTRACT = Contract(
    name="sensors",
    layer="reference",
    domain="traffic",
    version=1,
    doc="One traffic detector from one instant on, until a later row of the same detector.",
    columns=(
        Column("sensor_id", "string", "detector", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column("kind", "string", "kind of detector", default="loop", nullable=False),
        Column("road", "string", "road it watches"),
        Column("direction", "string", "direction of travel"),
        DISTRICT,
        Column("lanes", "int", "lanes it covers", minimum=1, maximum=20),
        Column("free_flow_kmh", "float", "speed on an empty road", unit="km/h", minimum=1, maximum=250),
        Column("segment_km", "float", "length of road the detector stands for", unit="km", minimum=0),
        Column("road_km", "float", "where it stands along the road, growing in the direction of travel", unit="km", minimum=0),
        Column("effective_length_m", "float", "mean vehicle length plus detector length", unit="m", minimum=0.5, maximum=50),
        *(
            Column(
                name,
                "float",
                f"threshold of its own for {limit}, for the stretch up to the next detector",
                unit=unit,
                minimum=0,
                maximum=1,
            )
            for name, limit, unit in SEGMENT_LIMITS
        ),
        LAT,
        LON,
        Column(
            "speed_factor",
            "float",
            "true speed over reported speed, such as 1.609344 for mph read as km/h",
            default=1.0,
            nullable=False,
            minimum=0.01,
            maximum=100,
        ),
        Column(
            "occupancy_factor",
            "float",
            "true occupancy over reported occupancy",
            default=1.0,
            nullable=False,
            minimum=0.0001,
            maximum=1,
        ),
        clock_offset("the detector's"),
    ),
    key=("sensor_id", "valid_from"),
)
