"""Stations of air quality and noise as they stand. What they measure is the feed air_quality."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

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
    key=("station_id", "valid_from"),
)
