"""Load duration of a month: which load was exceeded for which share of its time. When that was does not belong here."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.measure import COVERAGE, HEALTH, NULL_REASON, N, ratio, says_why, total
from schemas.publish import Publish

CONTRACT = Contract(
    name="energy_load_duration",
    layer="metric",
    domain="energy",
    version=1,
    period="month",
    doc=(
        "One point of the load duration curve of one class of meters of one district in one month: the load that the half hours "
        "exceed for a share of the time, at 0 (the peak), 1, 5, 10, 20 to 90, 95, 99 and 100 % (the least load). Of half hours "
        "that carry a load; where they are too few of the month, the curve is empty. Half hours of a month that is not over are "
        "missing."
    ),
    columns=(
        Column("meter_class", "string", "class of customer, from reference/meters", nullable=False, pattern=IDENTIFIER),
        Column("district", "string", "district, from reference/meters", nullable=False),
        Column(
            "direction", "string", "delivered or received", nullable=False, allowed=("delivered", "received"), roll_up="apart"
        ),
        Column(
            "exceedance_share",
            "float",
            "share of the time for which the load is exceeded",
            "share",
            False,
            minimum=0,
            maximum=1,
            roll_up="apart",
        ),
        N,
        COVERAGE,
        HEALTH,
        Column("half_hours", "int", "half hours with a load", nullable=False, minimum=0),
        Column("expected_half_hours", "int", "half hours of the month", nullable=False, minimum=1),
        Column("meters", "int", "fewest meters in a half hour of the curve", minimum=0),
        Column(
            "highest_meter_share",
            "float",
            "highest share of one meter in a half hour of the curve",
            unit="share",
            minimum=0,
            maximum=1.0001,
            formula="max(highest_meter_share of the half hours)",
        ),
        total("energy_kwh", "energy of the half hours of the curve, measured and estimated", "kWh", "sum(energy_kwh)"),
        total("estimated_kwh", "of it, estimated", "kWh", "sum(estimated_kwh)"),
        ratio("mean_load_kw", "mean load of the half hours of the curve", "kW", "mean(load_kw)", roll_up="at_once"),
        ratio(
            "load_kw",
            "load exceeded for this share of the time",
            "kW",
            "percentile 100 * (1 - exceedance_share) of load_kw, linear (Hyndman and Fan type 7)",
        ),
        NULL_REASON,
    ),
    key=("meter_class", "district", "direction", "exceedance_share"),
    publish=Publish(
        "meters",
        plain=("n", "half_hours", "expected_half_hours"),
        across=("meter_class", "district"),
        largest_share="highest_meter_share",
    ),
    table_rules=(says_why("load", "load_kw"),),
    sources=(
        "Willis (2004), Power Distribution Planning Reference Book, 2nd edition, chapter 2 (load duration curve)",
        "Hyndman, Fan (1996), Sample quantiles in statistical packages, The American Statistician 50(4)",
    ),
)
