"""How greens ended, by phase in 15-minute bins. Whether all who waited were served is in signal_split_failures."""

from schemas.contract import Contract, TableRule
from schemas.measure import NULL_REASON, count, ratio
from schemas.metrics.signal_actuations import PHASE, of_controller

CONTRACT = Contract(
    name="signal_terminations",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "One phase of one signal controller in one 15-minute bin. A row for every bin of the day, of every phase that "
        "had a green or an end of one on it or that reference/signal_detectors knows, of every controller heard on the "
        "day. An event counts in the bin in which it happened. Greens that end without a cause told (pre-emption, "
        "recall) have none: greens stands beside. Coverage is as in signal_actuations."
    ),
    columns=(
        *of_controller(PHASE),
        count("greens", "greens that began", "events of code 1"),
        count("gap_outs", "ended as no more vehicles came", "events of code 4"),
        count("max_outs", "ended at their longest", "events of code 5"),
        count("force_offs", "ended by the coordination plan", "events of code 6"),
        count("terminations", "ends with a cause", "gap_outs + max_outs + force_offs"),
        ratio("gap_out_share", "share of gap-outs", "share", "gap_outs / terminations", 1),
        ratio("max_out_share", "share of max-outs", "share", "max_outs / terminations", 1),
        ratio("force_off_share", "share of force-offs", "share", "force_offs / terminations", 1),
        NULL_REASON,
    ),
    key=("controller_id", "phase", "bin_at"),
    lookback_days=1,
    table_rules=(
        TableRule(
            "null_has_reason",
            "SELECT count(*) FROM this WHERE (gap_out_share IS NULL) <> (null_reason IS NOT NULL)",
            "an empty share says why",
            "critical",
        ),
    ),
    sources=(
        "Indiana Traffic Signal Hi Resolution Data Logger Enumerations, Indiana DOT and Purdue University (2012, 2019), "
        "codes 1, 4 to 6",
        "Day et al., Performance Measures for Traffic Signal Systems: An Outcome-Oriented Approach, Purdue University (2014)",
    ),
)
