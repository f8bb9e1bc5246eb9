"""The books, by feed, stage and day. The ledger holds the lines; this is what analysts read."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule

CONTRACT = Contract(
    name="data_balance",
    layer="metric",
    domain="city",
    version=1,
    doc=(
        "What one stage of one feed took and what became of it. Refused rows that told no day are counted on the day "
        "on which they were received, with is_event_day_known false."
    ),
    columns=(
        Column("feed", "string", "feed", nullable=False, pattern=IDENTIFIER),
        Column("stage", "string", "land or refine", nullable=False, allowed=("land", "refine"), roll_up="apart"),
        Column("is_event_day_known", "bool", "whether the day is the events' own", nullable=False),
        Column("taken", "int", "rows that entered the stage", unit="rows", nullable=False, minimum=0, roll_up="sum"),
        Column("kept", "int", "rows written", unit="rows", nullable=False, minimum=0, roll_up="sum"),
        Column("rejected", "int", "rows in quarantine", unit="rows", nullable=False, minimum=0, roll_up="sum"),
        Column("repeated", "int", "exact repeats", unit="rows", nullable=False, minimum=0, roll_up="sum"),
        Column("superseded", "int", "older versions of a key", unit="rows", nullable=False, minimum=0, roll_up="sum"),
        Column("late", "int", "of the kept, received late", unit="rows", nullable=False, minimum=0, roll_up="sum"),
        Column(
            "off_by",
            "int",
            "rows unaccounted for",
            unit="rows",
            nullable=False,
            formula="taken - kept - rejected - repeated - superseded",
            roll_up="sum",
        ),
        Column("kept_share", "float", "kept over taken", unit="share", minimum=0, maximum=1, formula="kept / taken"),
    ),
    key=("feed", "stage", "is_event_day_known"),
    table_rules=(TableRule("balanced", "SELECT count(*) FROM this WHERE off_by <> 0", "every row is accounted for", "critical"),),
)
