"""Signal events: what a traffic signal's controller did and heard, event by event.

Detectors and phases of a controller are reference/controllers; counts over time are metrics.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

CONTRACT = Contract(
    name="signal_events",
    layer="feed",
    domain="traffic",
    kind="events",
    version=1,
    doc="One high-resolution event of one signal controller: an event code, and the phase, detector or value it is about.",
    columns=(
        Column("controller_id", "string", "controller", nullable=False, pattern=IDENTIFIER),
        Column("occurred_at", "instant", "when it happened, to a tenth of a second", nullable=False),
        Column("code", "int", "event code of the Indiana enumeration", nullable=False, minimum=0, maximum=1023),
        Column(
            "parameter", "int", "phase, detector channel or value, as the code says", nullable=False, minimum=0, maximum=65535
        ),
    ),
    key=("controller_id", "occurred_at", "code", "parameter"),
    event_time="occurred_at",
    late_after=timedelta(hours=1),
    sources=("Indiana Traffic Signal Hi Resolution Data Logger Enumerations, Purdue University (2012), doi 10.4231/K4RN35SH",),
)
