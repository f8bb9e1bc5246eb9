"""Meters: class and district of a metering point, and what its counter can show.

Customers and addresses do not belong here.
"""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.places import clock_offset

CONTRACT = Contract(
    name="meters",
    layer="reference",
    domain="energy",
    version=1,
    doc="One meter from one instant on, until a later row of the same meter.",
    columns=(
        Column("meter_id", "string", "meter", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column("meter_class", "string", "class of customer, such as household or office", default="unknown", nullable=False),
        Column("district", "string", "district", default="unknown", nullable=False),
        Column("serial", "string", "number of the device; another one than in the row before says that the meter was exchanged"),
        Column(
            "register_max_kwh",
            "float",
            "the counter's range: where it begins again at 0, such as 100000 after 99999.9",
            unit="kWh",
            minimum=1,
            maximum=1e12,
        ),
        Column(
            "first_reading_kwh", "float", "what the counter showed when it was installed", unit="kWh", minimum=0, maximum=1e12
        ),
        Column(
            "removed_reading_kwh",
            "float",
            "what the counter before it showed when it was removed",
            unit="kWh",
            minimum=0,
            maximum=1e12,
        ),
        Column("feeder_id", "string", "feeder or transformer that supplies it, of reference/feeders", pattern=IDENTIFIER),
        Column(
            "energy_factor",
            "float",
            "true energy over reported energy, such as 0.001 for W read as kW",
            default=1.0,
            nullable=False,
            minimum=1e-6,
            maximum=1e6,
        ),
        clock_offset("the meter's"),
    ),
    key=("meter_id", "valid_from"),
)
