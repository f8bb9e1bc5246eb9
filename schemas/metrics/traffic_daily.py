"""Traffic by day, per road: the sums of the hours of its detectors. Single detectors are in traffic_hourly."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import COVERAGE, HEALTH, NULL_REASON, N, ratio, says_why, total
from schemas.metrics import traffic_15min

PARTS = ("speed_weight", "speed_sum_kmh", "slowness_sum_h_km", "occupied_s", "occupancy_observed_s")

CONTRACT = Contract(
    name="traffic_daily",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "One road on one day: the sums of the hours of all its detectors, 'unknown' for detectors that no reference table "
        "places on a road. Distance, time and delay are sums of what quarters and hours said, never recomputed from "
        "averages; a detector without a segment or a free flow adds nothing to them. The volume counts a vehicle at every "
        "detector it passes: what is travelled is vehicle_km. Coverage is covered over expected seconds of the detectors "
        "that reported on the day. The peak hour is the clock hour with most vehicles among those covered, the earliest "
        "of equals; its factor needs four covered quarters of every detector that counted in it, and no longer row."
    ),
    columns=(
        Column("road", "string", "road, from reference/sensors", nullable=False, pattern=IDENTIFIER),
        Column("sensors", "int", "detectors that reported", unit="detectors", nullable=False, minimum=1, roll_up="at_once"),
        N,
        COVERAGE,
        HEALTH,
        total("expected_s", "detector time expected", "s", "sum over detectors of the day's seconds"),
        total("covered_s", "detector time covered", "s", "sum(coverage_share * seconds of the hour)"),
        total("volume_veh", "vehicles counted, at every detector they pass", "veh", "sum(volume_veh)"),
        *(traffic_15min.CONTRACT[name] for name in PARTS),
        total("vehicle_km", "distance travelled (VMT, in km)", "veh km", "sum(vehicle_km) of the hours"),
        total("vehicle_h", "time travelled (VHT)", "veh h", "sum(vehicle_h) of the hours"),
        total("delay_veh_h", "delay against free flow", "veh h", "sum(delay_veh_h) of the hours"),
        Column("peak_hour_at", "instant", "start of the busiest clock hour"),
        ratio("peak_hour_veh", "vehicles counted in the busiest hour", "veh", "max over hours of sum(volume_veh)"),
        ratio("peak_hour_share", "share of the day's vehicles in its busiest hour (K)", "share", "peak_hour_veh / volume_veh", 1),
        ratio(
            "peak_hour_factor",
            "peak-hour factor of the road",
            "share",
            "peak_hour_veh / (4 * max over its quarters of sum(volume_veh))",
            1,
        ),
        ratio("space_mean_speed_kmh", "space-mean speed", "km/h", "speed_weight / slowness_sum_h_km", 250),
        ratio("time_mean_speed_kmh", "time-mean speed", "km/h", "speed_sum_kmh / speed_weight", 250),
        ratio("occupancy_share", "occupancy", "share", "occupied_s / occupancy_observed_s", 1),
        NULL_REASON,
    ),
    key=("road",),
    table_rules=(
        traffic_15min.CONTRACT.table_rules[0],
        says_why("speed", "space_mean_speed_kmh"),
        TableRule(
            "delay_within_time",
            "SELECT count(*) FROM this WHERE delay_veh_h > vehicle_h + 1e-6",
            "nobody is delayed for longer than the journey takes",
            "critical",
        ),
    ),
    sources=(
        "HCM, 7th edition (2022), chapter 4 (peak-hour factor)",
        "FHWA Traffic Monitoring Guide, 2022 edition (VMT, K-factor)",
        "Caltrans PeMS, delay: Chen, Petty, Skabardonis, Varaiya, Jia (2001), Freeway performance measurement system, TRR 1748",
    ),
)
