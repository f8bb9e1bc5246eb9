"""Health of every device by day, in one vocabulary. Per-bin coverage is in each metric's own table."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.health import VERDICTS
from schemas.measure import COVERAGE, HEALTH, NULL_REASON, N

CONTRACT = Contract(
    name="sensor_health_daily",
    layer="metric",
    domain="city",
    version=1,
    doc=(
        "One device of one feed on one day, judged by the first test of its feed that it fails; each feed's tests stand with the "
        "feed. Detectors: the PeMS cascade over 05:00 to 21:59 local: silent, insufficient (too few samples), stuck (no flow and "
        "no occupancy too often), high_value (occupancy or flow per lane beyond the limit), intermittent (occupancy without "
        "flow), chatter (flow without occupancy), stuck (one unchanging value, or too little entropy in 30 s samples). Meters "
        "over the whole day: silent, insufficient, stuck (one unchanging non-zero value), high_value (spike check). Signal "
        "controllers by their detectors: insufficient, stuck (on or off for too long), chatter (too many actuations). Car parks, "
        "bike stations and routes: insufficient (reports too old to be believed for too long), high_value (over capacity, or "
        "faster than can be), stuck. Vehicles, while in service: insufficient, high_value (speed), stuck (on a trip, but nowhere "
        "else). A device that passes all but whose rows had to be corrected is clock or unit: its rows are right, it is not; one "
        "whose rows were received before their own time is clock, too. A device that reference tables know and that said nothing "
        "is silent."
    ),
    columns=(
        Column("feed", "string", "feed", nullable=False, pattern=IDENTIFIER),
        Column("sensor_id", "string", "device", nullable=False, pattern=IDENTIFIER),
        Column("district", "string", "district, from the reference table", nullable=False),
        N,
        Column(
            "expected_n",
            "int",
            "rows expected in the judged hours at the device's usual interval; 0 where it said nothing",
            unit="rows",
            nullable=False,
            minimum=0,
            roll_up="sum",
        ),
        COVERAGE,
        HEALTH,
        Column("verdict", "string", "what the cascade says", nullable=False, allowed=VERDICTS),
        Column(
            "zero_share",
            "float",
            "share of rows that say nothing was there: no flow and no occupancy, an empty car park, a detector without change",
            unit="share",
            minimum=0,
            maximum=1,
        ),
        Column(
            "high_share",
            "float",
            "share of rows above the high threshold of the feed (meters: spikes)",
            unit="share",
            minimum=0,
            maximum=1,
        ),
        Column(
            "mismatch_share",
            "float",
            "share of rows with occupancy and no flow, of those with both measured",
            unit="share",
            minimum=0,
            maximum=1,
        ),
        Column(
            "constant_share",
            "float",
            "share of rows in runs of one unchanging non-zero value that last longer than the feed allows",
            unit="share",
            minimum=0,
            maximum=1,
        ),
        Column(
            "entropy",
            "float",
            "Shannon entropy of the judged values: of detectors occupancy, else speed, else count",
            unit="bit",
            minimum=0,
        ),
        Column(
            "corrected_n",
            "int",
            "rows with a unit or clock correction applied",
            unit="rows",
            nullable=False,
            minimum=0,
            roll_up="sum",
        ),
        NULL_REASON,
    ),
    key=("feed", "sensor_id"),
    sources=(
        "Chen, Kwon, Rice, Skabardonis, Varaiya (2003), Detecting errors and imputing missing data for single-loop "
        "surveillance systems, TRR 1855",
        "Caltrans PeMS, detector health: thresholds as published in cagov/caldata-mdsa-caltrans-pems, "
        "diagnostic_threshold_values, set Urban (2024)",
        "California Direct Access Standards for Metering and Meter Data (2000), spike check",
        "NTCIP 1202, vehicle detector no activity, maximum presence and erratic counts (fault diagnostics of NEMA TS 2)",
        "GTFS Realtime Best Practices, version 2.0; GTFS-Realtime validator, W004",
    ),
)
