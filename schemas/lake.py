"""Lake(root): the only place that spells a path or opens a table.

Parts are Parquet files with names told by their content's origin; a Delta commit makes them visible.
What the tables mean is said by contracts; nothing here knows a dataset.
"""

import io
import json
import os
import random
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction
from pyarrow.fs import FileSelector

from schemas.errors import LakeError
from schemas.storage import file_system, is_remote, options_for

LAYERS = ("raw", "quarantine", "refined", "metrics", "reference", "ledger")
PARTITIONED = {"raw", "quarantine", "refined", "metrics"}
NO_DAY = "__HIVE_DEFAULT_PARTITION__"
TRIES = 40
PARQUET = {"compression": "zstd", "compression_level": 1, "statistics": True}


@dataclass(frozen=True)
class Part:
    """A written Parquet file, not yet visible. `path` is relative to its table."""

    path: str
    event_date: date | None
    rows: int
    bytes: int


@dataclass(frozen=True)
class File:
    """A visible Parquet file of a table."""

    uri: str
    path: str
    event_date: date | None
    rows: int
    bytes: int


@dataclass(frozen=True)
class Step:
    """Parts that become visible together, and up to where they complete their source.

    Attributes:
        app_id: the source's identity.
        before: position up to which the source was complete when the parts were made; 0 for nothing.
        after: position up to which it is complete with them.
    """

    app_id: str
    before: int
    after: int
    parts: tuple[Part, ...] = ()


class Lake:
    """A lake under a local folder or an `s3://bucket/prefix`."""

    def __init__(self, root: str | Path) -> None:
        self.root = str(root).rstrip("/") if is_remote(str(root)) else str(Path(root).absolute())
        self.options = options_for(self.root)

    def __repr__(self) -> str:
        return f"Lake({self.root!r})"

    # -- places ---------------------------------------------------------------------------------

    def uri(self, layer: str, name: str = "") -> str:
        """Where a table is; the ledger has no name."""
        if layer not in LAYERS:
            raise LakeError(f"layer {layer}", "there is no such layer", f"use one of {', '.join(LAYERS)}")
        return "/".join(p for p in (self.root, layer, name) if p)

    def exports(self) -> Path:
        """The folder of exported files: beside a local lake, or in ./exports for a remote one."""
        return Path("exports") if is_remote(self.root) else Path(self.root) / "exports"

    # -- tables ---------------------------------------------------------------------------------

    def open(self, layer: str, name: str = "") -> DeltaTable | None:
        """The table as it is now, or None where nothing was written yet."""
        try:
            return DeltaTable(self.uri(layer, name), storage_options=self.options)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            raise self._unreachable(layer, name, error) from error

    def ensure(self, layer: str, name: str, schema: pa.Schema) -> DeltaTable:
        """Open the table, creating it or adding the columns that the schema has gained."""
        table = self.open(layer, name) or self._create(layer, name, schema)
        have = {f.name for f in table.schema().fields}
        gained = [f for f in Schema.from_arrow(schema).fields if f.name not in have]
        if gained:
            table.alter.add_columns(gained)
            table.update_incremental()
        return table

    def _create(self, layer: str, name: str, schema: pa.Schema) -> DeltaTable:
        for attempt in range(TRIES):
            try:
                return DeltaTable.create(
                    self.uri(layer, name),
                    schema=Schema.from_arrow(schema),
                    mode="ignore",
                    partition_by=["event_date"] if layer in PARTITIONED else None,
                    storage_options=self.options,
                    configuration={"delta.checkpointInterval": "50"},
                )
            except (DeltaError, OSError) as error:
                table = self.open(layer, name)
                if table is not None:
                    return table
                if attempt >= 2:
                    raise self._unreachable(layer, name, error) from error
        raise LakeError(self.uri(layer, name), "the table could not be created", "look at the storage")

    def _unreachable(self, layer: str, name: str, error: Exception) -> LakeError:
        text = " ".join(str(error).split())[:300]
        remedy = (
            "check AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            if self.options is not None
            else "check that the folder can be read and written, and that the disk is not full"
        )
        return LakeError(self.uri(layer, name), text, remedy)

    # -- writing --------------------------------------------------------------------------------

    def write_part(self, layer: str, name: str, day: date | None, stem: str, frame: pl.DataFrame) -> Part:
        """Write rows of one day as a file that no reader sees until it is committed.

        The same stem overwrites: a step done again leaves no second copy.
        """
        folder = f"event_date={day.isoformat() if day else NO_DAY}/" if layer in PARTITIONED else ""
        path = f"{folder}{stem}.parquet"
        uri = f"{self.uri(layer, name)}/{path}"
        body = frame.drop("event_date", strict=False) if layer in PARTITIONED else frame
        try:
            size = self._write_local(Path(uri), body) if self.options is None else self._write_remote(uri, body)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise self._unreachable(layer, name, error) from error
        return Part(path, day, frame.height, size)

    @staticmethod
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

    @staticmethod
    def _write_remote(uri: str, body: pl.DataFrame) -> int:
        buffer = io.BytesIO()
        body.write_parquet(buffer, **PARQUET)  # type: ignore[arg-type]
        store, path = file_system(uri)
        with store.open_output_stream(path) as stream:
            stream.write(buffer.getbuffer())
        return buffer.tell()

    def append(self, layer: str, name: str, schema: pa.Schema, steps: Sequence[Step]) -> list[Step]:
        """Make the parts of every step visible in one commit; skip steps that somebody completed before.

        Each step carries an application transaction, so that a step done twice, in this process or
        another, is visible once. Returns the steps that this call completed.
        """
        for attempt in range(TRIES):
            table = self.ensure(layer, name, schema)
            open_steps = [s for s in steps if (table.transaction_version(s.app_id) or 0) == s.before]
            if not open_steps:
                return []
            try:
                self._commit(
                    table,
                    layer,
                    [p for s in open_steps for p in s.parts],
                    transactions=[Transaction(s.app_id, s.after) for s in open_steps],
                )
                return open_steps
            except CommitFailedError:
                time.sleep(min(0.01 * 2**attempt, 1.0) * random.random())  # noqa: S311
            except (DeltaError, OSError) as error:
                raise self._unreachable(layer, name, error) from error
        raise LakeError(self.uri(layer, name), f"{TRIES} commits in a row met another writer", "try again later")

    def replace(self, layer: str, name: str, schema: pa.Schema, parts: Sequence[Part]) -> list[date]:
        """Replace whole days by new parts, atomically and all at once.

        A day whose files already are these parts is left alone. Returns the days that changed.
        """
        for attempt in range(TRIES):
            table = self.ensure(layer, name, schema)
            days = sorted({p.event_date for p in parts if p.event_date})
            current = self._paths_by_day(self.files(layer, name, days, table=table))
            wanted = self._paths_by_day(parts)
            changed = [d for d in days if current.get(d) != wanted[d]]
            if not changed:
                return []
            try:
                self._commit(table, layer, [p for p in parts if p.event_date in changed], replacing=changed)
                return changed
            except CommitFailedError:
                time.sleep(min(0.01 * 2**attempt, 1.0) * random.random())  # noqa: S311
            except (DeltaError, OSError) as error:
                raise self._unreachable(layer, name, error) from error
        raise LakeError(self.uri(layer, name), f"{TRIES} commits in a row met another writer", "try again later")

    def swap(self, layer: str, name: str, schema: pa.Schema, days: Sequence[date], prefix: str, parts: Sequence[Part]) -> None:
        """Replace, in the given days, only the files whose name starts with `prefix`."""
        table = self.ensure(layer, name, schema)
        wanted = {p.path for p in parts}
        mine = [f for f in self.files(layer, name, days, table=table) if f.path.rpartition("/")[2].startswith(prefix)]
        gone = [f for f in mine if f.path not in wanted]
        new = [p for p in parts if p.path not in {f.path for f in mine}]
        if gone or new:
            self._commit(table, layer, new, removing=gone)

    def replace_table(self, layer: str, name: str, schema: pa.Schema, part: Part) -> None:
        """Replace the whole of an unpartitioned table by one part."""
        table = self.ensure(layer, name, schema)
        if {f.path for f in self.files(layer, name, table=table)} != {part.path}:
            self._commit(table, layer, [part], overwrite=True)

    @staticmethod
    def _paths_by_day(files: Iterable[Part | File]) -> dict[date | None, set[str]]:
        out: dict[date | None, set[str]] = {}
        for file in files:
            out.setdefault(file.event_date, set()).add(file.path)
        return out

    @staticmethod
    def _commit(
        table: DeltaTable,
        layer: str,
        parts: Sequence[Part],
        transactions: list[Transaction] | None = None,
        replacing: Sequence[date] | None = None,
        overwrite: bool = False,
        removing: Sequence[File] = (),
    ) -> None:
        now = int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [
            AddAction(
                path=p.path,
                size=p.bytes,
                partition_values={"event_date": p.event_date.isoformat() if p.event_date else None}
                if layer in PARTITIONED
                else {},
                modification_time=now,
                data_change=True,
                stats=json.dumps({"numRecords": p.rows}),
            )
            for p in parts
        ]
        actions += [
            RemoveAction(f.path, True, now, f.bytes, {"event_date": f.event_date.isoformat() if f.event_date else None})
            for f in removing
        ]
        table.create_write_transaction(
            actions,
            "overwrite" if overwrite or replacing is not None else "append",
            table.schema(),
            partition_by=["event_date"] if layer in PARTITIONED else None,
            partition_filters=[("event_date", "in", [d.isoformat() for d in replacing])] if replacing else None,
            commit_properties=CommitProperties(app_transactions=transactions) if transactions else None,
        )

    # -- reading --------------------------------------------------------------------------------

    def landed_up_to(self, layer: str, name: str, app_ids: Iterable[str]) -> dict[str, int]:
        """Up to which position each source is complete in the table; 0 for never seen."""
        table = self.open(layer, name)
        return {a: (table.transaction_version(a) or 0) if table else 0 for a in app_ids}

    def files(
        self, layer: str, name: str = "", days: Sequence[date] | None = None, table: DeltaTable | None = None
    ) -> list[File]:
        """The visible files of a table, of all days or of some, sorted by path."""
        table = table or self.open(layer, name)
        if table is None or days == []:
            return []
        actions = pl.DataFrame(pl.from_arrow(table.get_add_actions(flatten=True)))
        if "path" not in actions.columns:
            actions = actions.unnest(actions.columns[0])
        if actions.height == 0:
            return []
        if layer not in PARTITIONED:
            actions = actions.with_columns(pl.lit(None, pl.Date).alias("partition.event_date"))
        if days is not None:
            actions = actions.filter(pl.col("partition.event_date").is_in(list(days)))
        base = self.uri(layer, name)
        rows = actions.sort("path").select("path", "partition.event_date", "num_records", "size_bytes").rows()
        return [File(f"{base}/{unquote(p)}", unquote(p), d, int(n or 0), int(b)) for p, d, n, b in rows]

    def scan(self, layer: str, name: str = "", days: Sequence[date] | None = None) -> pl.LazyFrame | None:
        """The visible rows, of all days or of some, with `event_date`; None where there is no row."""
        files = self.files(layer, name, days)
        if not files:
            return None
        return pl.concat(
            [
                pl.scan_parquet(
                    [f.uri for f in files if f.event_date == day],
                    storage_options=self.options,
                    hive_partitioning=False,
                    missing_columns="insert",
                    schema=None,
                ).with_columns(*([pl.lit(day, pl.Date).alias("event_date")] if layer in PARTITIONED else []))
                for day in dict.fromkeys(f.event_date for f in files)
            ],
            how="diagonal",
        )

    def tables(self) -> list[tuple[str, str]]:
        """(layer, name) of every table that exists."""
        if self.options is None:
            logs = sorted(Path(self.root).glob("*/_delta_log")) + sorted(Path(self.root).glob("*/*/_delta_log"))
            found = [log.parent.relative_to(self.root).parts for log in logs]
        else:
            store, prefix = file_system(self.root)
            names = store.get_file_info(FileSelector(prefix, allow_not_found=True, recursive=True))
            logs_at = {n.path.split("/_delta_log/")[0] for n in names if "/_delta_log/" in n.path}
            found = [tuple(p.removeprefix(prefix).strip("/").split("/")) for p in sorted(logs_at)]
        return [(p[0], p[1] if len(p) > 1 else "") for p in found if p[0] in LAYERS]

    # -- upkeep ---------------------------------------------------------------------------------

    def tidy(self, layer: str, name: str = "", keep_hours: int = 168) -> int:
        """Compact small files, clean the log and sweep files that no version needs; returns files swept."""
        table = self.open(layer, name)
        if table is None:
            return 0
        if layer in ("ledger", "quarantine", "raw"):
            table.optimize.compact()
        table.create_checkpoint()
        table.cleanup_metadata()
        return len(table.vacuum(retention_hours=keep_hours, dry_run=False, enforce_retention_duration=False))
