"""Traffic in 15-minute bins, per detector. Hours and days roll up from the additive parts."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import BIN_AT, COVERAGE, HEALTH, LOCAL_TIME, NULL_REASON, N, ratio, says_why, total

COLUMNS = (
    Column("sensor_id", "string", "detector", nullable=False, pattern=IDENTIFIER),
    BIN_AT,
    LOCAL_TIME,
    Column("road", "string", "road, from reference/sensors"),
    Column("district", "string", "district, from reference/sensors", nullable=False),
    N,
    COVERAGE,
    HEALTH,
    total("volume_veh", "vehicles counted", "veh", "sum(vehicle_count)"),
    total(
        "speed_weight",
        "weight behind the speeds: vehicles, or rows where the detector has no counts",
        "veh",
        "sum(w), w = vehicle_count, or 1 without a count; v >= 0.001 km/h",
    ),
    total("speed_sum_kmh", "weighted sum of speeds", "km/h", "sum(w * v)"),
    total("slowness_sum_h_km", "weighted sum of slowness", "h/km", "sum(w / v), v >= 0.001 km/h"),
    total("occupied_s", "seconds occupied", "s", "sum(occupancy_share * interval_s)"),
    total("occupancy_observed_s", "seconds behind the occupancy", "s", "sum(interval_s) where occupancy is known"),
    total("vehicle_km", "distance travelled (VMT, in km)", "veh km", "volume_veh * segment_km"),
    total(
        "vehicle_h",
        "time travelled (VHT)",
        "veh h",
        "vehicle_km / v, v = speed_weight / slowness_sum_h_km; 0 where nothing travelled",
    ),
    total("delay_veh_h", "delay against free flow", "veh h", "max(vehicle_h - vehicle_km / v_free, 0)"),
    ratio("flow_veh_h", "flow", "veh/h", "4 * volume_veh in a 15-minute bin; volume_veh in an hour"),
    ratio("space_mean_speed_kmh", "space-mean speed", "km/h", "speed_weight / slowness_sum_h_km", 250),
    ratio("time_mean_speed_kmh", "time-mean speed", "km/h", "speed_sum_kmh / speed_weight", 250),
    ratio("occupancy_share", "occupancy", "share", "occupied_s / occupancy_observed_s", 1),
    ratio("density_veh_km", "density from flow and speed, all lanes", "veh/km", "flow_veh_h / space_mean_speed_kmh"),
    ratio(
        "density_occupancy_veh_km", "density from occupancy, per lane", "veh/km", "1000 * occupancy_share / effective_length_m"
    ),
    Column(
        "level_of_service",
        "string",
        "level of service A to F from density per lane (HCM, basic freeway segments)",
        allowed=("A", "B", "C", "D", "E", "F"),
    ),
    NULL_REASON,
)

CONTRACT = Contract(
    name="traffic_15min",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "One detector in one 15-minute bin, all lanes together. A row for every bin of the day of every detector "
        "that reported rows of up to 15 minutes that day; longer rows are left to coarser metrics; a row belongs to the bin in "
        "which it starts. Where a detector reports the whole carriageway (lane 0) and single lanes on one day, the side observed "
        "longer counts. Coverage is observed seconds over bin seconds and the lanes that reported that day; below the threshold "
        "coverage_min_share ratios are empty and the additive parts stay. Level of service takes every vehicle as a car."
    ),
    columns=COLUMNS,
    key=("sensor_id", "bin_at"),
    table_rules=(
        TableRule(
            "space_not_above_time",
            "SELECT count(*) FROM this WHERE space_mean_speed_kmh > time_mean_speed_kmh + 1e-6",
            "the space-mean speed is at most the time-mean speed (Wardrop 1952)",
            "critical",
        ),
        says_why("flow", "flow_veh_h"),
    ),
    sources=(
        "HCM, 7th edition (2022), chapters 4 and 12",
        "Wardrop (1952), Some theoretical aspects of road traffic research (time-mean and space-mean speed)",
        "Caltrans PeMS, delay: Chen, Petty, Skabardonis, Varaiya, Jia (2001), Freeway performance measurement system, TRR 1748",
    ),
)
