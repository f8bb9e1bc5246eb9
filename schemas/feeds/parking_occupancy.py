"""Parking occupancy: how full a car park, or a single bay, is when it says so.

Tariffs and single vehicles do not belong in the lake.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule
from schemas.health import Health, stamped_ahead

_CAR_PARK = {
    "facility_id": "id",
    "observed_at": {
        "from": [
            "availableSpotNumber.observedAt",
            "occupiedSpotNumber.observedAt",
            "occupancyModified",
            "observationDateTime",
            "TimeInstant",
            "dateModified",
        ],
        "combine": "first",
    },
    # every model has these two; `occupiedSpotNumber` came later, and is their difference
    "occupied": {"from": ["totalSpotNumber", "availableSpotNumber"], "combine": "difference"},
    "capacity": "totalSpotNumber",
    "out_of_service": {"from": "status", "pattern": "(closed|open)", "values": {"closed": "true", "open": "false"}},
}

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
    # Judged in the hours in which car parks are used. A single bay may be taken all day, and a closed place says nothing new.
    health=Health(
        value="CASE WHEN NOT coalesce(out_of_service, false) AND coalesce(capacity, device.capacity, 2) > 1 THEN occupied END",
        holds_s="coalesce(device.report_ttl_s, threshold('parking_report_ttl_s'))",
        is_judged="hour(local_time) >= threshold('health_parking_window_start_h') "
        "AND hour(local_time) < threshold('health_parking_window_end_h')",
        judged_s="(threshold('health_parking_window_end_h') - threshold('health_parking_window_start_h')) * 3600",
        is_zero="occupied = 0",
        is_high="coalesce(occupied > coalesce(capacity, device.capacity), false)",
        is_constant="length * interval_s >= threshold('health_parking_constant_run_s')",
        is_clock_off=stamped_ahead("observed_at"),
        tests=(
            ("insufficient", "coverage_share < threshold('health_min_coverage_share')"),
            ("high_value", "high_share > threshold('health_high_share')"),
            ("stuck", "constant_share > 0"),
        ),
    ),
    late_after=timedelta(hours=1),
    sources=("FIWARE Smart Data Models, Parking/OffStreetParking and ParkingSpot",),
    wire={
        "ngsi/OffStreetParking": {"columns": _CAR_PARK},
        "ngsi/OnStreetParking": {"columns": _CAR_PARK},
        "ngsi/ParkingSpot": {
            "columns": {
                "facility_id": "id",
                "observed_at": {"from": ["status.observedAt", "TimeInstant", "dateObserved", "dateModified"], "combine": "first"},
                "occupied": {"from": "status", "values": {"free": "0", "occupied": "1"}, "nulls": ["closed", "unknown"]},
                "capacity": {"constant": 1},
                "out_of_service": {
                    "from": "status",
                    "values": {"closed": "true", "free": "false", "occupied": "false"},
                    "nulls": ["unknown"],
                },
            }
        },
    },
)
