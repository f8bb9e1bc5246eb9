"""What the lake holds at one instant: every table with its meaning and its current files, read once for all exports.

Nothing is written here, and no table is named but the books and the refused rows, which have no contract.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas import ledger
from schemas.column import Column
from schemas.contract import OF_RELEASE, QUARANTINE
from schemas.lake import PARTITIONED, File, Lake
from schemas.registry import feeds, table_contracts


@dataclass(frozen=True)
class Table:
    """One table and the files that make it up."""

    layer: str
    name: str
    doc: str
    columns: tuple[Column, ...]
    files: tuple[File, ...]
    key: tuple[str, ...] = ()
    domain: str = "city"
    version: int = 1
    sources: tuple[str, ...] = ()

    @property
    def hive(self) -> bool:
        """Whether the day is told by the folder instead of the file."""
        return self.layer in PARTITIONED

    @property
    def uris(self) -> list[str]:
        """Where the files are."""
        return [f.uri for f in self.files]

    @property
    def order(self) -> tuple[str, ...]:
        """The columns by which its rows are sorted."""
        days = ("event_date",) if self.hive else ()
        return (*days, *(k for k in self.key if k not in days))

    @property
    def digest(self) -> str:
        """Changes when the files, the columns or what is said of them change."""
        said = [self.doc, self.order, [(c.name, c.kind, c.label) for c in self.columns], self.sources]
        held = [(f.uri, f.rows, f.bytes) for f in self.files]
        return hashlib.sha256(json.dumps([said, held], default=str).encode()).hexdigest()[:32]

    def months(self) -> dict[str, "Table"]:
        """The table month by month (YYYY-MM), of the days that have a date."""
        by_month: dict[str, list[File]] = {}
        for file in self.files:
            if file.event_date is not None:
                by_month.setdefault(f"{file.event_date:%Y-%m}", []).append(file)
        return {month: replace(self, files=tuple(files)) for month, files in sorted(by_month.items())}

    def days(self) -> list["Table"]:
        """The table day by day."""
        dates = sorted({f.event_date for f in self.files if f.event_date is not None})
        return [replace(self, files=tuple(f for f in self.files if f.event_date == d)) for d in dates]


def snapshot(lake: Lake) -> list[Table]:
    """Every table of the lake as it is now; those that nothing was written to yet are there, and empty."""
    out = []
    for full_name, contract in table_contracts().items():
        layer, name = full_name.split(".", 1)
        # of metrics about people, what the publish gate let through
        held = "published" if layer == "metrics" and contract.is_gated else layer
        columns = tuple(c for c in contract.stage_columns(held) if c not in OF_RELEASE)
        out.append(
            Table(
                layer, name, contract.doc, columns, _files(lake, held, name),
                contract.key_in(layer), contract.domain, contract.version, contract.sources,
            )
        )  # fmt: skip
    for name, contract in feeds().items():
        doc = f"Refused rows of {name}, as they came, with the reason."
        out.append(Table("quarantine", name, doc, QUARANTINE, _files(lake, "quarantine", name), domain=contract.domain))
    doc = "Every line of the books. Of a refined day, the line recorded last is in force."
    return [*out, Table("quality", "ledger", doc, ledger.COLUMNS, _files(lake, "ledger", ""))]


def _files(lake: Lake, layer: str, name: str) -> tuple[File, ...]:
    return tuple(lake.files(layer, name))


def combined(digests: Sequence[str]) -> str:
    """One digest of several."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:32]
