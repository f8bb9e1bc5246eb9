"""Response times by day, district and priority, over incidents by first arriving unit."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.measure import NULL_REASON, ratio, says_why, total
from schemas.publish import Publish

PHASES = {
    "call_processing": "call received to unit dispatched",
    "turnout": "unit dispatched to en route",
    "travel": "en route to on scene",
    "total": "call received to on scene",
}


def _phase(name: str, doc: str) -> tuple[Column, ...]:
    return (
        Column(f"{name}_n", "int", f"incidents behind: {doc}", nullable=False, minimum=0, roll_up="sum"),
        total(f"{name}_sum_s", f"sum of {doc}", "s", "sum over incidents"),
        ratio(f"{name}_p50_s", f"median of {doc}", "s", "50th percentile, linear (Hyndman and Fan type 7)"),
        ratio(f"{name}_p90_s", f"90th percentile of {doc}", "s", "90th percentile, linear (Hyndman and Fan type 7)"),
        Column(
            f"{name}_within_n",
            "int",
            f"of them within the target (threshold {name}_target_s)",
            nullable=False,
            minimum=0,
            roll_up="sum",
        ),
        ratio(f"{name}_within_share", "share within the target", "share", f"{name}_within_n / {name}_n", 1),
    )


CONTRACT = Contract(
    name="response_times_daily",
    layer="metric",
    domain="safety",
    version=1,
    doc=(
        "Incidents received on one day in one district with one priority. Each incident counts once, with the unit that "
        "arrived first (where none arrived, the one dispatched first); a phase whose instants are missing or out of order is "
        "left out. Targets are the thresholds named <phase>_target_s."
    ),
    columns=(
        Column("district", "string", "district", nullable=False, pattern=IDENTIFIER),
        Column("priority", "string", "priority, in the dispatch desk's words", nullable=False),
        Column("n", "int", "incidents", nullable=False, minimum=1, roll_up="sum"),
        Column(
            "coverage_share",
            "float",
            "share of incidents with a unit on scene",
            unit="share",
            nullable=False,
            minimum=0,
            maximum=1,
        ),
        Column("health_share", "float", "share of incidents whose instants are in order", unit="share", minimum=0, maximum=1),
        *(c for name, doc in PHASES.items() for c in _phase(name, doc)),
        NULL_REASON,
    ),
    key=("district", "priority"),
    publish=Publish(across=("district", "priority"), of="response_times_monthly"),
    table_rules=(says_why("response time", "total_p50_s"),),
    sources=(
        "NFPA 1710, 2020 edition, sections 4.1.2.1 and 3.3.53 (turnout 80 s, first unit travel 240 s)",
        "NFPA 1225, 2021 edition, section 15.4 (call processing 60 s for 90 %)",
        "Hyndman, Fan (1996), Sample quantiles in statistical packages, The American Statistician 50(4)",
    ),
)
