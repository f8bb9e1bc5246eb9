"""Stations of air quality and noise as they stand. What they measure is the feed air_quality."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.places import DISTRICT, LAT, LON, clock_offset

CONTRACT = Contract(
    name="air_stations",
    layer="reference",
    domain="safety",
    version=1,
    doc="One station from one instant on, until a later row of the same one.",
    columns=(
        Column("station_id", "string", "station", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column("name", "string", "name to show"),
        Column(
            "site",
            "string",
            "kind of site",
            default="unknown",
            nullable=False,
            allowed=("traffic", "industrial", "background", "unknown"),
        ),
        DISTRICT,
        clock_offset(),
        LAT,
        LON,
    ),
    key=("station_id", "valid_from"),
)
