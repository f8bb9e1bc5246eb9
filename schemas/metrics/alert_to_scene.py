"""From a camera's alert to the call that followed it and to the first unit on scene, alert by alert."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.measure import COVERAGE, HEALTH, NULL_REASON, ratio, says_why
from schemas.publish import Publish

FOLLOWING = (
    "An alert is followed by a call that was received after it, by at most the threshold camera_call_after_max_s, for a place at "
    "most camera_call_near_m from the camera as it stood then. A call answers one alert, the last before it; of several calls "
    "that answer one alert the first is taken. "
)
"""How alerts and calls are matched, for the metrics that do so."""

CONTRACT = Contract(
    name="alert_to_scene",
    layer="metric",
    domain="safety",
    version=1,
    doc=(
        "One alert of one camera: every event but counts of people. "
        + FOLLOWING
        + "The unit is the one that was on scene first; "
        "where none was, the one dispatched first. Steps whose instants are missing or run backwards are empty; "
        "those from capture on add up to capture_to_scene_s. An alert that no call followed is a row as well, and says so."
    ),
    columns=(
        Column("camera_id", "string", "camera", nullable=False, pattern=IDENTIFIER),
        Column("event_id", "string", "event, by the camera's own number", nullable=False, pattern=IDENTIFIER),
        Column("kind", "string", "what the camera concluded", nullable=False),
        Column("district", "string", "district of the camera", nullable=False),
        Column("captured_at", "instant", "when the picture was taken", nullable=False),
        Column("received_at", "instant", "when the city's desk received the alert"),
        Column("incident_id", "string", "incident of the call that followed", pattern=IDENTIFIER),
        Column("method", "string", "how they were matched", allowed=("place_and_time",)),
        Column("distance_m", "float", "from the camera to the call's place", unit="m", minimum=0),
        Column("call_at", "instant", "when the call was received"),
        Column("dispatched_at", "instant", "when the unit was dispatched"),
        Column("on_scene_at", "instant", "when the unit was on scene"),
        Column("n", "int", "alerts", nullable=False, minimum=1, maximum=1, roll_up="sum"),
        Column(
            COVERAGE.name,
            "float",
            "share of call, dispatch and arrival that is known",
            "share",
            nullable=False,
            minimum=0,
            maximum=1,
        ),
        HEALTH,
        Column(
            "is_in_order",
            "bool",
            "whether call, dispatch and arrival follow each other, as far as they are known",
            nullable=False,
        ),
        ratio("capture_to_received_s", "from the picture to the city's desk", "s", "received_at - captured_at"),
        ratio("capture_to_call_s", "from the picture to the call", "s", "call_at - captured_at"),
        ratio("call_to_dispatched_s", "from the call to the dispatch", "s", "dispatched_at - call_at"),
        ratio("dispatched_to_scene_s", "from the dispatch to the scene", "s", "on_scene_at - dispatched_at"),
        ratio("capture_to_scene_s", "from the picture to the scene", "s", "on_scene_at - captured_at"),
        NULL_REASON,
    ),
    key=("camera_id", "event_id"),
    lookahead_days=1,
    table_rules=(says_why("chain", "capture_to_scene_s"),),
    publish=Publish(count="n"),
    sources=("NFPA 1710, 2020 edition, section 3.3.53 (events of the response)",),
)
