"""Services that can be asked for, and what the city promises. Requests are the feed service_requests."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

CONTRACT = Contract(
    name="services",
    layer="reference",
    domain="services",
    version=1,
    doc="One service from one instant on, until a later row of the same one.",
    columns=(
        Column("service_code", "string", "service, by the register's code", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column("name", "string", "name to show"),
        Column("sla_h", "float", "hours within which the city promises to close a request", unit="h", minimum=0, maximum=1e6),
        Column(
            "subject",
            "string",
            "what it is about, in the lake's words",
            default="other",
            nullable=False,
            allowed=("street_light", "road", "traffic_signal", "parking", "noise", "waste", "water", "other"),
        ),
    ),
    key=("service_code", "valid_from"),
)
