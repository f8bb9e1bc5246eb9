"""Keeps tables small: many small files become few, old books are summed by the hour, what no version needs is swept.

What a table holds is the same before and after, and so is its weight (`schemas.parts.weigh`).
"""

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from deltalake import DeltaTable, Transaction

from schemas import alerts, ledger, parts
from schemas.lake import File, Lake
from schemas.parts import Part

FEW = 32
"""So many files of a size are joined."""
SIZES = (1 << 20, 24 << 20)
"""A file below the first is small, below the second middling; joined ones climb, so a row is rewritten twice or thrice."""
MOST = 32 << 20
"""Bytes joined at once, which bounds the memory."""
JOINED_LAYERS = ("raw", "quarantine", "ledger")
ALERTS = ("metrics", alerts.CONTRACT.name)
"""Of the metrics only this table grows by small files; the others are replaced by the day."""
REPLACED = "refine-"
"""Rows of quarantine that refining replaces file by file: these files stay as they are."""
BOOKS_HOURS = 1
"""Lines of the ledger older than this are summed by source, day and hour."""
LOG_HOURS = 1


def join(lake: Lake, layer: str, name: str = "", now: datetime | None = None) -> int:
    """Join small files of a table, where there are enough of them; returns how many files took part.

    Another writer that comes between costs a second look, or this call's work; it loses nothing.
    """
    table = lake.open(layer, name)
    if table is None or (layer not in JOINED_LAYERS and (layer, name) != ALERTS):
        return 0
    done = 0
    for group in _groups(lake.files(layer, name, table=table)):
        part = _joined(lake, layer, name, table, group, now or datetime.now(UTC))
        if _swap(lake, layer, name, table, group, part):
            done += len(group)
    return done


def _groups(files: Sequence[File]) -> Iterator[list[File]]:
    """Files of one day and one size class, enough to be worth joining and few enough for the memory."""
    alike: dict[tuple[object, int], list[File]] = {}
    for file in files:
        size = next((i for i, most in enumerate(SIZES) if file.bytes < most), None)
        if size is not None and not file.path.rpartition("/")[2].startswith(REPLACED):
            alike.setdefault((file.event_date, size), []).append(file)
    for found in alike.values():
        group: list[File] = []
        for file in found:
            if group and sum(f.bytes for f in group) + file.bytes > MOST:
                yield group
                group = []
            group.append(file)
        if len(group) >= FEW:
            yield group


def _joined(lake: Lake, layer: str, name: str, table: DeltaTable, group: Sequence[File], now: datetime) -> Part:
    rows = lake.read(group, lake.stored(layer, table)).collect()
    if rows.height != sum(f.rows for f in group):
        raise AssertionError(f"{lake.uri(layer, name)}: files to join hold {rows.height} rows, not what the log counts")
    if layer == "ledger":
        rows = ledger.summed(rows, now - timedelta(hours=BOOKS_HOURS))
    stem = parts.joined_name([f.path for f in group], uuid.uuid4().hex[:8])
    return lake.write_part(layer, name, group[0].event_date, stem, rows)


def _swap(lake: Lake, layer: str, name: str, table: DeltaTable, group: Sequence[File], part: Part) -> bool:
    """Put the joined file in the place of the others, unless one of them is gone meanwhile."""

    def work(latest: DeltaTable) -> bool:
        there = {f.path for f in lake.files(layer, name, table=latest)}
        if not all(f.path in there for f in group):
            return False
        # of two that join at once the second must look again: without data that changes, no other rule would stop it
        claim = Transaction("join", latest.version() + 1)
        parts.commit(latest, [part], [claim], removed=group, changes_data=False)
        return True

    return lake.change(layer, name, pa.schema(table.schema().to_arrow()), work)


def sweep(lake: Lake, layer: str, name: str = "") -> int:
    """Delete joined files that no reader of the last hour can need, and log entries older than that; returns files swept.

    For tables that a stream writes to, every few minutes.
    """
    table = lake.open(layer, name)
    if table is None:
        return 0
    wanted = {f"delta.{k}": f"interval {LOG_HOURS} hours" for k in ("logRetentionDuration", "deletedFileRetentionDuration")}
    if any(table.metadata().configuration.get(k) != v for k, v in wanted.items()):
        table.alter.set_table_properties(wanted)
        table.update_incremental()
    swept = table.vacuum(retention_hours=LOG_HOURS, dry_run=False, enforce_retention_duration=False)
    table.create_checkpoint()
    table.cleanup_metadata()
    return len(swept)


def tidy(lake: Lake, layer: str, name: str = "", keep_hours: int = 168) -> int:
    """Join what is small, clean the log and sweep files that no version needs; returns files swept."""
    join(lake, layer, name)
    table = lake.open(layer, name)
    if table is None:
        return 0
    table.create_checkpoint()
    table.cleanup_metadata()
    return len(table.vacuum(retention_hours=keep_hours, dry_run=False, enforce_retention_duration=False, full=True))
