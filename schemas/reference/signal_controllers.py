"""Signal controllers: where a signal stands, and how its clock runs. What its detectors are for is in signal_detectors."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.places import DISTRICT, LAT, LON, clock_offset

CONTRACT = Contract(
    name="signal_controllers",
    layer="reference",
    domain="traffic",
    version=1,
    doc="One signal controller from one instant on, until a later row of the same controller.",
    columns=(
        Column("controller_id", "string", "controller", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column("name", "string", "the streets that meet there"),
        DISTRICT,
        LAT,
        LON,
        clock_offset("the controller's"),
    ),
    key=("controller_id", "valid_from"),
)
