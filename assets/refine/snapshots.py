"""Which publications of whole tables a feed holds, and what each of them refused: by these a row is known to be withdrawn.

What versions rows have is settled in `versions`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from schemas.contract import Contract
from schemas.lake import File, Lake
from schemas.rejection import Code
from schemas.stages import QUARANTINE, SNAPSHOT_AT, WHOLE_TABLE

TABLE = WHOLE_TABLE.name
OF_REFINING = "refine-"
"""Begin of the names of what refining itself refused."""
CUT_SHORT = (str(Code.UNREADABLE_FILE), str(Code.OVER_LIMIT))
WORDS = r"[\p{L}\p{N}]+"


@dataclass(frozen=True)
class Register:
    """The publications of a feed's whole tables.

    Attributes:
        seen: `event_date`, `_table`, `snapshot_at`: which publication had rows of which day.
        words: `_table`, `snapshot_at`, `word`: what stands in the rows that a publication had and that were refused.
        broken: `_table`, `snapshot_at` of publications that were not read whole.
    """

    seen: pl.DataFrame
    words: pl.DataFrame
    broken: pl.DataFrame

    @property
    def refused_any(self) -> bool:
        """Whether any publication refused rows or was cut short."""
        return self.words.height + self.broken.height > 0

    @cached_property
    def next(self) -> pl.DataFrame:
        """`_table`, `snapshot_at`, `next_at`: each publication, and the one after it; null for the last."""
        every = self.seen.select(TABLE, SNAPSHOT_AT).unique().sort(TABLE, SNAPSHOT_AT)
        return every.with_columns(pl.col(SNAPSHOT_AT).shift(-1).over(TABLE).alias("next_at"))

    @cached_property
    def told(self) -> dict[date, str]:
        """What decides a day besides its rows: for each table on it, the publications that have the day, those that come next and
        have it not, and what these refused."""
        days = self.seen.join(self.next, on=[TABLE, SNAPSHOT_AT])
        after = days.select("event_date", TABLE, pl.col("next_at").alias(SNAPSHOT_AT)).drop_nulls()
        # what was refused may leave a withdrawal open: then the publications after that decide as well
        doubted = self.words.select(TABLE, SNAPSHOT_AT).unique()
        doubted = pl.concat([doubted, self.broken.select(TABLE, SNAPSHOT_AT)]).unique()
        steps = self.next.join(doubted, on=[TABLE, SNAPSHOT_AT], how="semi").drop_nulls()
        reached = after
        while steps.height and reached.height:
            reached = reached.join(steps, on=[TABLE, SNAPSHOT_AT]).drop(SNAPSHOT_AT).rename({"next_at": SNAPSHOT_AT})
            reached = reached.join(after, on=after.columns, how="anti").unique()
            after = pl.concat([after, reached])
        line = pl.format("{} {}", TABLE, pl.col(SNAPSHOT_AT).dt.epoch("us"))
        refused = pl.concat([self.words, self.broken.with_columns(pl.lit(None, pl.String).alias("word"))])
        said = refused.sort("word").group_by(TABLE, SNAPSHOT_AT, maintain_order=True).agg(pl.col("word").fill_null("-"))
        marks = {(table, at): _digest(found) for table, at, found in said.iter_rows()}
        after = after.unique().sort("event_date", TABLE, SNAPSHOT_AT).with_columns(line.alias("line"))
        out: dict[date, list[str]] = {}
        for day, table, at, text in after.select("event_date", TABLE, SNAPSHOT_AT, "line").iter_rows():
            out.setdefault(day, []).append(f"{text} {marks.get((table, at), '')}")
        return {day: "|".join(lines) for day, lines in out.items()}


_read: dict[str, tuple[frozenset[tuple[str, int, int]], pl.DataFrame]] = {}
"""What the files of a table were found to say; files never change, so that only new ones are read."""


def register(lake: Lake, contract: Contract, files: Sequence[File]) -> Register:
    """Read of all raw rows which table was published when, and of what was refused which publication it was of."""
    found = _publications(lake, contract, files)
    sources = found.select(TABLE, SNAPSHOT_AT, "_source", "_received_at").unique()
    refused = _refused(lake, contract).join(sources, on=["_source", "_received_at"])
    shown = refused.select(TABLE, SNAPSHOT_AT, word=words(pl.col("payload"))).explode("word").drop_nulls().unique()
    unseen = pl.col("payload").is_null() | pl.col("code").is_in(CUT_SHORT)
    broken = refused.filter(unseen).select(TABLE, SNAPSHOT_AT).unique()
    return Register(found.select("event_date", TABLE, SNAPSHOT_AT).unique(), shown, broken)


def _publications(lake: Lake, contract: Contract, files: Sequence[File]) -> pl.DataFrame:
    """`event_date`, `_table`, `snapshot_at`, `_source`, `_received_at` that there are in raw."""
    columns = ("event_date", TABLE, SNAPSHOT_AT, "_source", "_received_at")
    schema, place = contract.polars_schema("raw"), lake.uri("raw", contract.name)
    known, found = _read.get(place, (frozenset(), pl.DataFrame(schema={c: schema[c] for c in columns})))
    now = {(f.path, f.bytes, f.written_ms): f for f in files}
    if not known <= now.keys():  # files were joined, or went
        known, found = frozenset(), found.clear()
    fresh = [f for i, f in now.items() if i not in known]
    if fresh:
        stored = {n: t for n, t in schema.items() if n != "event_date"}
        rows = lake.read(fresh, stored, uri="_uri").select("_uri", *columns[1:]).filter(pl.col(TABLE).is_not_null())
        days = pl.DataFrame({"_uri": [f.uri for f in fresh], "event_date": [f.event_date for f in fresh]})
        found = pl.concat([found, rows.unique().collect().join(days, on="_uri").select(columns)]).unique()
    _read[place] = frozenset(now), found
    return found


def words(text: pl.Expr) -> pl.Expr:
    """The words of a text, a list for each row, by which a key is looked for in what was refused."""
    return text.str.extract_all(WORDS)


def _refused(lake: Lake, contract: Contract) -> pl.DataFrame:
    columns = ("_source", "_received_at", "code", "payload")
    schema = {c.name: c.dtype for c in QUARANTINE if c.name != "event_date"}
    files = [f for f in lake.files("quarantine", contract.name) if not f.path.rpartition("/")[2].startswith(OF_REFINING)]
    return lake.read(files, schema).select(columns).collect() if files else pl.DataFrame(schema={c: schema[c] for c in columns})


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
