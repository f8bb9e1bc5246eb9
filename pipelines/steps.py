"""The verbs of landing as plain functions: read, decode, conform, write.

No Beam here: `landing` strings these together, `commit` makes their result visible.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
import polars as pl

from pipelines import mapping, progress, told
from pipelines.formats import csv, json_lines, kinds, parquet
from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.lines import Lines
from pipelines.live.lot import Gathered, Lot, Origins
from pipelines.privacy.screen import screened
from pipelines.privacy.treatment import hushed, treated, veiled
from pipelines.sources import reading
from pipelines.sources.files import Limits, Split, open_binary
from pipelines.sources.plan import Todo
from pipelines.sources.source import Source
from schemas import conform as judge
from schemas.city import City
from schemas.contract import QUARANTINE, Contract
from schemas.lake import Lake, Part
from schemas.ledger import Tally
from schemas.rejection import Code
from schemas.stages import WHOLE_TABLE


@dataclass(frozen=True)
class Landing:
    """All that the verbs need to know. Picklable: it travels to workers.

    Attributes:
        todo: the files of this landing without their splits; none for a live source.
        at: when the landing began; `_landed_at` of its rows.
    """

    lake: Lake
    city: City
    contract: Contract
    source: Source
    limits: Limits
    todo: tuple[Todo, ...]
    at: datetime

    @property
    def place(self) -> str:
        """The source, as errors and desks are kept by: "feed/name"."""
        return f"{self.contract.name}/{self.source.name}"


@dataclass(frozen=True)
class Batch:
    """A chunk on its way: what it was read from, and what became of it so far.

    Attributes:
        uri: the file or topic, as the ledger names it; `origin` is the same or a member of it.
        received_at: of all its rows; of messages, each row's own is told by `origins`.
        origins: where rows came from, where they are of several messages or documents.
        at: `_landed_at` of its rows.
    """

    uri: str
    origin: str
    stem: str
    bytes: int
    received_at: datetime
    at: datetime
    decoded: Decoded
    origins: Origins | told.Members | None = None
    lot: Lot | None = None
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
    lot: Lot | None = None
    event_at: datetime | None = None


def read(split: Split, landing: Landing) -> Iterator[reading.Chunk | Split]:
    """Chunks of whole lines; a Parquet row group is its own chunk."""
    if landing.source.format == "parquet" and not split.broken:
        yield split
    else:
        yield from reading.chunks(split, landing.source, landing.limits)


def decode(chunk: reading.Chunk | Split | Gathered, landing: Landing) -> Batch:
    """Wire columns, and faults of rows that are no rows."""
    if isinstance(chunk, Gathered):
        return _of_messages(chunk, landing)
    if isinstance(chunk, Split):
        with open_binary(chunk.file.uri) as handle:
            decoded = parquet.read(handle, chunk.group, chunk.first_row, landing.source)
        uri, size = chunk.file.uri, chunk.end - chunk.start
        decoded = screened(decoded, None, landing.source, landing.contract)
        decoded = told.of_file(decoded, landing.source, landing.contract, (uri,), chunk.file.received_at)
        decoded = veiled(decoded, landing.source, landing.contract)
        return Batch(uri, uri, chunk.stem, size, chunk.file.received_at, landing.at, decoded)
    file = chunk.split.file
    named = chunk.documents or ((chunk.member, len(chunk.data)),)
    names = tuple(file.uri + (f"!{member}" if member else "") for member, _ in named)
    decoded = told.of_file(_of_bytes(chunk, landing, names[0]), landing.source, landing.contract, names, file.received_at)
    members = None if decoded.documents is None else told.Members(names, decoded.documents, file.received_at)
    stem = Split(file, chunk.offset, 0, member=chunk.member).stem
    size = len(chunk.data) or chunk.split.end - chunk.split.start
    decoded = _with_breaks(veiled(decoded, landing.source, landing.contract), chunk, landing.limits)
    return Batch(file.uri, names[0], stem, size, file.received_at, landing.at, decoded, members)


def _of_bytes(chunk: reading.Chunk, landing: Landing, origin: str) -> Decoded:
    source = landing.source
    if not source.is_cut:
        if chunk.broken:
            return Decoded(())
        ends = np.array([end for _, end in chunk.documents], np.int64)
        return _of_documents(Lines.between(chunk.data, np.concatenate(([0], ends[:-1])), ends), landing, origin)
    return _of_lines(Lines(chunk.data, chunk.offset, source.encoding), landing, origin, chunk.header)


def _of_lines(lines: Lines, landing: Landing, origin: str, header: tuple[str, ...] = ()) -> Decoded:
    source, contract = landing.source, landing.contract
    read_as = csv.decode(lines, source, header) if source.format == "csv" else json_lines.decode(lines, source, contract)
    _accounted(origin, lines.count, read_as.count)
    return screened(read_as, lines, source, contract, header)


def _of_documents(documents: Lines, landing: Landing, origin: str) -> Decoded:
    if documents.count == 0:
        return Decoded((), documents=np.empty(0, np.int64))
    module = kinds.module(landing.source.format)
    decoded = module.decode(documents, landing.source, landing.contract)
    _accounted(origin, 0 if decoded.documents is None else len(decoded.documents), decoded.count)
    seen = None if getattr(module, "ARCHIVES", False) else documents
    return screened(decoded, seen, landing.source, landing.contract)


def _of_messages(gathered: Gathered, landing: Landing) -> Batch:
    lot, origins, source = gathered.lot, gathered.origins, landing.source
    long: tuple[int, ...] = ()
    if source.is_cut:
        data, long = reading.without_long_lines(gathered.data, 0, landing.limits)
        decoded = _of_lines(Lines(data, 0, source.encoding), landing, lot.origin)
    else:
        decoded = _of_documents(gathered.documents, landing, lot.origin)
        origins = origins if decoded.documents is None else origins.of_rows(decoded.documents)
    decoded = veiled(told.of_messages(decoded, source, landing.contract, origins), source, landing.contract)
    decoded = _with_long(decoded, long, landing.limits)
    return Batch(lot.origin, lot.origin, lot.stem, lot.bytes, lot.at, lot.at, decoded, origins, lot)


def _with_breaks(decoded: Decoded, chunk: reading.Chunk, limits: Limits) -> Decoded:
    """Add what the reading itself refused: lines over the limit, and the rest of a file that broke."""
    decoded = _with_long(decoded, chunk.long, limits)
    if not chunk.broken:
        return decoded
    code = Code.OVER_LIMIT if chunk.over_limit else Code.UNREADABLE_FILE
    end = chunk.offset + len(chunk.data)
    fault = faults(pl.Series([end], dtype=pl.Int64), code, "a file that can be read to its end", chunk.broken)
    return _with_unseen(decoded, fault)


def _with_long(decoded: Decoded, long: tuple[int, ...], limits: Limits) -> Decoded:
    if not long:
        return decoded
    return _with_unseen(
        decoded, faults(pl.Series(long, dtype=pl.Int64), Code.OVER_LIMIT, f"a line of at most {limits.line_bytes} bytes")
    )


def _with_unseen(decoded: Decoded, found: pl.DataFrame) -> Decoded:
    """Add faults of which no payload can be shown."""
    unseen, shown_before = found["_position"].implode(), decoded.payloads

    def payloads(positions: pl.Series) -> pl.Series:
        of_lines = ~positions.is_in(unseen)
        shown = pl.Series("payload", [None] * positions.len(), dtype=pl.String)
        return shown.scatter(of_lines.arg_true(), shown_before(positions.filter(of_lines)))

    return Decoded(decoded.frames, pl.concat([decoded.faults, found]), payloads)


def conform(batch: Batch, landing: Landing) -> Batch:
    """The contract's columns of the rows it keeps, and a fault for each of the others."""
    contract, origins = landing.contract, batch.origins
    # the rows of a file were received with it
    received_at: datetime | pl.Expr = batch.received_at if batch.lot is None else pl.col("_received_at")
    kept, found, taken, filtered = [], [batch.decoded.faults], batch.decoded.faults.height, 0
    for frame in batch.decoded:
        mapped = mapping.apply(frame, landing.source, contract)
        dated = mapped.rows.with_columns(landing.city.day(contract.starts_at()).alias("event_date"))
        if origins is not None and batch.lot is not None:
            dated = dated.with_columns(origins.received_at(dated["_position"]))
        good, bad = judge.split(dated, contract, received_at)
        # rules judge what came; what is stored is made of what they keep
        kept.append(treated(good, contract))
        found += [hushed(f, landing.source, contract) for f in (mapped.faults, bad)]
        taken += mapped.taken
        filtered += mapped.filtered
    rows = pl.concat(kept) if kept else None
    return replace(batch, kept=rows, faults=pl.concat(found), taken=taken, filtered=filtered)


def write(batch: Batch, landing: Landing) -> Written:
    """Parts of raw and quarantine, one a day, that no reader sees yet."""
    contract, lake = landing.contract, landing.lake
    raw, refused, late, middle = [], [], {}, None
    kept = batch.kept if batch.kept is not None else pl.DataFrame()
    if kept.height:
        rows = _with_lineage(kept, batch, contract)
        if contract.kind == "snapshots":
            whole = landing.source.name if landing.source.whole else None
            rows = rows.with_columns(pl.lit(whole, pl.String).alias(WHOLE_TABLE.name))
        time = pl.col(contract.event_time or "")
        middle = rows.select(time.median()).item()  # one clock that runs ahead must not hide that the others are late
        late = dict(rows.filter(time < pl.col("_received_at") - contract.late_after).group_by("event_date").len().rows())
        for day, part in _by_day(rows.select(list(contract.polars_schema("raw")))):
            raw.append(lake.write_part("raw", contract.name, day, batch.stem, part))
    found = batch.faults if batch.faults is not None else judge.no_faults()
    if found.height:
        payloads = batch.decoded.payloads(found["_position"])
        found = _with_lineage(found.with_columns(pl.lit("land").alias("stage"), payloads), batch, contract)
        for day, part in _by_day(found.select(c.name for c in QUARANTINE)):
            refused.append(lake.write_part("quarantine", contract.name, day, batch.stem, part))
    progress.advance(batch.bytes)
    tallies = _count(batch, landing, raw, refused, late)
    return Written(batch.uri, tuple(raw), tuple(refused), tallies, batch.lot, middle)


def _with_lineage(rows: pl.DataFrame, batch: Batch, contract: Contract) -> pl.DataFrame:
    """Where each row came from, when, and when and by which contract it was landed."""
    own: list[pl.Expr] | list[pl.Series] = [
        pl.lit(batch.origin).alias("_source"),
        pl.lit(batch.received_at, pl.Datetime("us", "UTC")).alias("_received_at"),
    ]
    if batch.origins is not None:
        own = batch.origins.lineage(rows["_position"])
    landed = pl.lit(batch.at, pl.Datetime("us", "UTC")).alias("_landed_at")
    return rows.with_columns(*own, landed, pl.lit(contract.version, pl.Int64).alias("_contract_version"))


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
            source=batch.uri,
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
