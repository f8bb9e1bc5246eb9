"""Energy and load in half hours, per class of meter and district. Single households are never shown."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.measure import BIN_AT, COVERAGE, HEALTH, LOCAL_TIME, NULL_REASON, N, ratio, total
from schemas.publish import Publish

CONTRACT = Contract(
    name="energy_load_30min",
    layer="metric",
    domain="energy",
    version=2,
    doc=(
        "One class of meters of one district in one half hour. A reading that covers several half hours is spread over "
        "them in proportion to time; one of quality missing is none. Of counters, differences of successive states are "
        "taken: over a rollover and an exchange where reference/meters knows enough of it, from 0 after a reset "
        "(estimated, as at least that much passed). Gaps are estimated once a later reading, of the next day at the "
        "latest, has closed them: up to two hours on a straight line between the readings around them, longer ones as on "
        "like days, the mean of the valid readings at the same weekday and time of the four weeks before; where a counter "
        "ran on, its known difference is spread evenly. What cannot be estimated stays unknown, and coverage tells: it "
        "counts what was measured alone, and loads need it. Meters expected are those that reported on that day, or "
        "before and after it and are estimated. Registers of a meter are added up, but where it has a register total only "
        "that counts."
    ),
    columns=(
        Column("meter_class", "string", "class of customer, from reference/meters", nullable=False, pattern=IDENTIFIER),
        Column("district", "string", "district, from reference/meters", nullable=False),
        Column(
            "direction", "string", "delivered or received", nullable=False, allowed=("delivered", "received"), roll_up="apart"
        ),
        BIN_AT,
        LOCAL_TIME,
        N,
        COVERAGE,
        HEALTH,
        Column(
            "estimated_share",
            "float",
            "meter time of which the energy is estimated here, over expected",
            unit="share",
            nullable=False,
            minimum=0,
            maximum=1,
            formula="estimated time of gaps / (expected registers * length of the half hour)",
        ),
        Column(
            "meters",
            "int",
            "meters with energy in the half hour, measured or estimated",
            nullable=False,
            minimum=0,
            roll_up="at_once",
        ),
        Column("expected_meters", "int", "meters that reported on the day", nullable=False, minimum=0, roll_up="at_once"),
        Column(
            "highest_meter_share",
            "float",
            "share of the meter with the most energy; 0 where there is none",
            unit="share",
            minimum=0,
            maximum=1.0001,
            formula="max over meters of energy_kwh / energy_kwh",
        ),
        total("energy_kwh", "energy, measured and estimated", "kWh", "sum(energy_kwh * overlap / interval) + estimates of gaps"),
        total("estimated_kwh", "of it, estimated: by readings that are not valid, or here in gaps", "kWh", "sum where not valid"),
        total("interpolated_kwh", "of that, in gaps up to two hours", "kWh", "straight line between the intervals' middles"),
        total(
            "like_days_kwh", "of that, in longer gaps", "kWh", "mean power of the same weekday and half hour * length of the gap"
        ),
        total(
            "spread_kwh", "of that, known differences of counters over gaps", "kWh", "difference * overlap / length of the gap"
        ),
        ratio("load_kw", "mean load", "kW", "energy_kwh / 0.5 h", roll_up="at_once"),
        NULL_REASON,
    ),
    key=("meter_class", "district", "direction", "bin_at"),
    publish=Publish(
        "meters",
        plain=("n", "expected_meters"),
        across=("meter_class", "district", "bin_at"),
        of="energy_daily",
        largest_share="highest_meter_share",
    ),
    lookback_days=28,
    lookahead_days=1,
    sources=(
        "NAESB REQ.21 (ESPI) 3.3, IntervalReading",
        "IEC 61968-9:2013, meter reading and control",
        "Itron Enterprise Edition, linear interpolation and multi-week average estimation",
    ),
)
