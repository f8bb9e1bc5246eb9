"""Signal controllers: where a signal stands, and how its clock runs. What its detectors are for is in signal_detectors."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

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
        Column("district", "string", "district it stands in", default="unknown", nullable=False),
        Column("lat", "float", "latitude, WGS 84", unit="deg", minimum=-90, maximum=90),
        Column("lon", "float", "longitude, WGS 84", unit="deg", minimum=-180, maximum=180),
        Column(
            "clock_offset_s",
            "int",
            "seconds by which the controller's clock runs ahead",
            unit="s",
            default=0,
            nullable=False,
            minimum=-86400,
            maximum=86400,
        ),
    ),
    key=("controller_id", "valid_from"),
)
