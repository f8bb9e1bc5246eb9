"""Alerts of cameras by day, kind and district: how many, how sure, how fast they came in and were acted on."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.measure import HEALTH, NULL_REASON, count, ratio, says_why, total
from schemas.metrics.alert_to_scene import FOLLOWING
from schemas.publish import Publish

STEPS = {
    "capture_to_received": "from the picture to the city's desk",
    "received_to_dispatched": "from the city's desk to a unit dispatched, where a call followed",
}


def _step(name: str, doc: str) -> tuple[Column, ...]:
    return (
        count(f"{name}_n", f"alerts behind: {doc}", "alerts with both instants, in order"),
        total(f"{name}_sum_s", f"sum of seconds {doc}", "s", "sum over alerts"),
        ratio(f"{name}_p50_s", f"median seconds {doc}", "s", "50th percentile, linear (Hyndman and Fan type 7)"),
        ratio(f"{name}_p95_s", f"95th percentile of seconds {doc}", "s", "95th percentile, linear (Hyndman and Fan type 7)"),
    )


CONTRACT = Contract(
    name="camera_alerts",
    layer="metric",
    domain="safety",
    version=1,
    doc=(
        "Alerts of one kind in one district on one day: every event but counts of people. In districts where some camera said "
        "something on the day, a kind without alerts is a row of zero. "
        + FOLLOWING
        + "health_share is the share of alerts from cameras judged good. Sure is a confidence of at least the threshold "
        "camera_min_confidence."
    ),
    columns=(
        Column("kind", "string", "what the cameras concluded", nullable=False),
        Column("district", "string", "district of the cameras", nullable=False, pattern=IDENTIFIER),
        Column("n", "int", "alerts", nullable=False, minimum=0, roll_up="sum"),
        Column(
            "coverage_share",
            "float",
            "share of alerts whose receipt is known",
            unit="share",
            nullable=False,
            minimum=0,
            maximum=1,
        ),
        HEALTH,
        count("sure_n", "alerts the analytics were sure of, or gave no confidence", "count where sure"),
        count("confidence_n", "alerts with a confidence", "count(confidence)"),
        total("confidence_sum", "sum of confidences", "1", "sum(confidence)"),
        ratio("mean_confidence", "mean confidence", "1", "confidence_sum / confidence_n", 1),
        *_step("capture_to_received", STEPS["capture_to_received"]),
        count("call_n", "alerts that a call followed", "count(incident_id)"),
        *_step("received_to_dispatched", STEPS["received_to_dispatched"]),
        NULL_REASON,
    ),
    key=("kind", "district"),
    lookahead_days=1,
    table_rules=(says_why("latency", "capture_to_received_p50_s", "received_to_dispatched_p50_s"),),
    publish=Publish(count="n", across=("kind", "district")),
    sources=("Hyndman, Fan (1996), Sample quantiles in statistical packages, The American Statistician 50(4)",),
)
