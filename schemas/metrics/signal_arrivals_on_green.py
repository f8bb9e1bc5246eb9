"""The light that vehicles met which arrived at a signal, by phase in 15-minute bins. Their wait is not told by detectors."""

from schemas.contract import Contract, TableRule
from schemas.measure import NULL_REASON, count, ratio
from schemas.metrics.signal_actuations import PHASE, of_controller

CONTRACT = Contract(
    name="signal_arrivals_on_green",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "One phase of one signal controller in one 15-minute bin. A row for every bin of the day, of every phase that "
        "reference/signal_detectors gives a detector of function advance, of every controller heard on the day. An "
        "arrival is an actuation of such a detector, travel_to_stop_bar_s later, in the bin of that instant. Green "
        "lasts from its begin (code 1) to before yellow (8), yellow to before red (9 or 10). The light is unknown "
        "before the phase's first change in view (the threshold signal_lookback_s before the day), and from a silence, "
        "a flash, a clock set or a power failure of the controller until its next change; such arrivals are counted, "
        "and left out of the share. Coverage is as in signal_actuations."
    ),
    columns=(
        *of_controller(PHASE),
        count("arrivals", "arrivals", "actuations (82) of advance detectors"),
        count("green_arrivals", "of them on green", "light = green"),
        count("yellow_arrivals", "of them on yellow", "light = yellow"),
        count("red_arrivals", "of them on red", "light = red"),
        count("known_arrivals", "of them under a known light", "green_arrivals + yellow_arrivals + red_arrivals"),
        ratio("arrivals_on_green_share", "share that met green", "share", "green_arrivals / known_arrivals", 1),
        NULL_REASON,
    ),
    key=("controller_id", "phase", "bin_at"),
    lookback_days=1,
    table_rules=(
        TableRule(
            "null_has_reason",
            "SELECT count(*) FROM this WHERE (arrivals_on_green_share IS NULL) <> (null_reason IS NOT NULL)",
            "an empty share says why",
            "critical",
        ),
    ),
    sources=(
        "Indiana Traffic Signal Hi Resolution Data Logger Enumerations, Indiana DOT and Purdue University (2012, 2019)",
        "Day et al., Performance Measures for Traffic Signal Systems: An Outcome-Oriented Approach, Purdue University (2014)",
    ),
)
