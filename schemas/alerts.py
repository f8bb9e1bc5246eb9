"""The table `metrics/alerts`: a row each time an alert is opened or closed, in the order in which the lake noticed.

A table of the house, like the ledger: no SQL file of metrics makes it. Which alerts there are is said by the rules.
"""

import hashlib
from datetime import datetime

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule

SEVERITIES = ("info", "warning", "critical")
OPENED, CLOSED = "opened", "closed"

CONTRACT = Contract(
    name="alerts",
    layer="metric",
    domain="city",
    version=1,
    doc=(
        "One change of an alert: it was opened, or closed again. A day is the one on which what it tells of began. "
        "What raised it is in `causes`; followers read on from the last `number` they saw."
    ),
    columns=(
        Column(
            "alert_id", "string", "the alert: the same rule, place and start give the same id", nullable=False, pattern=IDENTIFIER
        ),
        Column("state", "string", "what the row says of the alert", nullable=False, allowed=(OPENED, CLOSED)),
        Column("number", "int", "running number of the row in this table, from 1", nullable=False, minimum=1),
        Column("rule", "string", "rule that raised it", nullable=False, pattern=IDENTIFIER),
        Column("severity", "string", "how much it matters", nullable=False, allowed=SEVERITIES),
        Column("place_kind", "string", "kind of place, such as sensor or incident", nullable=False, pattern=IDENTIFIER),
        Column("place_id", "string", "the place", nullable=False, pattern=IDENTIFIER),
        Column("h3_cell", "string", "H3 cell of the place, where it is known"),
        Column("started_at", "instant", "since when it holds, in event time", nullable=False),
        Column("event_at", "instant", "event time of the latest row or passed limit it rests on", nullable=False),
        Column("raised_at", "instant", "when the lake noticed the change", nullable=False),
        Column("closed_at", "instant", "since when it no longer held; empty while it is open"),
        Column("value", "float", "what was measured, in `unit`"),
        Column("threshold_value", "float", "the limit it broke, in `unit`"),
        Column("unit", "string", "unit of value and limit"),
        Column("message", "string", "what was found, as a sentence", nullable=False),
        Column("causes", "string", "rows that caused it, at most 20, as a JSON list of {feed, source, position}", nullable=False),
    ),
    key=("alert_id", "state"),
    table_rules=(
        TableRule(
            "closed_says_when",
            "SELECT count(*) FROM this WHERE state = 'closed' AND closed_at IS NULL",
            "a closed alert says since when it no longer held",
            "critical",
        ),
    ),
)


def alert_id(rule: str, place_kind: str, place_id: str, started_at: datetime) -> str:
    """The identity of an alert: of its rule, place and start alone, so that it is the same in every process."""
    said = "\0".join((rule, place_kind, place_id, f"{started_at.timestamp():.6f}"))
    return hashlib.sha256(said.encode()).hexdigest()[:24]
