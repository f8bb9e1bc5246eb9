"""A lake as it was: each table at the version that was current at an instant, or at a version of its own. It is only read.

Which instant a person means is said by whoever asks; nothing is kept for the past's sake here (`schemas.upkeep`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import accumulate
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyarrow.fs import FileSelector, FileType

from schemas.errors import LakeError
from schemas.lake import File, Lake
from schemas.storage import file_system


@dataclass(frozen=True)
class Version:
    """One commit of a table that its log still tells of."""

    number: int
    at: datetime


def versions(table: DeltaTable) -> list[Version]:
    """The commits that the log still has, first to last; times never go back, as the Delta protocol has them read."""
    told = sorted((int(c["version"]), int(c["timestamp"])) for c in table.history() if "timestamp" in c)
    times = accumulate((ms for _, ms in told), max)
    return [Version(number, datetime.fromtimestamp(ms / 1000, UTC)) for (number, _), ms in zip(told, times, strict=True)]


class PastLake(Lake):
    """The lake at an instant, or at one version, which makes sense of a single table.

    A table that there was not yet is as one that was never written. What tidying swept is gone: a table whose version
    cannot be had whole any more raises LakeError, and says from when on it can.
    """

    def __init__(self, root: str, at: datetime | int) -> None:
        super().__init__(root)
        self.at = at
        self.found: dict[tuple[str, str], Version] = {}

    def open(self, layer: str, name: str = "") -> DeltaTable | None:
        """The table as it was, or None where there was none."""
        table = super().open(layer, name)
        if table is None:
            return None
        chosen = self._chosen(layer, name, versions(table))
        if chosen is None:
            return None
        try:
            table.load_as_version(chosen.number)
        except (DeltaError, OSError) as error:
            raise self._gone(layer, name, f"version {chosen.number} cannot be put together any more") from error
        self.found[layer, name] = chosen
        return table

    def _chosen(self, layer: str, name: str, known: list[Version]) -> Version | None:
        if isinstance(self.at, int):
            chosen = next((v for v in known if v.number == self.at), None)
            if chosen is None:
                there = f"its log tells of {known[0].number} to {known[-1].number}" if known else "its log tells of none"
                raise LakeError(self.uri(layer, name), f"there is no version {self.at}", f"{there}: ask for one of these")
            return chosen
        before = [v for v in known if v.at <= self.at]
        if not before and (not known or known[0].number > 0):
            raise self._gone(layer, name, f"its log does not go back to {_told(self.at)}")
        return before[-1] if before else None

    def files(
        self, layer: str, name: str = "", days: Sequence[date] | None = None, table: DeltaTable | None = None
    ) -> list[File]:
        """The files that were visible then, all of them still there."""
        found = super().files(layer, name, days, table)
        lost = self._lost(layer, name, found)
        if lost:
            version = self.found[layer, name].number
            raise self._gone(layer, name, f"{lost} of {len(found)} files of version {version} were swept since")
        return found

    def _lost(self, layer: str, name: str, files: Sequence[File]) -> int:
        if not files:
            return 0
        store, place = file_system(self.uri(layer, name))
        there = store.get_file_info(FileSelector(place, allow_not_found=True, recursive=True))
        paths = {f.path.removeprefix(f"{place}/") for f in there if f.type == FileType.File}
        return sum(f.path not in paths for f in files)

    def _gone(self, layer: str, name: str, found: str) -> LakeError:
        oldest = self._oldest(layer, name)
        since = f"it can be had since {_told(oldest.at)} (version {oldest.number})" if oldest else "ask without --as-of"
        return LakeError(self.uri(layer, name), found, since)

    def _oldest(self, layer: str, name: str) -> Version | None:
        """The oldest version that is whole: what is swept was replaced long ago, so that those after it are whole too."""
        table = super().open(layer, name)
        known = versions(table) if table is not None else []
        low, high = 0, len(known)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._is_whole(layer, name, known[middle].number) else (middle + 1, high)
        return known[low] if low < len(known) else None

    def _is_whole(self, layer: str, name: str, version: int) -> bool:
        table = super().open(layer, name)
        try:
            if table is None:
                return False
            table.load_as_version(version)
        except (DeltaError, OSError):
            return False
        return not self._lost(layer, name, super().files(layer, name, table=table))

    def change(self, layer: str, name: str, schema: pa.Schema, work: Callable[[DeltaTable], Any]) -> Any:  # noqa: ARG002
        """Refused: what was cannot be changed."""
        raise LakeError(self.uri(layer, name), "a lake as it was is only read", "write to the lake as it is")


def _told(at: datetime | int) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}" if isinstance(at, datetime) else f"version {at}"
