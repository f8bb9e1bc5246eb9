"""One column of a contract: its type, unit, meaning, privacy class and the values it may hold.

Nothing here knows of a dataset; contracts put columns together.
"""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from schemas.errors import ContractError

Kind = Literal["string", "int", "float", "bool", "instant", "local_time", "date"]
Privacy = Literal["open", "coarsen", "pseudonymise", "forbidden"]

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
        of_delivery: it says when or how the row was sent, not what happened: rows that differ in it alone are repeats.
        formula: how a metric's column is computed, in words of the field.
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
    of_delivery: bool = False
    formula: str | None = None

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
        if self.privacy not in ("open", "forbidden"):
            raise ContractError(place, f"privacy class {self.privacy!r} has no treatment yet", "declare it open or leave it out")

    @property
    def dtype(self) -> pl.DataType:
        """The Polars type."""
        return POLARS[self.kind]

    @property
    def label(self) -> str:
        """Doc and unit in one line, as comments in DuckDB show it."""
        return self.doc + (f" [{self.unit}]" if self.unit else "") + (f" = {self.formula}" if self.formula else "")
