"""Vehicles that switched a signal's detectors on, in 15-minute bins. What they met at the light is in other metrics."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import BIN_AT, COVERAGE, HEALTH, LOCAL_TIME, NULL_REASON, N, count, ratio

PHASE = Column("phase", "int", "phase", nullable=False, minimum=0)


def of_controller(part: Column) -> tuple[Column, ...]:
    """What every measure of a part of a controller (a detector, a phase) in a bin begins with."""
    return (
        Column("controller_id", "string", "controller", nullable=False, pattern=IDENTIFIER),
        part,
        BIN_AT,
        LOCAL_TIME,
        Column("district", "string", "district, from reference/signal_controllers", nullable=False),
        N,
        COVERAGE,
        HEALTH,
    )


CONTRACT = Contract(
    name="signal_actuations",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "One detector channel of one signal controller in one 15-minute bin. A row for every bin of the day, of every "
        "detector that spoke on it or that reference/signal_detectors knows (push buttons apart), of every controller "
        "that was heard on the day. Coverage is the share of the bin in which the controller was heard: not more than "
        "the threshold signal_silence_day_s (or _night_s) between two of its events, and nothing before its first one. "
        "Nothing heard in the bin: counts are empty, not 0; below coverage_min_share ratios are empty and counts stay."
    ),
    columns=(
        *of_controller(Column("detector", "int", "detector channel", nullable=False, minimum=0)),
        count("actuations", "times the detector was switched on", "events of code 82"),
        ratio("actuations_per_h", "rate of actuations", "1/h", "actuations * 3600 / seconds of the bin"),
        NULL_REASON,
    ),
    key=("controller_id", "detector", "bin_at"),
    lookback_days=1,
    table_rules=(
        TableRule(
            "null_has_reason",
            "SELECT count(*) FROM this WHERE (actuations_per_h IS NULL) <> (null_reason IS NOT NULL)",
            "an empty rate says why",
            "critical",
        ),
    ),
    sources=(
        "Indiana Traffic Signal Hi Resolution Data Logger Enumerations, Indiana DOT and Purdue University (2012, 2019), "
        "codes 81, 82",
        "NCHRP Research Report 954, Performance-Based Management of Traffic Signals (2020), doi 10.17226/25875",
    ),
)
