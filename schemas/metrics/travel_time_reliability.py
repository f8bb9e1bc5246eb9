"""How far travel times can be relied on, per route, month and period of the week. Single travel times are in travel_time."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import COVERAGE, HEALTH, NULL_REASON, N, ratio, says_why, total

PERIODS = ("weekday_am", "weekday_midday", "weekday_pm", "weekend", "overnight")
TYPE_7 = "percentile of the quarters' means, linear (Hyndman and Fan type 7)"

CONTRACT = Contract(
    name="travel_time_reliability",
    layer="metric",
    domain="traffic",
    version=1,
    period="month",
    doc=(
        "One route in one month in one period of the week: weekday_am (Monday to Friday 06 to 10), weekday_midday (10 to "
        "16), weekday_pm (16 to 20), weekend (Saturday and Sunday 06 to 20), and overnight (20 to 06, every day), by the "
        "city's clock. Every quarter hour with travel times has one voice, their mean; quarters without any are left out, "
        "nothing is imputed. A route that reported in the month has a row for each period. Under the thresholds "
        "travel_time_min_quarters and travel_time_min_coverage_share indices are empty and the additive parts stay. The "
        "regulation asks for a calendar year and rounds to whole seconds and hundredths; here it is a month, unrounded. "
        "LOTTR has no overnight period. Public holidays count as the weekday they fall on."
    ),
    columns=(
        Column("route_id", "string", "route", nullable=False, pattern=IDENTIFIER),
        Column("period", "string", "period of the week", nullable=False, allowed=PERIODS),
        Column("road", "string", "road, from reference/routes"),
        Column("district", "string", "district, from reference/routes", nullable=False),
        N,
        Column("quarters", "int", "quarter hours with travel times", unit="quarters", nullable=False, minimum=0, roll_up="sum"),
        Column(
            "expected_quarters",
            "int",
            "quarter hours of the period in the month",
            unit="quarters",
            nullable=False,
            minimum=1,
            roll_up="sum",
        ),
        COVERAGE,
        HEALTH,
        total("travel_time_sum_s", "sum of all travel times", "s", "sum(travel_time_s)"),
        total("quarter_mean_sum_s", "sum of the quarters' means", "s", "sum over quarters of the mean travel_time_s"),
        ratio("mean_s", "mean travel time", "s", "quarter_mean_sum_s / quarters"),
        ratio("p50_s", "median travel time", "s", f"50th {TYPE_7}"),
        ratio("p80_s", "80th percentile of travel time", "s", f"80th {TYPE_7}"),
        ratio("p95_s", "95th percentile of travel time", "s", f"95th {TYPE_7}"),
        Column("free_flow_s", "float", "travel time on the empty route, from reference/routes", unit="s", minimum=0),
        ratio("travel_time_index", "travel time index (TTI)", "1", "mean_s / free_flow_s"),
        ratio("planning_time_index", "planning time index (PTI)", "1", "p95_s / free_flow_s"),
        Column("buffer_index", "float", "buffer index (BI)", unit="1", minimum=-1, formula="(p95_s - mean_s) / mean_s"),
        ratio("lottr", "level of travel time reliability (LOTTR); reliable below 1.50", "1", "p80_s / p50_s"),
        NULL_REASON,
    ),
    key=("route_id", "period"),
    table_rules=(
        says_why("index", "p95_s", "travel_time_index"),
        TableRule(
            "percentiles_rise",
            "SELECT count(*) FROM this WHERE p50_s > p80_s OR p80_s > p95_s",
            "percentiles do not fall",
            "critical",
        ),
    ),
    sources=(
        "23 CFR 490.511(b) (periods, 80th over 50th percentile) and 490.509(b) (missing travel times are not replaced), as of "
        "January 2025; 23 CFR 490.611(a) (overnight)",
        "FHWA, Travel Time Reliability: Making It There On Time, All The Time (2006): buffer index, planning time index",
        "FHWA Urban Congestion Report, documentation and definitions: travel time index, planning time index",
        "Hyndman and Fan (1996), Sample quantiles in statistical packages, The American Statistician 50(4)",
    ),
)
