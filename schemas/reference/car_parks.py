"""Car parks as they stand: place, size, and how long their reports are believed. Reports are the feed parking_occupancy."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.places import DISTRICT, LAT, LON, clock_offset

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
        DISTRICT,
        Column("capacity", "int", "spaces there are; stands in where reports say none", unit="spaces", minimum=0, maximum=100000),
        LAT,
        LON,
        Column(
            "report_ttl_s",
            "int",
            "how long a report is believed; empty: the threshold parking_report_ttl_s",
            unit="s",
            minimum=1,
            maximum=86400,
        ),
        clock_offset("the car park's"),
    ),
    key=("facility_id", "valid_from"),
)
