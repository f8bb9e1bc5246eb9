"""Street lights: what a lamp says of itself: whether it burns, what it draws, and whether it is in order.

What a lamp is rated for and when it should burn do not belong here: reference/lamps and the sun say so.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule

CONTRACT = Contract(
    name="streetlights",
    layer="feed",
    domain="energy",
    kind="states",
    version=1,
    doc="The state of one street light at one instant; it holds until the next one.",
    columns=(
        Column("lamp_id", "string", "street light", nullable=False, pattern=IDENTIFIER),
        Column("observed_at", "instant", "when the state was observed", nullable=False),
        Column(
            "power_state",
            "string",
            "whether the lamp burns; low: dimmed; booting_up: on, not yet at its level",
            allowed=("on", "off", "low", "booting_up"),
        ),
        Column("power_w", "float", "power drawn", unit="W", minimum=0, maximum=10000),
        Column("dim_share", "float", "level of light, of the full one", unit="share", minimum=0, maximum=1),
        Column("energy_total_kwh", "float", "reading of the lamp's own counter", unit="kWh", minimum=0, maximum=1e9),
        Column(
            "status",
            "string",
            "what the lamp or its controller says is wrong",
            allowed=("ok", "defective_lamp", "column_issue", "broken_lantern"),
        ),
    ),
    key=("lamp_id", "observed_at"),
    event_time="observed_at",
    row_rules=(
        RowRule(
            "something_said",
            "power_state IS NOT NULL OR power_w IS NOT NULL OR energy_total_kwh IS NOT NULL OR status IS NOT NULL",
            "a row says whether the lamp burns, what it draws or what is wrong",
        ),
    ),
    described=Described("lamps", on="lamp_id", clock="clock_offset_s"),
    late_after=timedelta(hours=6),
    sources=("FIWARE Smart Data Models, Streetlighting/Streetlight and StreetlightControlCabinet",),
)
