"""Health of every device by day, in one vocabulary. Per-bin coverage is in each metric's own table."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.measure import COVERAGE, HEALTH, N, NULL_REASON

VERDICTS = ("good", "silent", "insufficient", "stuck", "chatter", "high_value", "intermittent", "clock", "unit")

CONTRACT = Contract(
    name="sensor_health_daily",
    layer="metric",
    domain="city",
    version=1,
    doc=(
        "One device of one feed on one day, judged by the first test it fails. Detectors: the PeMS cascade over "
        "05:00 to 21:59 local. Meters: its analogue over the whole day. A device that reference tables know and that said nothing is silent."
    ),
    columns=(
        Column("feed", "string", "feed", nullable=False, pattern=IDENTIFIER),
        Column("sensor_id", "string", "device", nullable=False, pattern=IDENTIFIER),
        Column("district", "string", "district, from the reference table", nullable=False),
        N,
        Column("expected_n", "int", "rows expected in the judged hours at the device's usual interval", unit="rows", nullable=False, minimum=0),
        COVERAGE,
        HEALTH,
        Column("verdict", "string", "what the cascade says", nullable=False, allowed=VERDICTS),
        Column("zero_share", "float", "share of rows with no flow and no occupancy", unit="share", minimum=0, maximum=1),
        Column("high_share", "float", "share of rows above the high threshold", unit="share", minimum=0, maximum=1),
        Column("mismatch_share", "float", "share of rows with occupancy and no flow", unit="share", minimum=0, maximum=1),
        Column("constant_share", "float", "share of rows in runs of one unchanging non-zero value longer than the threshold", unit="share", minimum=0, maximum=1),
        Column("entropy", "float", "Shannon entropy of the day's values", unit="bit", minimum=0),
        Column("corrected_n", "int", "rows with a unit or clock correction applied", unit="rows", nullable=False, minimum=0),
        NULL_REASON,
    ),
    key=("feed", "sensor_id"),
    sources=(
        "Chen, Kwon, Rice, Skabardonis, Varaiya (2003), Detecting errors and imputing missing data for single-loop surveillance systems, TRR 1855",
        "Caltrans PeMS User Guide, detector health",
    ),
)
