"""Bike stations: how many vehicles and docks a station has when it reports.

Trips, and vehicles without a station, do not belong in the lake.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule
from schemas.health import DAYTIME, DAYTIME_S, Health, stamped_ahead


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
    # A station that says nothing new for too long is stale: it is not covered then. One whose numbers stay is stuck after so long
    # that a station in use would have had a trip.
    health=Health(
        value="CASE WHEN coalesce(is_renting, true) OR coalesce(is_returning, true) "
        "THEN coalesce(vehicles_available, 0) * 100000 + coalesce(docks_available, 0) END",
        holds_s="coalesce(device.report_ttl_s, threshold('bike_report_ttl_s'))",
        is_judged=DAYTIME,
        judged_s=DAYTIME_S,
        is_zero="vehicles_available = 0",
        is_constant="length * interval_s >= threshold('health_bike_constant_run_s')",
        is_clock_off=stamped_ahead("reported_at"),
        tests=(
            ("insufficient", "coverage_share < threshold('health_min_coverage_share')"),
            ("stuck", "constant_share > 0"),
        ),
    ),
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
