"""Signal detectors: what each detector channel of a controller is for. Where the controller stands is in signal_controllers."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

CONTRACT = Contract(
    name="signal_detectors",
    layer="reference",
    domain="traffic",
    version=1,
    doc=(
        "One use of one detector channel of a controller. All rows of a channel with the same valid_from hold together, "
        "until a later valid_from of that channel: a channel may serve two phases, or count and call. Functions: "
        "presence (at the stop bar, occupied while a vehicle stands on it), advance (upstream: arrivals), count (stop "
        "bar count), yellow_red (crossings on yellow and red), pedestrian (push button; the channel is the pedestrian "
        "detector's number), other."
    ),
    columns=(
        Column("controller_id", "string", "controller", nullable=False, pattern=IDENTIFIER),
        Column(
            "detector", "int", "detector channel, as the events' parameter names it", nullable=False, minimum=0, maximum=65535
        ),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column(
            "function",
            "string",
            "what the channel is for",
            nullable=False,
            allowed=("presence", "advance", "count", "yellow_red", "pedestrian", "other"),
        ),
        Column("phase", "int", "phase the channel serves", nullable=False, minimum=0, maximum=255),
        Column("direction", "string", "direction of travel"),
        Column(
            "travel_to_stop_bar_s",
            "float",
            "time from the detector to the stop bar, less what the detector and its wiring are late",
            unit="s",
            default=0.0,
            nullable=False,
            minimum=0,
            maximum=120,
        ),
    ),
    key=("controller_id", "detector", "function", "phase", "valid_from"),
)
