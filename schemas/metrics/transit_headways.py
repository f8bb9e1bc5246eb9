"""Transit headways: how evenly vehicles come to a stop, and how much longer passengers wait for it."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.measure import BIN_AT, COVERAGE, HEALTH, LOCAL_TIME, NULL_REASON, N, count, ratio, says_why, total

CONTRACT = Contract(
    name="transit_headways",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "One stop of one route and direction in one hour. A headway is the time since the vehicle before on this route, "
        "direction and stop; the visits are those of transit_on_time, all stops but the last of a trip. Headways above "
        "transit_headway_max_s are breaks in service and left out. Waits are those of passengers who come without looking at a "
        "timetable, as they do where service is_frequent. A vehicle that was not seen makes a headway look long, so under "
        "coverage_min_share no ratio of actual headways is shown. Both headways of a visit count in the hour for which it was "
        "planned."
    ),
    columns=(
        Column("route_id", "string", "route", nullable=False, pattern=IDENTIFIER),
        Column("direction", "string", "direction of travel", nullable=False, allowed=("0", "1", "unknown")),
        Column("stop_id", "string", "stop", nullable=False, pattern=IDENTIFIER),
        BIN_AT,
        LOCAL_TIME,
        N,
        COVERAGE,
        HEALTH,
        Column("visits_n", "int", "visits seen", nullable=False, minimum=0, roll_up="sum"),
        Column("expected_n", "int", "visits planned, and seen without a plan", nullable=False, minimum=0, roll_up="sum"),
        total("headway_sum_s", "sum of headways", "s", "sum(h)"),
        total("headway_square_sum_s2", "sum of squared headways", "s2", "sum(h^2)"),
        count("scheduled_n", "scheduled headways", "count(hs)"),
        total("scheduled_headway_sum_s", "sum of scheduled headways", "s", "sum(hs)"),
        total("scheduled_headway_square_sum_s2", "sum of squared scheduled headways", "s2", "sum(hs^2)"),
        count("deviation_n", "headways with a scheduled one", "count(h - hs)"),
        Column("deviation_sum_s", "float", "sum of headway deviations", unit="s", formula="sum(h - hs)", roll_up="sum"),
        total("deviation_square_sum_s2", "sum of squared headway deviations", "s2", "sum((h - hs)^2)"),
        count("bunched_n", "headways shorter than a share of the scheduled one", "count(h < transit_bunched_share * hs)"),
        Column("is_frequent", "bool", "whether the mean scheduled headway is at most transit_frequent_max_headway_s"),
        ratio("wait_s", "mean wait", "s", "sum(h^2) / (2 sum(h))"),
        ratio("scheduled_wait_s", "mean wait if all kept to the timetable", "s", "sum(hs^2) / (2 sum(hs))"),
        Column(
            "excess_wait_s",
            "float",
            "excess wait; less than 0 where more came than planned",
            unit="s",
            formula="wait_s - scheduled_wait_s",
        ),
        ratio(
            "headway_cv",
            "headway adherence: coefficient of variation of headway deviations",
            "1",
            "population standard deviation of (h - hs) / mean(hs)",
        ),
        ratio("bunched_share", "share of headways bunched", "share", "bunched_n / deviation_n", 1),
        NULL_REASON,
    ),
    key=("route_id", "direction", "stop_id", "bin_at"),
    lookback_days=1,
    lookahead_days=1,
    table_rules=(says_why("ratio", "excess_wait_s", "headway_cv"),),
    sources=(
        "TCRP Report 165, Transit Capacity and Quality of Service Manual, 3rd edition (2013), chapter 5, pages 5-30 and 5-92: "
        "headway adherence, with the population standard deviation where all vehicles are observed",
        "Transport for London, FOI-0791-1920 (2019): excess waiting time is actual less scheduled waiting time; route and "
        "borough reports: five or more buses an hour are high frequency",
    ),
)
