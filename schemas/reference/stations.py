"""Bike stations as they stand: place, size, and how long their reports are believed. Reports are the feed bike_stations."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.places import LAT, LON, clock_offset

CONTRACT = Contract(
    name="stations",
    layer="reference",
    domain="traffic",
    version=1,
    doc="One bike station from one instant on, until a later row of the same station.",
    columns=(
        Column("station_id", "string", "station", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column("name", "string", "name of the station"),
        Column("district", "string", "district, or the operator's region", default="unknown", nullable=False),
        Column("capacity", "int", "docks, or places, there are", unit="docks", minimum=0, maximum=10000),
        LAT,
        LON,
        Column(
            "report_ttl_s",
            "int",
            "how long a report is believed; empty: the threshold bike_report_ttl_s",
            unit="s",
            minimum=1,
            maximum=86400,
        ),
        clock_offset("the station's"),
    ),
    key=("station_id", "valid_from"),
    sources=("GBFS 1.1, 2.3 and 3.0, station_information.json",),
    wire={
        "gbfs": {
            "columns": {
                "station_id": "station_id",
                "valid_from": "last_updated",
                "name": "name",
                "district": "region_id",
                "capacity": {"from": "capacity", "nulls": [999]},
                "lat": "lat",
                "lon": "lon",
            }
        }
    },
)
