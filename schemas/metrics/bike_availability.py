"""Bike stations by hour: how long there was no vehicle to rent, and how long no dock to return one to."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import BIN_AT, COVERAGE, HEALTH, LOCAL_TIME, NULL_REASON, N, ratio, says_why, total

CONTRACT = Contract(
    name="bike_availability",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "One bike station in one hour. A report holds until the next one, but no longer than it is believed: report_ttl_s of "
        "reference/stations, else the threshold bike_report_ttl_s; it holds over midnight too. Then nothing is known. Coverage "
        "is the share of the hour for which a report holds. Time in which a station does not rent (or stands nowhere) is "
        "neither empty nor not empty; the same of returns. A station whose docks are not counted is never full. A row for every "
        "hour of the day of every station that reported on it or whose last report reaches into it."
    ),
    columns=(
        Column("station_id", "string", "station", nullable=False, pattern=IDENTIFIER),
        BIN_AT,
        LOCAL_TIME,
        Column("name", "string", "name, from reference/stations"),
        Column("district", "string", "district, from reference/stations", nullable=False),
        N,
        COVERAGE,
        HEALTH,
        Column(
            "capacity", "int", "docks, or places, there are, from reference/stations", unit="docks", minimum=0, roll_up="at_once"
        ),
        total("vehicles_known_min", "minutes with known vehicles", "min", "sum(held) where vehicles_available is known"),
        total("docks_known_min", "minutes with known docks", "min", "sum(held) where docks_available is known"),
        total("renting_min", "minutes renting, with known vehicles", "min", "sum(held) where renting and vehicles are known"),
        total(
            "returning_min", "minutes taking returns, with known docks", "min", "sum(held) where returning and docks are known"
        ),
        total("not_renting_min", "minutes known not to rent", "min", "sum(held) where is_renting or is_installed is false"),
        total(
            "not_returning_min",
            "minutes known to take no returns",
            "min",
            "sum(held) where is_returning or is_installed is false",
        ),
        total("empty_min", "minutes empty", "min", "sum(held) where renting and vehicles <= bike_empty_max_vehicles"),
        total("full_min", "minutes full", "min", "sum(held) where returning and docks <= bike_full_max_docks"),
        total("vehicle_h", "vehicles available over time", "vehicle h", "sum(vehicles_available * held)"),
        total("dock_h", "docks available over time", "dock h", "sum(docks_available * held)"),
        ratio("empty_share", "share of station-minutes empty", "share", "empty_min / renting_min", 1),
        ratio("full_share", "share of station-minutes full", "share", "full_min / returning_min", 1),
        ratio("vehicles_mean", "mean vehicles available", "vehicles", "60 * vehicle_h / vehicles_known_min"),
        ratio("docks_mean", "mean docks available", "docks", "60 * dock_h / docks_known_min"),
        NULL_REASON,
    ),
    key=("station_id", "bin_at"),
    lookback_days=1,
    table_rules=(
        says_why("share", "empty_share", "full_share"),
        TableRule(
            "parts_within_the_hour",
            "SELECT count(*) FROM this WHERE empty_min > renting_min OR full_min > returning_min OR renting_min > 60.001",
            "minutes of the hour are parts of it",
            "critical",
        ),
    ),
    sources=("GBFS 3.0, station_status.json: is_renting stays true while a station is empty, is_returning while it is full",),
)
