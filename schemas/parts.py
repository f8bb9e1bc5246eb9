"""Parts: the Parquet files of a table, how one is written, and what one Delta commit says of them.

Where tables are, and who may commit when, is said by `schemas.lake`.
"""

import hashlib
import io
import json
import os
import re
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.transaction import AddAction, RemoveAction

from schemas.storage import file_system, is_remote

PARQUET = {"compression": "zstd", "compression_level": 1, "statistics": True}
JOINED = re.compile(r"joined-([0-9a-f]{32})-[0-9a-f]+\.parquet")
"""Name of a file that took the place of several: their weight, and the file's own number."""
WEIGHTS = 1 << 128


@dataclass(frozen=True)
class Part:
    """A written Parquet file, not yet visible. `path` is relative to its table."""

    path: str
    event_date: date | None
    rows: int
    bytes: int


@dataclass(frozen=True)
class File:
    """A visible Parquet file of a table; `written_ms` is when it was committed, epoch milliseconds."""

    uri: str
    path: str
    event_date: date | None
    rows: int
    bytes: int
    written_ms: int


@dataclass(frozen=True)
class Step:
    """Parts that become visible together, and up to where they complete their source.

    Attributes:
        app_id: the source's identity.
        before: position up to which the source was complete when the parts were made; 0 for nothing. None where
            the table need not have every step of its source: then any earlier position will do.
        after: position up to which it is complete with them.
    """

    app_id: str
    before: int | None
    after: int
    parts: tuple[Part, ...] = ()


def weigh(paths: Iterable[str]) -> int:
    """What files hold, as a number: the sum of their names' hashes, which a file that joins some of them keeps.

    So what is made of a day is known by what the day holds, not by how its files were joined since.
    """
    total = 0
    for path in paths:
        name = path.rpartition("/")[2]
        joined = JOINED.fullmatch(name)
        total += int(joined[1], 16) if joined else int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
    return total % WEIGHTS


def joined_name(paths: Iterable[str], number: str) -> str:
    """The stem of a file that takes the place of others."""
    return f"joined-{weigh(paths):032x}-{number}"


def is_due(step: Step, version: int) -> bool:
    """Whether a table that is complete up to `version` still lacks the step."""
    return version < step.after if step.before is None else version == step.before


def write(uri: str, body: pl.DataFrame) -> int:
    """Write rows as a Parquet file, whole or not at all; returns its size in bytes."""
    return _write_remote(uri, body) if is_remote(uri) else _write_local(Path(uri), body)


def _write_local(target: Path, body: pl.DataFrame) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f"{target.name}.{os.getpid()}.{threading.get_ident()}.half")
    try:
        body.write_parquet(half, **PARQUET)  # type: ignore[arg-type]
        size = half.stat().st_size
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    return size


def _write_remote(uri: str, body: pl.DataFrame) -> int:
    buffer = io.BytesIO()
    body.write_parquet(buffer, **PARQUET)  # type: ignore[arg-type]
    store, path = file_system(uri)
    with store.open_output_stream(path) as stream:
        stream.write(buffer.getbuffer())
    return buffer.tell()


def commit(
    table: DeltaTable,
    added: Sequence[Part],
    transactions: Sequence[Transaction],
    *,
    replacing: Sequence[date] | None = None,
    overwrite: bool = False,
    removed: Sequence[File] = (),
    changes_data: bool = True,
) -> None:
    """Make parts visible in one Delta commit.

    Args:
        transactions: what the commit completes. Of two concurrent commits with a transaction in common the
            second is refused, so that two writers that both found a day empty cannot both fill it.
        replacing: days whose visible files the parts replace.
        overwrite: the parts replace every visible file.
        removed: files that stop being visible.
        changes_data: false where the parts hold just what the removed files held, so that no other writer is in the way.

    Raises:
        CommitFailedError: another writer came first; read the table again.
    """
    now = int(time.time() * 1000)
    partition_by = table.metadata().partition_columns

    def partition(day: date | None) -> dict[str, str | None]:
        return {name: day.isoformat() if day else None for name in partition_by}

    actions: list[AddAction | RemoveAction] = [
        AddAction(p.path, p.bytes, partition(p.event_date), now, changes_data, json.dumps({"numRecords": p.rows})) for p in added
    ]
    actions += [RemoveAction(f.path, changes_data, now, f.bytes, partition(f.event_date)) for f in removed]
    table.create_write_transaction(
        actions,
        "overwrite" if overwrite or replacing is not None else "append",
        table.schema(),
        partition_by=partition_by or None,
        partition_filters=[("event_date", "in", [d.isoformat() for d in replacing])] if replacing else None,
        commit_properties=CommitProperties(app_transactions=list(transactions)) if transactions else None,
    )
