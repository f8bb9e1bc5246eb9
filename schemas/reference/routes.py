"""Routes: the stretches of road that travel times are about, from one end to the other.

Detectors at a point are sensors.
"""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

CONTRACT = Contract(
    name="routes",
    layer="reference",
    domain="traffic",
    version=1,
    doc="One route from one instant on, until a later row of the same route.",
    columns=(
        Column("route_id", "string", "route, in one direction", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column("road", "string", "road it follows"),
        Column("district", "string", "district it lies in", default="unknown", nullable=False),
        Column("length_m", "float", "length", unit="m", minimum=1, maximum=1e6),
        Column(
            "free_flow_s",
            "float",
            "time from end to end on an empty road: the agency's reference time, or the length over the free-flow speed",
            unit="s",
            minimum=0.001,
            maximum=172800,
        ),
        Column("lat", "float", "latitude of its middle, WGS 84", unit="deg", minimum=-90, maximum=90),
        Column("lon", "float", "longitude of its middle, WGS 84", unit="deg", minimum=-180, maximum=180),
    ),
    key=("route_id", "valid_from"),
)
