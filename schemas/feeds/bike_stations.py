"""Bike stations: how many vehicles and docks a station has when it reports.

Trips, and vehicles without a station, do not belong in the lake.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule


def _count(name: str, doc: str, unit: str) -> Column:
    return Column(name, "int", doc, unit=unit, minimum=0, maximum=10000)


CONTRACT = Contract(
    name="bike_stations",
    layer="feed",
    domain="traffic",
    kind="states",
    version=1,
    doc="The state of one station as it last reported; it holds until the next report, or until it is too old to be believed.",
    columns=(
        Column("station_id", "string", "station", nullable=False, pattern=IDENTIFIER),
        Column("reported_at", "instant", "when the station reported", nullable=False),
        _count("vehicles_available", "vehicles that can be rented", "vehicles"),
        _count("docks_available", "docks that accept a vehicle; empty where docks are not counted", "docks"),
        _count("vehicles_disabled", "vehicles at the station that cannot be rented", "vehicles"),
        _count("docks_disabled", "empty docks that accept no vehicle", "docks"),
        Column("is_installed", "bool", "whether the station stands on the street"),
        Column("is_renting", "bool", "whether vehicles can be rented"),
        Column("is_returning", "bool", "whether vehicles can be returned"),
    ),
    key=("station_id", "reported_at"),
    event_time="reported_at",
    row_rules=(
        RowRule(
            "something_said",
            "vehicles_available IS NOT NULL OR docks_available IS NOT NULL",
            "a row carries vehicles or docks",
        ),
    ),
    described=Described("stations", on="station_id", clock="clock_offset_s"),
    late_after=timedelta(hours=1),
    sources=("GBFS 1.1, 2.3 and 3.0, station_status.json",),
    wire={
        # 999 docks stand for as many as you like, which is no number of docks
        "gbfs": {
            "columns": {
                "station_id": "station_id",
                "reported_at": "last_reported",
                "vehicles_available": "num_vehicles_available",
                "docks_available": {"from": "num_docks_available", "nulls": [999]},
                "vehicles_disabled": "num_vehicles_disabled",
                "docks_disabled": "num_docks_disabled",
                "is_installed": "is_installed",
                "is_renting": "is_renting",
                "is_returning": "is_returning",
            }
        }
    },
)
