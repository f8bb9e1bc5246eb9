"""Feeders: lines and transformers that supply meters, and what they may carry. Which meters hang on one is said of the meters."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.places import LAT, LON

CONTRACT = Contract(
    name="feeders",
    layer="reference",
    domain="energy",
    version=1,
    doc="One feeder from one instant on, until a later row of the same feeder.",
    columns=(
        Column("feeder_id", "string", "feeder or transformer", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column("rated_kw", "float", "power it may carry without end", unit="kW", nullable=False, minimum=0.001, maximum=1e6),
        Column("district", "string", "district", default="unknown", nullable=False),
        LAT,
        LON,
    ),
    key=("feeder_id", "valid_from"),
)
