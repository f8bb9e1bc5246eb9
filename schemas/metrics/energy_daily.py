"""Energy by day, per class of meter and district: energy, peak, load factor, base load, coincidence."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.measure import COVERAGE, HEALTH, NULL_REASON, N, ratio, says_why, total
from schemas.publish import Publish

CONTRACT = Contract(
    name="energy_daily",
    layer="metric",
    domain="energy",
    version=2,
    doc=(
        "One class of meters of one district on one day, from its half hours. The load factor is empty where a half hour too "
        "thinly covered to carry a load lies above the peak."
    ),
    columns=(
        Column("meter_class", "string", "class of customer, from reference/meters", nullable=False, pattern=IDENTIFIER),
        Column("district", "string", "district, from reference/meters", nullable=False),
        Column(
            "direction", "string", "delivered or received", nullable=False, allowed=("delivered", "received"), roll_up="apart"
        ),
        N,
        COVERAGE,
        HEALTH,
        Column(
            "estimated_share",
            "float",
            "meter time of which the energy is estimated in gaps, over expected",
            unit="share",
            nullable=False,
            minimum=0,
            maximum=1,
            formula="mean(estimated_share of the half hours)",
        ),
        Column("meters", "int", "meters that reported on the day", nullable=False, minimum=0, roll_up="at_once"),
        Column(
            "highest_meter_share",
            "float",
            "share of the largest meter in any figure of this row: the day's energy, the peak, the half hours of the base load",
            unit="share",
            minimum=0,
            maximum=1.0001,
            formula="max(largest meter's energy / energy_kwh, highest_meter_share of the half hours at the peak and base load)",
        ),
        Column("hours", "float", "hours in the local day", unit="h", nullable=False, minimum=22, maximum=26),
        total("energy_kwh", "energy, measured and estimated", "kWh", "sum(energy_kwh of the half hours)"),
        total("estimated_kwh", "of it, estimated: by readings that are not valid, or in gaps", "kWh", "sum(estimated_kwh)"),
        total(
            "sum_of_peaks_kw", "sum of each meter's own half-hour peak", "kW", "sum over meters of max(load)", roll_up="at_once"
        ),
        Column(
            "missing_share",
            "float",
            "share of meter half hours that were not measured",
            unit="share",
            nullable=False,
            minimum=0,
            maximum=1,
            formula="1 - coverage_share",
        ),
        ratio("peak_kw", "highest half-hour load", "kW", "max(load_kw)"),
        Column("peak_at", "instant", "start of the half hour of the peak (the first, where several tie)"),
        ratio("load_factor", "load factor", "share", "energy_kwh / (peak_kw * hours)", 1.0001),
        ratio("base_load_kw", "base load", "kW", "5th percentile of load_kw, linear (Hyndman and Fan type 7)"),
        ratio("coincidence_share", "coincidence factor", "share", "peak_kw / sum_of_peaks_kw", 1.0001),
        ratio("diversity_factor", "diversity factor", "1", "sum_of_peaks_kw / peak_kw"),
        NULL_REASON,
    ),
    key=("meter_class", "district", "direction"),
    publish=Publish("meters", plain=("n",), across=("meter_class", "district"), largest_share="highest_meter_share"),
    lookback_days=28,
    lookahead_days=1,
    table_rules=(says_why("peak", "peak_kw"),),
    sources=(
        "Willis (2004), Power Distribution Planning Reference Book, 2nd edition, chapter 2 (load factor, coincidence, diversity)",
        "Hyndman, Fan (1996), Sample quantiles in statistical packages, The American Statistician 50(4)",
    ),
)
