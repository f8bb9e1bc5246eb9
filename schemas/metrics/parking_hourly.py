"""Car parks by hour: how full, how long full, and what came and went as far as counts tell."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import BIN_AT, COVERAGE, HEALTH, LOCAL_TIME, NULL_REASON, N, ratio, says_why, total

CONTRACT = Contract(
    name="parking_hourly",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "One car park or bay in one hour. A report holds until the next one, but no longer than it is believed: report_ttl_s "
        "of reference/car_parks, else the threshold parking_report_ttl_s; it holds over midnight too. Then nothing is known. "
        "Coverage is the share of the hour in which a count or a closure is known. Closed minutes count as known and are left "
        "out of occupancy. A row for every hour of the day of every car park that reported on it or whose last report reaches "
        "into it. Arrivals and departures are net changes between two counts: cars that came and went between them are not seen."
    ),
    columns=(
        Column("facility_id", "string", "car park or bay", nullable=False, pattern=IDENTIFIER),
        BIN_AT,
        LOCAL_TIME,
        Column("name", "string", "name, from reference/car_parks"),
        Column("district", "string", "district, from reference/car_parks", nullable=False),
        N,
        COVERAGE,
        HEALTH,
        total("counted_min", "minutes open with a known count", "min", "sum(held) where open and occupied is known"),
        total("rated_min", "of these, minutes with a known capacity", "min", "sum(held) where capacity > 0 too"),
        total("closed_min", "minutes known to be out of service", "min", "sum(held) where out of service"),
        total(
            "full_min",
            "minutes full",
            "min",
            "sum(held) where occupied >= capacity * parking_full_min_share, of the rated minutes",
        ),
        total("occupied_space_h", "spaces taken over time", "space h", "sum(occupied * held) over the counted minutes"),
        total(
            "rated_occupied_space_h",
            "spaces taken over the time with a known capacity",
            "space h",
            "sum(occupied * held) over the rated minutes",
        ),
        total("capacity_space_h", "spaces there were over time", "space h", "sum(capacity * held) over the rated minutes"),
        total(
            "arrivals_veh",
            "net arrivals between counts: at least so many came",
            "veh",
            "sum(max(occupied - occupied before, 0)) of reports at most report_ttl_s after the count before",
        ),
        total(
            "departures_veh",
            "net departures between counts: at least so many left",
            "veh",
            "sum(max(occupied before - occupied, 0)), as arrivals",
        ),
        Column("occupied_max", "int", "most spaces taken at once", unit="spaces", minimum=0),
        ratio("occupied_spaces", "mean spaces taken", "spaces", "60 * occupied_space_h / counted_min"),
        ratio("capacity_spaces", "mean capacity", "spaces", "60 * capacity_space_h / rated_min"),
        ratio(
            "occupancy_share",
            "time-weighted occupancy; above 1 where cars stand outside the bays",
            "share",
            "rated_occupied_space_h / capacity_space_h",
        ),
        ratio("full_share", "share of the time in which it is full", "share", "full_min / rated_min", 1),
        ratio(
            "turnover_veh_space",
            "parking turnover in the hour, from net arrivals: at least so many cars a space",
            "veh/space",
            "arrivals_veh / capacity_spaces",
        ),
        NULL_REASON,
    ),
    key=("facility_id", "bin_at"),
    lookback_days=1,
    table_rules=(
        says_why("occupancy", "occupancy_share"),
        TableRule(
            "parts_within_the_hour",
            "SELECT count(*) FROM this WHERE counted_min + closed_min > 60.001 OR full_min > rated_min",
            "minutes of the hour are parts of it",
            "critical",
        ),
    ),
    sources=(
        "ITE Manual of Transportation Engineering Studies, 2nd edition (2010), parking studies: occupancy, turnover",
        "FIWARE Smart Data Models, Parking/OffStreetParking",
    ),
)
