"""Pedestrians at signals: presses, walks and the wait between, by phase in 15-minute bins. Buttons do not count who walks."""

from schemas.column import Column
from schemas.contract import Contract, TableRule
from schemas.measure import NULL_REASON, count, ratio, total
from schemas.metrics.signal_actuations import PHASE, of_controller

CONTRACT = Contract(
    name="signal_ped_delay",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "One phase of one signal controller in one 15-minute bin. A row for every bin of the day, of every phase that "
        "had a walk, a pedestrian call or a press on it or that reference/signal_detectors gives a push button, of "
        "every controller heard on the day. A wait lasts from the first press (90) or registered call (45) to the begin "
        "of walk (21), in the bin of the walk; who asks while the walk is shown (until 22) waits for nothing, and a "
        "wait in which the controller fell silent, flashed, set its clock or lost power is not measured. A walk without "
        "a press before it (recall) has no wait. A press is unique where none of the phase was signal_ped_unique_s or "
        "less before it; the first of all is one. Coverage is as in signal_actuations."
    ),
    columns=(
        *of_controller(PHASE),
        count("walks", "walks that began", "events of code 21"),
        count("calls", "pedestrian calls registered", "events of code 45"),
        count("presses", "presses of the button", "events of code 90"),
        count("unique_presses", "presses that are not one person's again", "presses over signal_ped_unique_s after the last"),
        count("waits", "walks for which someone waited", "walks with a press or call since the walk before"),
        total("wait_s", "time waited by who pressed first", "s", "sum(begin of walk - first press or call)"),
        Column("max_wait_s", "float", "longest wait", unit="s", minimum=0, formula="max(begin of walk - first press or call)"),
        ratio("mean_wait_s", "mean wait", "s", "wait_s / waits"),
        NULL_REASON,
    ),
    key=("controller_id", "phase", "bin_at"),
    lookback_days=1,
    table_rules=(
        TableRule(
            "null_has_reason",
            "SELECT count(*) FROM this WHERE (mean_wait_s IS NULL) <> (null_reason IS NOT NULL)",
            "an empty wait says why",
            "critical",
        ),
    ),
    sources=(
        "Indiana Traffic Signal Hi Resolution Data Logger Enumerations, Indiana DOT and Purdue University (2012, 2019), "
        "codes 21, 22, 45, 90",
        "Singleton, Runa (2021), Pedestrian traffic signal data accurately estimates pedestrian crossing volumes, "
        "TRR, doi 10.1177/0361198121994126",
        "Day et al., Performance Measures for Traffic Signal Systems: An Outcome-Oriented Approach, Purdue University (2014)",
    ),
)
