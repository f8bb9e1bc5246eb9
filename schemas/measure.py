"""Columns that every metric carries, and the rule about them, said once.

What a single metric measures is said in metrics/<name>.py.
"""

from schemas.column import Column, RollUp
from schemas.contract import TableRule

N = Column("n", "int", "rows measured", unit="rows", nullable=False, minimum=0, roll_up="sum")
COVERAGE = Column("coverage_share", "float", "observed over expected", unit="share", nullable=False, minimum=0, maximum=1)
HEALTH = Column(
    "health_share", "float", "share from devices judged good by sensor_health_daily", unit="share", minimum=0, maximum=1
)
NULL_REASON = Column(
    "null_reason",
    "string",
    "why the ratios are empty",
    allowed=(
        "no_data",
        "low_coverage",
        "no_count",
        "no_speed",
        "no_arrival",
        "out_of_service",
        "no_capacity",
        "no_docks",
        "no_cycle",
        "no_call",
        "no_receipt",
        "no_dispatch",
        "no_area",
        "no_place",
        "no_free_flow",
        "too_few",
        "no_schedule",
        "no_crash",
        "no_severity",
        "no_rating",
        "no_power",
        "no_night",
        "no_light",
        "no_outage",
        "no_request",
        "no_appointment",
        "no_promise",
        "no_response",
        "no_closing",
        "no_backlog",
        "not_reached",
        "no_channel",
        "no_time",
        "contradicted",
        "never_measured",
        "never_reported",
        "no_population",
        "no_variation",
    ),
)
BIN_AT = Column("bin_at", "instant", "start of the bin", nullable=False)
LOCAL_TIME = Column("local_time", "local_time", "wall-clock time of the bin's start", nullable=False)


def ratio(name: str, doc: str, unit: str, formula: str, maximum: float | None = None, roll_up: RollUp | None = None) -> Column:
    """A ratio: NULL, with a reason, where coverage does not carry it."""
    return Column(name, "float", doc, unit=unit, minimum=0, maximum=maximum, formula=formula, roll_up=roll_up)


def total(name: str, doc: str, unit: str, formula: str, roll_up: RollUp = "sum") -> Column:
    """An additive part: roll-ups sum it; NULL where nothing was observed."""
    return Column(name, "float", doc, unit=unit, minimum=0, formula=formula, roll_up=roll_up)


def count(name: str, doc: str, formula: str, roll_up: RollUp = "sum") -> Column:
    """An additive part that counts: NULL where nothing can be known, and 0 is 0."""
    return Column(name, "int", doc, minimum=0, formula=formula, roll_up=roll_up)


def says_why(what: str, *ratios: str) -> TableRule:
    """The rule of a metric that has a reason wherever one of these ratios is empty.

    Args:
        what: a word for the ratios, such as "share".
    """
    empty = " OR ".join(f"{r} IS NULL" for r in ratios)
    condition = f"({empty})" if len(ratios) > 1 else empty
    sql = f"SELECT count(*) FROM this WHERE {condition} AND null_reason IS NULL"
    return TableRule("null_has_reason", sql, f"an empty {what} says why", "critical")
