"""Greens too short for those who waited, by phase in 15-minute bins. What ended the greens is in signal_terminations."""

from schemas.contract import Contract, TableRule
from schemas.measure import NULL_REASON, count, ratio, total
from schemas.metrics.signal_actuations import PHASE, of_controller

CONTRACT = Contract(
    name="signal_split_failures",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "One phase of one signal controller in one 15-minute bin. A row for every bin of the day, of every phase that "
        "reference/signal_detectors gives a detector of function presence, of every controller heard on the day. A "
        "cycle is one green (1), yellow (8) and red (9 or 10) in this order, heard without a break; it counts in the "
        "bin in which the first seconds of red (threshold signal_split_failure_red_s, or the next green where it comes "
        "sooner) are over, and in no other. Occupied is when any presence detector of the phase is: between on (82) and "
        "off (81); a lost off or on is set half-way between its neighbours, and two ons within signal_lost_off_s are "
        "one stay. A cycle is a split failure where the occupancy of its green and that of the first seconds of its red "
        "both reach signal_split_failure_green_share and _red_share. With the threshold "
        "signal_split_failure_at_threshold 1 the share itself is a failure (Oregon DOT: at least 80 %), with 0 only "
        "what is above it (Utah DOT: above 79 %). Coverage is as in signal_actuations."
    ),
    columns=(
        *of_controller(PHASE),
        count("cycles", "cycles heard whole", "green, yellow and first seconds of red"),
        count("split_failures", "cycles that failed", "green and red occupancy both reach their thresholds"),
        total("green_s", "green of these cycles", "s", "sum(yellow - green)"),
        total("green_occupancy_sum_share", "sum of their occupancy in green", "share", "sum(occupied in green / green)"),
        total(
            "red_occupancy_sum_share", "sum of their occupancy in the first seconds of red", "share", "sum(occupied / red judged)"
        ),
        ratio("split_failure_share", "share of cycles that failed", "share", "split_failures / cycles", 1),
        ratio("mean_green_s", "mean green", "s", "green_s / cycles"),
        ratio("green_occupancy_share", "mean occupancy in green", "share", "green_occupancy_sum_share / cycles", 1),
        ratio(
            "red_occupancy_share", "mean occupancy in the first seconds of red", "share", "red_occupancy_sum_share / cycles", 1
        ),
        NULL_REASON,
    ),
    key=("controller_id", "phase", "bin_at"),
    lookback_days=1,
    table_rules=(
        TableRule(
            "null_has_reason",
            "SELECT count(*) FROM this WHERE (split_failure_share IS NULL) <> (null_reason IS NOT NULL)",
            "an empty share says why",
            "critical",
        ),
    ),
    sources=(
        "Freije, Graphical performance measures for split failures, MS thesis, Purdue University (2014), open access thesis 177 "
        "(occupancy of green and of the first five seconds of red)",
        "Utah DOT, ATSPM 4, CycleSplitFail: above 79 % in green and red (open source, 2016 to 2024)",
        "Oregon DOT, atspm 2.6 for Python, split_failures: at least 80 % in green and red (open source, 2026)",
        "Indiana Traffic Signal Hi Resolution Data Logger Enumerations, Indiana DOT and Purdue University (2012, 2019)",
    ),
)
