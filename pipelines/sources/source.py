"""What a source is once its block is checked: where its bytes are, and what each column is made of.

Checking a block of citylake.toml is `block`; reading files is `files` and `reading`.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from pipelines.formats.kinds import CUT

TOLD = ("_file", "_place", "_received_at")
"""Wire names that the landing itself fills: the file's or member's name, the row's number or byte in its document, and when the
file or message was received."""
COMBINE = ("join", "first", "latest", "sum", "difference", "elapsed")
OF_SOME = ("first", "latest")
"""Those that need not have every value."""
TOPIC = re.compile(r"topic(_[1-9]\d?)?")
"""Wire names that a message's topic fills: all of it, or one of its levels, counted from 1."""
EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1, "epoch_100s": 100_000_000}


@dataclass(frozen=True)
class Field:
    """Where one column of the contract comes from.

    Attributes:
        wire: incoming names; several are joined (identifiers, date and time in two columns).
        format: of times: "iso", an epoch of `EPOCHS`, a strftime pattern; or an epoch that tells the day, a blank and the
            pattern of a time of day.
        values: incoming text to the contract's own.
        combine: what several names make: joined texts, the first that is there, the latest instant, a sum, a difference
            (the first less the second), or the seconds elapsed from the first instant to the second.
        default: stands in where the source has no value, in the same unit.
        pattern: a regular expression; its first group is the value.
        unit_from: incoming name that says each row's unit; where it is silent `unit` holds.
        after: of times of day without a date: the column of instants that they follow within a day.
        hash: the (joined) text is replaced by the first 32 digits of its SHA-256: an identifier without content.
    """

    target: str
    wire: tuple[str, ...] = ()
    unit: str | None = None
    nulls: tuple[str | float, ...] = ()
    format: str = "iso"
    time_zone: str | None = None
    constant: str | int | float | bool | None = None
    values: tuple[tuple[str, str], ...] = ()
    join: str = "|"
    hash: bool = False
    combine: Literal["join", "first", "latest", "sum", "difference", "elapsed"] = "join"
    default: str | int | float | bool | None = None
    pattern: str | None = None
    unit_from: str | None = None
    after: str | None = None


@dataclass(frozen=True)
class Unpivot:
    """One column per sensor becomes one row per sensor: `keep` stay, the others become `name` and `value`."""

    keep: tuple[str, ...]
    name: str = "name"
    value: str = "value"


@dataclass(frozen=True)
class Source:
    """A checked source block. Picklable: it travels to Beam workers.

    Attributes:
        short_lines: a line of CSV may leave out its last fields.
        type: which of the kinds of thing in a stream is meant, where its format knows several.
        live: how the broker is reached, as the module of its kind checked it; None for files.
        whole: of feeds of snapshots: a file or answer is the whole table, and withdraws what it lacks.
        records: path of keys to the array of rows within a JSON document; none where the document is the row, or the array.
    """

    feed: str
    name: str
    uri: str
    format: str
    fields: tuple[Field, ...]
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    thousands: str = ""
    header: bool = True
    short_lines: bool = False
    where: str | None = None
    unpivot: Unpivot | None = None
    append_only: bool = False
    whole: bool = False
    ambiguous: Literal["earliest", "latest", "reject"] = "reject"
    nonexistent: Literal["reject", "shift"] = "reject"
    stamped: Literal["start", "end"] | None = None
    live: Any = None
    records: tuple[str, ...] = ()
    type: str | None = None

    @property
    def is_cut(self) -> bool:
        """Whether its files can be read in ranges; other files are documents, read whole."""
        return self.format in CUT

    @property
    def topic_names(self) -> tuple[str, ...]:
        """Wire names that the topic of a message fills."""
        return tuple(w for w in self.wire_names if TOPIC.fullmatch(w)) if self.live is not None else ()

    @property
    def document_names(self) -> list[str]:
        """The wire names that documents themselves must fill: all but what landing tells."""
        return [n for n in self.wire_names if n not in TOLD and n not in self.topic_names]

    @property
    def wire_names(self) -> tuple[str, ...]:
        """Every incoming name that the fields and the row filter ask for, once each, in order."""
        filtered = pl.sql_expr(self.where).meta.root_names() if self.where else []
        units = [f.unit_from for f in self.fields if f.unit_from]
        return tuple(dict.fromkeys([*(w for f in self.fields for w in f.wire), *units, *filtered]))
