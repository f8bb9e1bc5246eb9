"""One column of a contract: its type, unit, meaning, privacy class and the values it may hold.

Nothing here knows of a dataset; contracts put columns together.
"""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from schemas import privacy as classes
from schemas.errors import ContractError
from schemas.privacy import Privacy

Kind = Literal["string", "int", "float", "bool", "instant", "local_time", "date"]
RollUp = Literal["sum", "at_once", "apart"]

POLARS: dict[str, pl.DataType] = {
    "string": pl.String(),
    "int": pl.Int64(),
    "float": pl.Float64(),
    "bool": pl.Boolean(),
    "instant": pl.Datetime("us", "UTC"),
    "local_time": pl.Datetime("us"),
    "date": pl.Date(),
}

IDENTIFIER = r"^[^\x00-\x1f\x7f]{1,400}$"
"""Any printable text of 1 to 400 characters: the form of an identifier from outside."""


@dataclass(frozen=True)
class Column:
    """A column. Bounds are inclusive and in the column's own unit.

    Attributes:
        default: taken where the source has no such value; the column is then never null.
        from_place: the row's place in its document (byte, row or entry) stands in where the source has no such value, so
            that rows which share everything else stay apart, and the same document sent again says the same.
        from_receipt: the instant at which the row was received stands in where the source has no such value.
        of_delivery: it says when or how the row was sent, not what happened: rows that differ in it alone are repeats.
        formula: how a metric's column is computed, in words of the field.
        roll_up: what rows become together. "sum": they add up. "at_once": those of one time add up, those of several do not,
            such as lamps that are out. "apart": rows with different values of it are never put together. None: neither; a
            ratio whose formula divides what adds up is computed anew from the sums (`assets.board.rollups`).
        privacy: what becomes of its values before they are stored (`schemas.privacy`).
        purpose, rotates: of pseudonyms: which key makes them, and whether they change with the event's local day ("day").
        coarsen: "h3:<resolution>" of lat and lon, "minute" or "hour" of instants, "block" of street addresses.
    """

    name: str
    kind: Kind
    doc: str
    unit: str | None = None
    nullable: bool = True
    privacy: Privacy = "open"
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] | None = None
    pattern: str | None = None
    default: str | int | float | None = None
    from_place: bool = False
    from_receipt: bool = False
    of_delivery: bool = False
    formula: str | None = None
    purpose: str | None = None
    rotates: Literal["day"] | None = None
    coarsen: str | None = None
    roll_up: RollUp | None = None

    def check(self, where: str) -> None:
        """Raise ContractError where the column contradicts itself."""
        place = f"{where}, column {self.name}"
        low, high = self.minimum, self.maximum
        if self.kind not in POLARS:
            raise ContractError(place, f"type {self.kind!r} is unknown", f"use one of {', '.join(POLARS)}")
        if low is not None and high is not None and low > high:
            raise ContractError(place, f"minimum {low:g} is above maximum {high:g}", "swap the bounds")
        if (low is not None or high is not None) and self.kind not in ("int", "float"):
            raise ContractError(place, f"bounds on a {self.kind}", "bounds belong to numbers")
        if (self.allowed or self.pattern) and self.kind != "string":
            raise ContractError(place, f"allowed values or pattern on a {self.kind}", "they belong to strings")
        if self.from_place and (self.kind != "int" or self.default is not None):
            raise ContractError(place, f"from_place on a {self.kind}, or beside a default", "a place is an int, and never absent")
        if self.from_receipt and (self.kind != "instant" or self.default is not None):
            raise ContractError(place, f"from_receipt on a {self.kind}, or beside a default", "a receipt is an instant")
        if self.roll_up in ("sum", "at_once") and self.kind not in ("int", "float"):
            raise ContractError(place, f"roll_up {self.roll_up!r} of a {self.kind}", "only numbers add up")
        classes.check_column(place, self)

    @property
    def may_be_absent(self) -> bool:
        """Whether a source may leave it out: it may be empty, or something stands in."""
        return self.nullable or self.default is not None or self.from_place or self.from_receipt

    @property
    def dtype(self) -> pl.DataType:
        """The Polars type."""
        return POLARS[self.kind]

    @property
    def label(self) -> str:
        """Doc, unit and treatment in one line, as comments in DuckDB show it."""
        said = self.doc + (f" [{self.unit}]" if self.unit else "") + (f" = {self.formula}" if self.formula else "")
        return said if self.privacy == "open" else f"{said} (privacy: {self.treatment})"

    @property
    def treatment(self) -> str:
        """Privacy class and what it does, in a few words: "open", "coarsen to h3:10", "pseudonymise for eservices, by day"."""
        by_day = f", by {self.rotates}" if self.rotates else ""
        return {
            "coarsen": f"coarsen to {self.coarsen}",
            "pseudonymise": f"pseudonymise for {self.purpose}{by_day}",
        }.get(self.privacy, self.privacy)
