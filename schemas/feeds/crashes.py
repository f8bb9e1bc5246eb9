"""Crashes: what an agency's table says of each road crash, published whole again and again.

No driver, no plate, no narrative: they do not belong in the lake.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, RowRule
from schemas.places import LAT, LON

CONTRACT = Contract(
    name="crashes",
    layer="feed",
    domain="safety",
    kind="snapshots",
    version=1,
    doc="One crash as one publication of the table tells it; later ones add, correct and withdraw crashes.",
    columns=(
        Column("crash_id", "string", "crash, by the agency's number", nullable=False, pattern=IDENTIFIER),
        Column("occurred_at", "instant", "when it happened", nullable=False),
        Column(
            "severity",
            "string",
            "worst injury, KABCO: K killed, A serious, B minor, C possible, O none, U unknown",
            nullable=False,
            default="U",
            allowed=("K", "A", "B", "C", "O", "U"),
        ),
        Column("killed", "int", "people killed", unit="people", minimum=0, maximum=1000),
        Column("injured", "int", "people injured, not killed", unit="people", minimum=0, maximum=10000),
        Column("modes", "string", "modes involved, sorted, such as bicycle|car|pedestrian", pattern=IDENTIFIER),
        Column("district", "string", "district", nullable=False, pattern=IDENTIFIER, default="unknown"),
        LAT,
        LON,
        Column(
            "snapshot_at",
            "instant",
            "when the table was published that says so",
            nullable=False,
            from_receipt=True,
            of_delivery=True,
        ),
    ),
    key=("crash_id",),
    event_time="occurred_at",
    row_rules=(RowRule("not_null_island", "NOT (lat = 0 AND lon = 0)", "the place is not 0 N 0 E"),),
    late_after=timedelta(days=30),
    retention_days=3650,
    sources=(
        "MMUCC Guideline, 6th edition (2024), P5 Injury Status (KABCO)",
        "ANSI D.16-2017, Manual on Classification of Motor Vehicle Traffic Crashes",
        "Socrata Open Data API (SODA) 2.1",
        "FIWARE Smart Data Models, Transportation/RoadAccident",
    ),
    wire={
        # A broker tells single accidents, as they change: none of its documents is a whole table. The model has no scale of
        # injuries; what the crash was like is told by the counts.
        "ngsi/RoadAccident": {
            "whole": False,
            "columns": {
                "crash_id": "id",
                "occurred_at": "accidentDate",
                "killed": {"from": ["totalDeadPeopleWithin30Days", "totalDeadPeopleWithin24Hours"], "combine": "first"},
                "injured": "totalInjured",
                "district": "address.district",
                "lat": "location.lat",
                "lon": "location.lon",
                "snapshot_at": "dateModified",
            },
        }
    },
)
