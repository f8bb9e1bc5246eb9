"""Car parks as they stand: place, size, and how long their reports are believed. Reports are the feed parking_occupancy."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

CONTRACT = Contract(
    name="car_parks",
    layer="reference",
    domain="traffic",
    version=1,
    doc="One car park or bay from one instant on, until a later row of the same one.",
    columns=(
        Column("facility_id", "string", "car park or bay", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column("name", "string", "name of the car park"),
        Column("district", "string", "district it stands in", default="unknown", nullable=False),
        Column("capacity", "int", "spaces there are; stands in where reports say none", unit="spaces", minimum=0, maximum=100000),
        Column("lat", "float", "latitude, WGS 84", unit="deg", minimum=-90, maximum=90),
        Column("lon", "float", "longitude, WGS 84", unit="deg", minimum=-180, maximum=180),
        Column(
            "report_ttl_s",
            "int",
            "how long a report is believed; empty: the threshold parking_report_ttl_s",
            unit="s",
            minimum=1,
            maximum=86400,
        ),
        Column(
            "clock_offset_s",
            "int",
            "seconds by which the car park's clock runs ahead",
            unit="s",
            default=0,
            nullable=False,
            minimum=-86400,
            maximum=86400,
        ),
    ),
    key=("facility_id", "valid_from"),
)
