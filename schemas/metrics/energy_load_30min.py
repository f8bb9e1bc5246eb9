"""Energy and load in half hours, per class of meter and district. Single households are never shown."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.measure import BIN_AT, COVERAGE, HEALTH, LOCAL_TIME, NULL_REASON, N, ratio, total

CONTRACT = Contract(
    name="energy_load_30min",
    layer="metric",
    domain="energy",
    version=1,
    doc=(
        "One class of meters of one district in one half hour. A reading that covers several half hours is "
        "spread over them in proportion to time; one of quality missing is none. Meters expected are those that reported on that "
        "day. Registers of a meter are added up, but where it has a register total only that counts."
    ),
    columns=(
        Column("meter_class", "string", "class of customer, from reference/meters", nullable=False, pattern=IDENTIFIER),
        Column("district", "string", "district, from reference/meters", nullable=False),
        Column("direction", "string", "delivered or received", nullable=False, allowed=("delivered", "received")),
        BIN_AT,
        LOCAL_TIME,
        N,
        COVERAGE,
        HEALTH,
        Column("meters", "int", "meters that reported in the half hour", nullable=False, minimum=0),
        Column("expected_meters", "int", "meters that reported on the day", nullable=False, minimum=0),
        total("energy_kwh", "energy observed", "kWh", "sum(energy_kwh * overlap / interval)"),
        total("estimated_kwh", "of it, from readings that are not valid", "kWh", "the same where quality is not valid"),
        ratio("load_kw", "mean load of the reporting meters", "kW", "energy_kwh / 0.5 h"),
        NULL_REASON,
    ),
    key=("meter_class", "district", "direction", "bin_at"),
    lookback_days=1,
    sources=("NAESB REQ.21 (ESPI) 3.3, IntervalReading", "IEC 61968-9:2013, meter reading and control"),
)
