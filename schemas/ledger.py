"""The ledger: taken = kept + rejected + repeated + superseded, for every stage, source and day.

It counts and compares; it moves no data.
"""

import time
from dataclasses import asdict, dataclass
from datetime import date, datetime

import polars as pl
import pyarrow as pa

from schemas.column import Column
from schemas.contract import arrow
from schemas.lake import Lake, Part, Step

COLUMNS = (
    Column("stage", "string", "land or refine", nullable=False),
    Column("feed", "string", "feed", nullable=False),
    Column("event_date", "date", "day of the events; empty where a refused row told none"),
    Column("source", "string", "file or topic (land)"),
    Column("taken", "int", "rows that entered the stage", unit="rows", nullable=False),
    Column("kept", "int", "rows that the stage wrote", unit="rows", nullable=False),
    Column("rejected", "int", "rows in quarantine", unit="rows", nullable=False),
    Column("repeated", "int", "exact repeats left out (refine)", unit="rows", nullable=False),
    Column("superseded", "int", "older versions of a key left out (refine)", unit="rows", nullable=False),
    Column("late", "int", "of the kept, those received later than the contract calls timely", unit="rows", nullable=False),
    Column("filtered", "int", "rows that the source's row filter left out before they were taken", unit="rows", nullable=False),
    Column("received_date", "date", "day on which the source was received", nullable=False),
    Column("contract_version", "int", "contract that judged the rows", nullable=False),
    Column("cause", "string", "why a day was stated: landed, late rows, restated"),
    Column("recorded_at", "instant", "when this was written", nullable=False),
)
LOOKS, LOOK_S = 8, 0.23
COUNTS = ("taken", "kept", "rejected", "repeated", "superseded")


@dataclass(frozen=True)
class Tally:
    """One line of the ledger."""

    stage: str
    feed: str
    event_date: date | None
    taken: int
    kept: int
    rejected: int = 0
    repeated: int = 0
    superseded: int = 0
    late: int = 0
    filtered: int = 0
    source: str | None = None
    received_date: date | None = None
    contract_version: int = 1
    cause: str | None = None

    @property
    def off_by(self) -> int:
        """Rows that are unaccounted for; 0 when the line balances."""
        return self.taken - self.kept - self.rejected - self.repeated - self.superseded


def arrow_schema() -> pa.Schema:
    """The ledger's Arrow schema."""
    return arrow(COLUMNS)


def write(lake: Lake, stem: str, tallies: list[Tally], at: datetime) -> Part:
    """Write lines as a part that is not visible yet."""
    schema = {c.name: c.dtype for c in COLUMNS}
    frame = pl.DataFrame([{**asdict(t), "recorded_at": at} for t in tallies], schema=schema)
    frame = frame.with_columns(pl.col("received_date").fill_null(at.date()))
    return lake.write_part("ledger", "", None, stem, frame)


def record(lake: Lake, stem: str, tallies: list[Tally], at: datetime) -> None:
    """Write lines and make them visible."""
    lake.append("ledger", "", arrow_schema(), [Step("", 0, 0, (write(lake, stem, tallies, at),))])


def lines(lake: Lake) -> pl.DataFrame:
    """Every line in force: all of landing, and the latest statement of each refined day."""
    scan = lake.scan("ledger")
    if scan is None:
        return pl.DataFrame(schema={c.name: c.dtype for c in COLUMNS})
    every = scan.collect()
    landed = every.filter(pl.col("stage") == "land")
    latest = (
        every.filter(pl.col("stage") != "land")
        .sort("recorded_at", maintain_order=True)
        .unique(["stage", "feed", "event_date"], keep="last", maintain_order=True)
    )
    return pl.concat([landed, latest])


def summed(books: pl.DataFrame, before: datetime) -> pl.DataFrame:
    """Lines of landing recorded before an instant as one line per source, day and hour; all others as they are."""
    is_old = (pl.col("stage") == "land") & (pl.col("recorded_at") < before)
    counts = [c.name for c in COLUMNS if c.kind == "int" and c.unit == "rows"]
    names = [c.name for c in COLUMNS if c.name not in (*counts, "recorded_at")]
    hour = pl.col("recorded_at").dt.truncate("1h").alias("hour")
    old = (
        books.filter(is_old)
        .group_by(*names, hour, maintain_order=True)
        .agg(pl.col(*counts).sum(), pl.col("recorded_at").max())
        .select(books.columns)
    )
    return pl.concat([old, books.filter(~is_old)])


def balance(lake: Lake) -> pl.DataFrame:
    """The books by feed, stage and day, compared with what the tables hold.

    Columns: feed, stage, event_date, taken, kept, rejected, repeated, superseded, off_by. `off_by` is the
    rows by which a line does not add up, plus the rows by which raw, refined or quarantine differ from it.

    A stream may commit to one table after another while they are read: then they are read again.
    """
    books = _compared(lake)
    if lake.notes.has("steps"):
        for _ in range(LOOKS):
            if not (books["off_by"] != 0).any():
                break
            time.sleep(LOOK_S)
            books = _compared(lake)
    return books


def _compared(lake: Lake) -> pl.DataFrame:
    place = ["feed", "stage", "event_date"]
    missing = pl.col("taken") - pl.sum_horizontal(COUNTS[1:])
    books = lines(lake).group_by(place).agg(pl.col(*COUNTS).sum(), missing.abs().sum().alias("missing"))
    out = books.join(_rows_held(lake), on=place, how="full", coalesce=True, nulls_equal=True)
    out = out.join(_rows_refused(lake), on=place, how="full", coalesce=True, nulls_equal=True)
    out = out.with_columns(pl.col(*COUNTS, "missing", "held", "refused").fill_null(0))
    differs = (pl.col("kept") - pl.col("held")).abs() + (pl.col("rejected") - pl.col("refused")).abs()
    return (
        out.with_columns((pl.col("missing") + differs).alias("off_by"))
        .select(*place, *COUNTS, "off_by")
        .filter(pl.any_horizontal(pl.col(*COUNTS, "off_by") != 0))
        .sort(place, nulls_last=True)
    )


def _rows_held(lake: Lake) -> pl.DataFrame:
    """Rows that raw and refined hold by day, as the tables' own logs count them."""
    counted = [
        (name, stage, file.event_date, file.rows)
        for layer, name in lake.tables()
        for stage in ({"raw": "land", "refined": "refine"}.get(layer),)
        if stage
        for file in lake.files(layer, name)
    ]
    schema = {"feed": pl.String, "stage": pl.String, "event_date": pl.Date, "held": pl.Int64}
    return pl.DataFrame(counted, schema=schema, orient="row").group_by("feed", "stage", "event_date").agg(pl.col("held").sum())


def _rows_refused(lake: Lake) -> pl.DataFrame:
    """Rows that quarantine holds by stage and day."""
    schema = {"feed": pl.String, "stage": pl.String, "event_date": pl.Date, "refused": pl.Int64}
    counted = [pl.DataFrame(schema=schema)]
    for layer, name in lake.tables():
        scan = lake.scan(layer, name) if layer == "quarantine" else None
        if scan is not None:
            by_day = scan.group_by("stage", "event_date").agg(pl.len().cast(pl.Int64).alias("refused"))
            counted.append(by_day.select(pl.lit(name).alias("feed"), *list(schema)[1:]).collect())
    return pl.concat(counted)
