"""The columns that a layer of the lake adds to a contract's own.

What a dataset says itself is its contract's.
"""

from schemas.column import Column

EVENT_DATE = Column("event_date", "date", "day of the event in the city's time zone", nullable=False)

LINEAGE = (
    Column("_source", "string", "file or topic the row was read from", nullable=False),
    Column("_position", "int", "byte offset, row number or sequence within the source", nullable=False),
    Column("_received_at", "instant", "when the source was received", nullable=False),
    Column("_landed_at", "instant", "when the row was written to the lake", nullable=False),
    Column("_contract_version", "int", "version of the contract that judged the row", nullable=False),
)

REFINED = (
    Column("h3_cell", "string", "H3 cell of the place, at the city's resolution", nullable=True),
    Column("local_time", "local_time", "wall-clock time of the interval's start or the event", nullable=False),
    Column("_versions", "int", "rows received for this key", nullable=False, minimum=1),
    Column("_corrections", "string", "unit and clock corrections applied, from reference/sensors"),
)

SUPPRESSED = "suppressed"
RELEASE = (
    Column(
        "release",
        "string",
        f"published; {SUPPRESSED}: withheld, as it could tell of single people; held: as it was published last",
        nullable=False,
        allowed=("published", SUPPRESSED, "held"),
    ),
    Column("withheld_columns", "string", "columns of a row that is told whose values are withheld, by comma; empty: none"),
)
RELEASED, WITHHELD_COLUMNS = (c.name for c in RELEASE)
"""Columns of what was released: what became of the row, and which of its values are withheld all the same."""

OF_RELEASE = (
    Column("_cells", "string", "what was told of each count of the row, and of what a total's parts counted then, as JSON"),
)

SNAPSHOT_AT = "snapshot_at"
"""Column of every feed of snapshots: when the table was published that says the row."""
VALID_FROM = Column("valid_from", "instant", "publication that said it first", nullable=False)
VALID_TO = Column("valid_to", "instant", "publication that said otherwise, or had the row no more; empty: in force")
WHOLE_TABLE = Column("_table", "string", "source whose whole table was published with the row; empty where rows come one by one")
OF_SNAPSHOTS: dict[str, tuple[Column, ...]] = {"raw": (WHOLE_TABLE,), "refined": (VALID_FROM, VALID_TO, WHOLE_TABLE)}
"""What a layer adds, besides, to feeds of snapshots."""

QUARANTINE = (
    Column("event_date", "date", "day of the event, where it could be told"),
    Column("stage", "string", "stage that refused the row", nullable=False),
    Column("code", "string", "reason, from the closed list", nullable=False),
    Column("column", "string", "column at fault, or name of the broken rule"),
    Column("found", "string", "the value found, shortened to 200 characters"),
    Column("expected", "string", "what the contract asks for"),
    Column("payload", "string", "the row as it came; bytes that are no text as \\xNN"),
    *LINEAGE,
)

# layer of the lake -> columns before and after the contract's own
STAGE_COLUMNS: dict[str, tuple[tuple[Column, ...], tuple[Column, ...]]] = {
    "raw": ((EVENT_DATE,), LINEAGE),
    "refined": ((EVENT_DATE,), (*REFINED, *LINEAGE)),
    "metrics": ((EVENT_DATE,), ()),
    "published": ((EVENT_DATE,), (*RELEASE, *OF_RELEASE)),
    "reference": ((), ()),
}
