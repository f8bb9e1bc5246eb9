"""Meters: class and district of a meter. Customers and addresses do not belong here."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

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
        Column(
            "clock_offset_s",
            "int",
            "seconds by which the meter's clock runs ahead",
            unit="s",
            default=0,
            nullable=False,
            minimum=-86400,
            maximum=86400,
        ),
    ),
    key=("meter_id", "valid_from"),
)
