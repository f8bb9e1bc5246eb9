"""Transit on time: the share of departures that keep to the timetable, by route, direction and hour."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.measure import BIN_AT, COVERAGE, HEALTH, LOCAL_TIME, NULL_REASON, N, count, ratio, says_why

CONTRACT = Contract(
    name="transit_on_time",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "The timepoints of one route and direction in one hour: departures, and at the last stop of a trip arrivals. The delay "
        "is what the feed last said of the stop while it was the next one; where it says nothing, the vehicle left between the "
        "last position with the stop ahead and the first with a later one ahead, half way, if they are at most "
        "transit_gap_max_s apart. So positions need a trip and a stop or its number; places alone do not tell. A visit is of "
        "the day on which it was made and of the hour for which it was planned (within that day); one that was not seen is of "
        "the day and hour for which it was planned. A day looks one day ahead, so that a visit around midnight is of one day "
        "and not of both or none; it is measured once more when the next day comes. Timepoints are the stops whose times the "
        "timetable calls exact, all timed ones where it does not say. "
        "Trips that no timetable knows count where the feed gives their delay; else no_schedule."
    ),
    columns=(
        Column("route_id", "string", "route", nullable=False, pattern=IDENTIFIER),
        Column("direction", "string", "direction of travel", nullable=False, allowed=("0", "1", "unknown")),
        BIN_AT,
        LOCAL_TIME,
        N,
        COVERAGE,
        HEALTH,
        Column("expected_n", "int", "timepoints planned, and seen without a plan", nullable=False, minimum=0, roll_up="sum"),
        Column(
            "reported_n",
            "int",
            "of n, those whose delay the feed gives; the rest is from positions",
            nullable=False,
            minimum=0,
            roll_up="sum",
        ),
        count("early_n", "departures too early", "count(deviation < -transit_early_max_s), not at the last stop"),
        count("late_n", "departures and last arrivals too late", "count(deviation > transit_late_max_s)"),
        count("on_time_n", "departures on time", "n - early_n - late_n"),
        Column(
            "delay_sum_s",
            "float",
            "sum of deviations; early is negative",
            unit="s",
            formula="sum(actual - scheduled)",
            roll_up="sum",
        ),
        ratio("on_time_share", "on-time performance", "share", "on_time_n / n", 1),
        ratio("early_share", "share too early", "share", "early_n / n", 1),
        ratio("late_share", "share too late", "share", "late_n / n", 1),
        Column("delay_mean_s", "float", "mean deviation; early is negative", unit="s", formula="delay_sum_s / n"),
        NULL_REASON,
    ),
    key=("route_id", "direction", "bin_at"),
    lookback_days=1,
    lookahead_days=1,
    table_rules=(says_why("share", "on_time_share"),),
    sources=(
        "TCRP Report 165, Transit Capacity and Quality of Service Manual, 3rd edition (2013), chapter 5, page 5-29: on time is a "
        "departure from a timepoint 1 min early to 5 min late, or an arrival at the route terminal up to 5 min late",
        "GTFS Schedule Reference, stop_times.txt: timepoint; Time is counted from noon minus 12 h of the service day",
    ),
)
