"""Service requests by day: what came and went, what is left and how old it is, how long closing takes, and promises kept."""

from schemas.column import IDENTIFIER, Column, RollUp
from schemas.contract import Contract, TableRule
from schemas.measure import NULL_REASON, ratio, total
from schemas.publish import Publish


def _n(name: str, doc: str, roll_up: RollUp = "sum") -> Column:
    return Column(name, "int", doc, nullable=False, minimum=0, roll_up=roll_up)


CONTRACT = Contract(
    name="service_requests_daily",
    layer="metric",
    domain="services",
    version=1,
    doc=(
        "Requests of one service in one district on one day, from all versions that registers told of them. A request is open "
        "from requested_at, though it may be told of later, and closed from closed_at, or from when it was told that it is "
        "closed; an open version after a closed one opens it again. Each version counts under the district and service that it "
        "says. A day reads versions of 3650 days before and 92 days after it: a request that is first told of when it is "
        "closed was in the backlog before, and the last 92 days are restated as requests come to be known. "
        "The time to close is a Kaplan-Meier estimate over requests asked for within service_close_window_d days before the "
        "day's end; those still open are censored there, and a request that was opened again counts as open. Its quantiles are "
        "the first age at which the curve is at most 0.5 and 0.1 (to within 1e-9); where it does not come down so far they are "
        "empty. A promise is expected_at, else requested_at + sla_h of reference/services. It is kept by a closing on the day "
        "that is not after it, and broken on the day on which it passes while the request is open. The first response is the "
        "first version after the one that opened the request. Backlogs and what the window holds add up over districts and "
        "services, not over days."
    ),
    columns=(
        Column("district", "string", "district", nullable=False, pattern=IDENTIFIER),
        Column("service_code", "string", "service, by the register's code", nullable=False, pattern=IDENTIFIER),
        _n("n", "requests asked for within the window, closed on the day, or open at its end", roll_up="at_once"),
        Column(
            "coverage_share",
            "float",
            "share of n whose versions are kept from their opening on; of the others only what was left of them is known",
            unit="share",
            nullable=False,
            minimum=0,
            maximum=1,
        ),
        Column("health_share", "float", "share of n whose instants are in order", unit="share", minimum=0, maximum=1),
        _n("opened", "requests asked for on the day"),
        _n("closed", "closings on the day"),
        _n("reopened", "requests opened again on the day"),
        _n("backlog", "requests open when the day ends", roll_up="at_once"),
        _n("overdue", "of these, past their promise", roll_up="at_once"),
        total("backlog_age_sum_h", "age of the backlog", "h", "sum(end of day - requested_at)", roll_up="at_once"),
        ratio("backlog_age_p50_h", "median age of the backlog", "h", "50th percentile, linear (Hyndman and Fan type 7)"),
        _n("window_n", "requests asked for within the window", roll_up="at_once"),
        _n("window_closed_n", "of these, closed when the day ends", roll_up="at_once"),
        ratio("close_p50_h", "median time to close", "h", "first age with Kaplan-Meier survival <= 0.5"),
        ratio("close_p90_h", "90th percentile of the time to close", "h", "first age with Kaplan-Meier survival <= 0.1"),
        _n("sla_met_n", "closings on the day that keep their promise"),
        _n("sla_missed_n", "promises that passed on the day while the request was open"),
        ratio("sla_met_share", "share of promises kept", "share", "sla_met_n / (sla_met_n + sla_missed_n)", 1),
        _n("first_response_n", "requests first answered on the day"),
        total("first_response_sum_h", "time to their first answer", "h", "sum(first response - requested_at)"),
        ratio(
            "first_response_p50_h",
            "median time to their first answer; empty below the coverage threshold",
            "h",
            "50th percentile, linear (Hyndman and Fan type 7)",
        ),
        ratio(
            "reopen_rate",
            "requests opened again for each that was closed; empty below the coverage threshold",
            "1",
            "reopened / closed",
        ),
        NULL_REASON,
    ),
    key=("district", "service_code"),
    lookback_days=3650,
    lookahead_days=92,
    publish=Publish(count="n", across=("district", "service_code")),
    table_rules=(
        TableRule(
            "null_has_reason",
            "SELECT count(*) FROM this WHERE null_reason IS NULL AND (close_p90_h IS NULL OR sla_met_share IS NULL"
            " OR backlog_age_p50_h IS NULL OR first_response_p50_h IS NULL OR reopen_rate IS NULL)",
            "an empty ratio says why",
            "critical",
        ),
        TableRule(
            "parts_of_stock",
            "SELECT count(*) FROM this WHERE overdue > backlog OR window_closed_n > window_n OR backlog > n",
            "a part is not more than the whole",
            "critical",
        ),
    ),
    sources=(
        "Kaplan, Meier (1958), Nonparametric estimation from incomplete observations, JASA 53(282)",
        "Open311 GeoReport v2: requested_datetime, updated_datetime, expected_datetime",
        "Hyndman, Fan (1996), Sample quantiles in statistical packages, The American Statistician 50(4)",
    ),
)
