"""The verbs of landing as plain functions: read, decode, conform, write.

No Beam here: `landing` strings these together, `commit` makes their result visible.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl
import pyarrow.parquet as pq

from pipelines import mapping, progress
from pipelines.formats import csv, json_lines, parquet
from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.lines import Lines
from pipelines.sources import reading
from pipelines.sources.files import Limits, Split, open_binary
from pipelines.sources.plan import Todo
from pipelines.sources.source import Source
from schemas import conform as judge
from schemas.city import City
from schemas.contract import Contract
from schemas.lake import Lake, Part
from schemas.ledger import Tally
from schemas.rejection import Code


@dataclass(frozen=True)
class Landing:
    """All that the verbs need to know. Picklable: it travels to workers.

    Attributes:
        todo: the files of this landing without their splits.
        at: when the landing began; `_landed_at` of its rows.
    """

    lake: Lake
    city: City
    contract: Contract
    source: Source
    limits: Limits
    todo: tuple[Todo, ...]
    at: datetime


@dataclass(frozen=True)
class Batch:
    """A chunk on its way: what it was read from, and what became of it so far."""

    split: Split
    origin: str
    stem: str
    bytes: int
    decoded: Decoded
    kept: pl.DataFrame | None = None
    faults: pl.DataFrame | None = None
    taken: int = 0
    filtered: int = 0


@dataclass(frozen=True)
class Written:
    """Parts of one chunk and its count by day; a descriptor that may cross a shuffle."""

    uri: str
    raw: tuple[Part, ...]
    quarantine: tuple[Part, ...]
    tallies: tuple[Tally, ...]


def read(split: Split, landing: Landing) -> Iterator[reading.Chunk | Split]:
    """Chunks of whole lines; a Parquet row group is its own chunk."""
    if landing.source.format == "parquet" and not split.broken:
        yield split
    else:
        yield from reading.chunks(split, landing.source, landing.limits)


def decode(chunk: reading.Chunk | Split, landing: Landing) -> Batch:
    """Wire columns, and faults of rows that are no rows."""
    if isinstance(chunk, Split):
        with open_binary(chunk.file.uri) as handle:
            group = pl.DataFrame(pl.from_arrow(pq.ParquetFile(handle).read_row_group(chunk.group)))
        return Batch(chunk, chunk.file.uri, chunk.stem, 0, parquet.decode(group, chunk.first_row, landing.source))
    lines = Lines(chunk.data, chunk.offset, landing.source.encoding)
    if landing.source.format == "csv":
        decoded = csv.decode(lines, landing.source, chunk.header)
    else:
        decoded = json_lines.decode(lines, landing.source, landing.contract)
    origin = chunk.split.file.uri + (f"!{chunk.member}" if chunk.member else "")
    _accounted(origin, lines.count, sum(f.height for f in decoded) + decoded.faults.height)
    stem = Split(chunk.split.file, chunk.offset, 0, member=chunk.member).stem
    return Batch(chunk.split, origin, stem, len(chunk.data), _with_breaks(decoded, chunk, landing.limits))


def _with_breaks(decoded: Decoded, chunk: reading.Chunk, limits: Limits) -> Decoded:
    """Add what the reading itself refused: lines over the limit, and the rest of a file that broke."""
    found = [decoded.faults]
    if chunk.long:
        found.append(
            faults(pl.Series(chunk.long, dtype=pl.Int64), Code.OVER_LIMIT, f"a line of at most {limits.line_bytes} bytes")
        )
    if chunk.broken:
        code = Code.OVER_LIMIT if chunk.over_limit else Code.UNREADABLE_FILE
        end = pl.Series([chunk.offset + len(chunk.data)], dtype=pl.Int64)
        found.append(faults(end, code, "a file that can be read to its end", chunk.broken))
    if len(found) == 1:
        return decoded
    own = set(chunk.long) | ({chunk.offset + len(chunk.data)} if chunk.broken else set())

    def payloads(positions: pl.Series) -> pl.Series:
        of_lines = ~positions.is_in(sorted(own))
        shown = pl.Series("payload", [None] * positions.len(), dtype=pl.String)
        return shown.scatter(of_lines.arg_true(), decoded.payloads(positions.filter(of_lines)))

    return Decoded(decoded.frames, pl.concat(found), payloads)


def conform(batch: Batch, landing: Landing) -> Batch:
    """The contract's columns of the rows it keeps, and a fault for each of the others."""
    contract, received_at = landing.contract, batch.split.file.received_at
    kept, found, taken, filtered = [], [batch.decoded.faults], batch.decoded.faults.height, 0
    for frame in batch.decoded:
        mapped = mapping.apply(frame, landing.source, contract)
        dated = mapped.rows.with_columns(landing.city.day(contract.starts_at()).alias("event_date"))
        good, bad = judge.split(dated, contract, received_at)
        kept.append(good)
        found += [mapped.faults, bad]
        taken += mapped.taken
        filtered += mapped.filtered
    rows = pl.concat(kept) if kept else None
    return replace(batch, kept=rows, faults=pl.concat(found), taken=taken, filtered=filtered)


def write(batch: Batch, landing: Landing) -> Written:
    """Parts of raw and quarantine, one a day, that no reader sees yet."""
    contract, lake, at = landing.contract, landing.lake, landing.at
    lineage = [
        pl.lit(batch.origin).alias("_source"),
        pl.lit(batch.split.file.received_at, pl.Datetime("us", "UTC")).alias("_received_at"),
        pl.lit(at, pl.Datetime("us", "UTC")).alias("_landed_at"),
        pl.lit(contract.version, pl.Int64).alias("_contract_version"),
    ]
    raw, refused, late = [], [], {}
    kept = batch.kept if batch.kept is not None else pl.DataFrame()
    order = list(contract.polars_schema("raw"))
    if kept.height:
        timely = batch.split.file.received_at - contract.late_after
        late = dict(kept.filter(pl.col(contract.event_time or "") < timely).group_by("event_date").len().rows())
        for day, rows in _by_day(kept.with_columns(lineage).select(order)):
            raw.append(lake.write_part("raw", contract.name, day, batch.stem, rows))
    found = batch.faults if batch.faults is not None else judge.no_faults()
    if found.height:
        found = found.with_columns(
            pl.lit("land").alias("stage"), batch.decoded.payloads(found["_position"]).alias("payload"), *lineage
        )
        for day, rows in _by_day(found):
            refused.append(lake.write_part("quarantine", contract.name, day, batch.stem, rows))
    progress.advance(batch.bytes or batch.split.end - batch.split.start)
    tallies = _count(batch, landing, raw, refused, late)
    return Written(batch.split.file.uri, tuple(raw), tuple(refused), tallies)


def _by_day(rows: pl.DataFrame) -> list[tuple[date | None, pl.DataFrame]]:
    if rows["event_date"].n_unique() == 1:
        return [(rows["event_date"][0], rows)]
    return [(day, part) for (day,), part in rows.partition_by("event_date", as_dict=True, maintain_order=True).items()]


def _count(batch: Batch, landing: Landing, raw: list[Part], refused: list[Part], late: dict) -> tuple[Tally, ...]:
    """Lines of the ledger: what was taken must be what was written, row by row."""
    kept, rejected = {p.event_date: p.rows for p in raw}, {p.event_date: p.rows for p in refused}
    days = list(dict.fromkeys([*kept, *rejected])) or [None]
    out = [
        Tally(
            "land",
            landing.contract.name,
            day,
            taken=kept.get(day, 0) + rejected.get(day, 0),
            kept=kept.get(day, 0),
            rejected=rejected.get(day, 0),
            late=late.get(day, 0),
            filtered=batch.filtered if day == days[0] else 0,
            source=batch.split.file.uri,
            contract_version=landing.contract.version,
        )
        for day in days
    ]
    _accounted(batch.origin, batch.taken, sum(t.taken for t in out))
    return tuple(out)


def _accounted(origin: str, taken: int, found: int) -> None:
    """Losing a row is a program fault, and stops the landing before anything becomes visible."""
    if taken != found:
        raise AssertionError(f"{origin}: {taken} rows were taken and {found} came out; nothing of this file was landed")
