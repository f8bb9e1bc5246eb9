"""Meter readings: energy that passed one register of one meter over an interval.

Prices, tariffs and customers do not belong in the lake.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule
from schemas.health import Health

# The third highest peak of each register's day is what the spike check compares with.
READINGS = """
WITH readings AS (SELECT *, energy_kwh * 3600 / interval_s AS load_kw FROM refined.meter_readings WHERE quality <> 'missing'),
third_peaks AS (
    SELECT event_date, meter_id, register, max(load_kw, 3)[3] AS third_kw FROM readings GROUP BY event_date, meter_id, register
)
SELECT r.*, p.third_kw FROM readings AS r JOIN third_peaks AS p USING (event_date, meter_id, register)
"""

CONTRACT = Contract(
    name="meter_readings",
    layer="feed",
    domain="energy",
    kind="events",
    version=1,
    doc="One interval of one register of one electricity meter.",
    columns=(
        Column("meter_id", "string", "meter, under the utility's pseudonym", nullable=False, pattern=IDENTIFIER),
        Column("register", "string", "register of the meter", nullable=False, pattern=IDENTIFIER, default="total"),
        Column("ended_at", "instant", "end of the interval", nullable=False),
        Column("interval_s", "int", "length of the interval", unit="s", nullable=False, minimum=1, maximum=86400),
        Column("energy_kwh", "float", "energy in the interval", unit="kWh", nullable=False, minimum=0, maximum=1e6),
        Column(
            "quality",
            "string",
            "how the value came about",
            nullable=False,
            default="valid",
            allowed=("valid", "estimated", "edited", "questionable", "missing"),
        ),
        Column(
            "direction",
            "string",
            "delivered to the customer, or received from the customer",
            nullable=False,
            default="delivered",
            allowed=("delivered", "received"),
        ),
    ),
    key=("meter_id", "ended_at", "register"),
    event_time="ended_at",
    interval="interval_s",
    stamped="end",
    row_rules=(
        RowRule(
            "possible_power",
            "energy_kwh * 3600 <= interval_s * 50000.0",
            "the mean power of a metered connection stays under 50 MW",
        ),
    ),
    described=Described(
        "meters",
        on="meter_id",
        factors=(("energy_kwh", "energy_factor"),),
        clock="clock_offset_s",
        mistaken=(("energy_kwh", ("Wh",)),),
        peers=("meter_class",),
    ),
    # The whole day is judged; a reading of quality 'missing' is none.
    health=Health(
        rows=READINGS,
        value="energy_kwh",
        channel="register",
        is_zero="energy_kwh = 0",
        is_high="coalesce(load_kw - third_kw > threshold('health_meter_spike_ratio') * third_kw AND third_kw > 0, false)",
        is_constant="length > threshold('health_meter_constant_run_rows')",
        tests=(
            ("insufficient", "coverage_share < threshold('health_meter_min_coverage_share')"),
            ("stuck", "constant_share > 0"),
            ("high_value", "high_share > 0"),
        ),
    ),
    late_after=timedelta(days=1),
    sources=("NAESB REQ.21 Energy Services Provider Interface (Green Button), version 3.3",),
)
