"""Lake(root): the only place that spells a path or opens a table.

Parts are Parquet files with names told by their content's origin; a Delta commit makes them visible.
What the tables mean is said by contracts; nothing here knows a dataset.
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from pyarrow.fs import FileSelector

from schemas import parts as parquet
from schemas import transactions
from schemas.errors import LakeError
from schemas.notes import Notes
from schemas.parts import File, Part, Step
from schemas.storage import DELTA_TIMEOUTS, file_system, is_remote, options_for

__all__ = ["LAYERS", "PARTITIONED", "File", "Lake", "Part", "Step"]

LAYERS = ("raw", "quarantine", "refined", "metrics", "published", "reference", "ledger")
PARTITIONED = {"raw", "quarantine", "refined", "metrics", "published"}
NO_DAY = "__HIVE_DEFAULT_PARTITION__"
TRIES = 40
FEW = 8
T = TypeVar("T")


class Lake:
    """A lake under a local folder or an `s3://bucket/prefix`."""

    def __init__(self, root: str | Path) -> None:
        self.root = str(root).rstrip("/") if is_remote(str(root)) else str(Path(root).absolute())
        self.options = options_for(self.root)
        self._delta_options = None if self.options is None else DELTA_TIMEOUTS | self.options
        self.notes = Notes(self.root)

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
            return DeltaTable(self.uri(layer, name), storage_options=self._delta_options)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            raise self._unreachable(layer, name, error) from error

    def ensure(self, layer: str, name: str, schema: pa.Schema) -> DeltaTable:
        """Open the table, creating it or adding the columns that the schema has gained."""
        return self.change(layer, name, schema, lambda table: table)

    def _ensured(self, layer: str, name: str, schema: pa.Schema) -> DeltaTable:
        table = self.open(layer, name) or self._create(layer, name, schema)
        have = {f.name for f in table.schema().fields}
        gained = [f for f in Schema.from_arrow(schema).fields if f.name not in have]
        if gained:
            table.alter.add_columns(gained)
            table.update_incremental()
        return table

    def change(self, layer: str, name: str, schema: pa.Schema, work: Callable[[DeltaTable], T]) -> T:
        """Do `work` on the table as it is now, and again on what it became where another writer came first."""
        for attempt in range(TRIES):
            try:
                return work(self._ensured(layer, name, schema))
            except CommitFailedError:
                time.sleep(min(0.01 * 2**attempt, 1.0) * random.random())  # noqa: S311
            except (DeltaError, OSError) as error:
                raise self._unreachable(layer, name, error) from error
        raise LakeError(self.uri(layer, name), f"{TRIES} commits in a row met another writer", "try again later")

    def _create(self, layer: str, name: str, schema: pa.Schema) -> DeltaTable:
        for attempt in range(TRIES):
            try:
                return DeltaTable.create(
                    self.uri(layer, name),
                    schema=Schema.from_arrow(schema),
                    mode="ignore",
                    partition_by=["event_date"] if layer in PARTITIONED else None,
                    storage_options=self._delta_options,
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
            size = parquet.write(uri, body)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise self._unreachable(layer, name, error) from error
        return Part(path, day, frame.height, size)

    def append(
        self,
        layer: str,
        name: str,
        schema: pa.Schema,
        steps: Sequence[Step],
        made_for: Callable[[list[Step]], Sequence[Part]] | None = None,
        together: bool = False,
        marks: Mapping[str, int] | None = None,
    ) -> list[Step]:
        """Make the parts of every step visible in one commit; skip steps that somebody completed before.

        Each step carries an application transaction, so that a step done twice, in this process or
        another, is visible once. Returns the steps that this call completed.

        Args:
            made_for: writes the parts of the steps that are due, where they are not written yet.
            together: all of the steps, or none.
            marks: more transactions to leave with them, identity -> version, whatever is there.
        """

        def work(table: DeltaTable) -> list[Step]:
            due = [s for s in steps if not s.app_id or parquet.is_due(s, table.transaction_version(s.app_id) or 0)]
            if together and len(due) < len(steps):
                return []
            if due:
                parts = made_for(due) if made_for else [p for s in due for p in s.parts]
                done = {s.app_id: s.after for s in due if s.app_id} | dict(marks or {})
                parquet.commit(table, parts, [Transaction(i, v) for i, v in done.items()])
            return due

        return self.change(layer, name, schema, work)

    def replace(self, layer: str, name: str, schema: pa.Schema, parts: Sequence[Part]) -> list[date]:
        """Replace whole days by new parts, atomically and all at once.

        A day whose files already are these parts is left alone. Returns the days that changed.
        """
        days = sorted({p.event_date for p in parts if p.event_date})
        wanted = self._paths_by_day(parts)

        def work(table: DeltaTable) -> list[date]:
            current = self._paths_by_day(self.files(layer, name, days, table=table))
            changed = [d for d in days if current.get(d) != wanted[d]]
            if changed:
                new = [p for p in parts if p.event_date in changed]
                parquet.commit(table, new, self._claims(table, changed), replacing=changed)
            return changed

        return self.change(layer, name, schema, work)

    def swap(self, layer: str, name: str, schema: pa.Schema, days: Sequence[date], prefix: str, parts: Sequence[Part]) -> None:
        """Replace, in the given days, only the files whose name starts with `prefix`."""
        wanted = {p.path for p in parts}

        def work(table: DeltaTable) -> None:
            mine = [f for f in self.files(layer, name, days, table=table) if f.path.rpartition("/")[2].startswith(prefix)]
            gone = [f for f in mine if f.path not in wanted]
            new = [p for p in parts if p.path not in {f.path for f in mine}]
            if gone or new:
                parquet.commit(table, new, self._claims(table, days), removed=gone)

        self.change(layer, name, schema, work)

    def replace_table(self, layer: str, name: str, schema: pa.Schema, part: Part) -> None:
        """Replace the whole of an unpartitioned table by one part."""

        def work(table: DeltaTable) -> None:
            if {f.path for f in self.files(layer, name, table=table)} != {part.path}:
                parquet.commit(table, [part], self._claims(table, [None]), overwrite=True)

        self.change(layer, name, schema, work)

    @staticmethod
    def _claims(table: DeltaTable, days: Sequence[date | None]) -> list[Transaction]:
        """A transaction per replaced day: of two writers that replace it at once, the second must look again."""
        return [Transaction(f"replace {d or 'table'}", table.version() + 1) for d in dict.fromkeys(days)]

    @staticmethod
    def _paths_by_day(files: Iterable[Part | File]) -> dict[date | None, set[str]]:
        out: dict[date | None, set[str]] = {}
        for file in files:
            out.setdefault(file.event_date, set()).add(file.path)
        return out

    # -- reading --------------------------------------------------------------------------------

    def landed_up_to(self, layer: str, name: str, app_ids: Iterable[str]) -> dict[str, int]:
        """Up to which position each source is complete in the table; 0 for never seen."""
        table, asked = self.open(layer, name), list(app_ids)
        if table is None or len(asked) <= FEW:
            return {a: (table.transaction_version(a) or 0) if table else 0 for a in asked}
        known = transactions.versions(self.uri(layer, name), table.version(), self.options)
        return {a: known.get(a, 0) for a in asked}

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
        when = pl.col("modification_time").cast(pl.Int64)
        rows = actions.sort("path").select("path", "partition.event_date", "num_records", "size_bytes", when).rows()
        return [File(f"{base}/{unquote(p)}", unquote(p), d, int(n or 0), int(b), int(at)) for p, d, n, b, at in rows]

    @staticmethod
    def stored(layer: str, table: DeltaTable) -> dict[str, pl.DataType]:
        """The columns of a table's files; the day is told by their folders."""
        schema = dict(pl.DataFrame(pl.from_arrow(pa.schema(table.schema().to_arrow()).empty_table())).schema)
        return {n: t for n, t in schema.items() if n != "event_date" or layer not in PARTITIONED}

    def read(self, files: Iterable[File | str], schema: Mapping[str, pl.DataType], uri: str | None = None) -> pl.LazyFrame:
        """Rows of files, given as they are or by uris; a column that an older file lacks is null. `uri` names one to add."""
        return pl.scan_parquet(
            [f if isinstance(f, str) else f.uri for f in files],
            schema=dict(schema),
            missing_columns="insert",
            hive_partitioning=False,
            include_file_paths=uri,
            storage_options=self.options,
        )

    def read_days(self, files: Sequence[File], schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
        """As `read`, with the day of each file's folder as `event_date`."""
        days = dict.fromkeys(f.event_date for f in files)
        rows = {day: self.read([f for f in files if f.event_date == day], schema) for day in days}
        return pl.concat([r.with_columns(pl.lit(d, pl.Date).alias("event_date")) for d, r in rows.items()], how="diagonal")

    def scan(self, layer: str, name: str = "", days: Sequence[date] | None = None) -> pl.LazyFrame | None:
        """The visible rows, of all days or of some, with `event_date`; None where there is no row."""
        table = self.open(layer, name)
        files = self.files(layer, name, days, table=table)
        if table is None or not files:
            return None
        schema = self.stored(layer, table)
        return self.read_days(files, schema) if layer in PARTITIONED else self.read(files, schema)

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
