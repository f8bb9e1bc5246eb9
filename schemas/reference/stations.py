"""Bike stations as they stand: place, size, and how long their reports are believed. Reports are the feed bike_stations."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

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
        Column("lat", "float", "latitude, WGS 84", unit="deg", minimum=-90, maximum=90),
        Column("lon", "float", "longitude, WGS 84", unit="deg", minimum=-180, maximum=180),
        Column(
            "report_ttl_s",
            "int",
            "how long a report is believed; empty: the threshold bike_report_ttl_s",
            unit="s",
            minimum=1,
            maximum=86400,
        ),
        Column(
            "clock_offset_s",
            "int",
            "seconds by which the station's clock runs ahead",
            unit="s",
            default=0,
            nullable=False,
            minimum=-86400,
            maximum=86400,
        ),
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
