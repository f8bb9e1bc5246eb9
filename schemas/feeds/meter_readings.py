"""Meter readings: energy that passed one register of one meter over an interval.

Prices, tariffs and customers do not belong in the lake.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule

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
    described=Described("meters", on="meter_id", factors=(("energy_kwh", "energy_factor"),), clock="clock_offset_s"),
    late_after=timedelta(days=1),
    sources=("NAESB REQ.21 Energy Services Provider Interface (Green Button), version 3.3",),
)
