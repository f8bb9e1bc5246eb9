"""Parking occupancy: how full a car park, or a single bay, is when it says so.

Tariffs and single vehicles do not belong in the lake.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule

CONTRACT = Contract(
    name="parking_occupancy",
    layer="feed",
    domain="traffic",
    kind="states",
    version=1,
    doc="The state of one car park or bay at one instant; it holds until the next one.",
    columns=(
        Column("facility_id", "string", "car park or bay", nullable=False, pattern=IDENTIFIER),
        Column("observed_at", "instant", "when the state was observed", nullable=False),
        Column(
            "occupied",
            "int",
            "spaces taken; more than the capacity where cars stand outside the bays",
            unit="spaces",
            minimum=0,
            maximum=100000,
        ),
        Column("capacity", "int", "spaces there are", unit="spaces", minimum=0, maximum=100000),
        Column("out_of_service", "bool", "whether it is closed to the public"),
    ),
    key=("facility_id", "observed_at"),
    event_time="observed_at",
    row_rules=(
        RowRule(
            "something_said",
            "occupied IS NOT NULL OR out_of_service IS NOT NULL",
            "a row carries an occupancy, or whether the place is open",
        ),
    ),
    described=Described("car_parks", on="facility_id", clock="clock_offset_s"),
    late_after=timedelta(hours=1),
    sources=("FIWARE Smart Data Models, Parking/OffStreetParking and ParkingSpot",),
)
