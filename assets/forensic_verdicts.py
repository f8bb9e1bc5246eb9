"""What witnesses say of a device's days, weighed: candidates by nearest logarithm, firm voices, the days it has lasted.

How a witness comes to its number is said where it is asked.
"""

import math
from dataclasses import dataclass
from datetime import date

import polars as pl


@dataclass
class Finding:
    """Something that is wrong with what one device reports, and why it is believed.

    Attributes:
        what: the column at fault, or "clock".
        found: what was found, in words.
        evidence: what speaks for it, with numbers.
        n: rows (or deliveries) that were compared.
        confidence: share of what was compared that says the same.
        changes: column of the reference table -> what to multiply it by, or to add to it.
        since: the first day that shows it, of the days looked at.
        line: the reviewed line, by column of the reference table; None where no column of it can put this right.
        advice: what else is to be done.
    """

    feed: str
    device: str
    what: str
    found: str
    evidence: str
    n: int
    confidence: float
    since: date
    changes: tuple[tuple[str, str, float], ...] = ()
    line: dict[str, object] | None = None
    advice: str = ""


@dataclass(frozen=True)
class Candidates:
    """Factors by which reports may be wrong; the first is 1, for right ones.

    Attributes:
        names: units, "" for the right one.
        factors: true value over reported value.
    """

    names: tuple[str, ...]
    factors: tuple[float, ...]

    @property
    def logs(self) -> list[float]:
        """Logarithm of reported over true value, by candidate."""
        return [-math.log(f) for f in self.factors]

    def half_gap(self, index: int) -> float:
        """Half of the distance to the nearest other candidate."""
        own = self.logs[index]
        return min(abs(own - o) for i, o in enumerate(self.logs) if i != index) / 2

    def vote(self, x: pl.Expr, firm_share: float = 1.0) -> pl.Expr:
        """Number of the candidate that a logarithm is near, null where it is near none: within a share of half the gap."""
        out = pl.lit(None, pl.Int64)
        for i, own in enumerate(self.logs):
            out = pl.when((x - own).abs() < firm_share * self.half_gap(i)).then(pl.lit(i, pl.Int64)).otherwise(out)
        return out

    def counted(self, x: str, index: int) -> str:
        """SQL that counts the rows that are near a candidate."""
        return f"count(*) FILTER (WHERE abs(({x}) - ({self.logs[index]!r})) < {self.half_gap(index)!r})"


def lasting(days: pl.DataFrame) -> pl.DataFrame:
    """The fault that a device has shown on its last days, without a break; days that tell nothing do not count.

    Args:
        days: `device`, `event_date`, `verdict` (number of the candidate; 0 right, null unknown).

    Returns:
        `device`, `verdict`, `since`: devices whose last known verdict is not 0.
    """
    known = days.filter(pl.col("verdict").is_not_null()).sort("device", "event_date")
    latest = pl.col("verdict").last().over("device")
    broke = pl.when(pl.col("verdict") != latest).then("event_date").max().over("device")
    run = known.with_columns(latest.alias("latest"), broke.alias("broke")).filter(
        pl.col("latest") != 0, pl.col("broke").is_null() | (pl.col("event_date") > pl.col("broke"))
    )
    return (
        run.group_by("device")
        .agg(pl.col("latest").first().alias("verdict"), pl.col("event_date").min().alias("since"))
        .sort("device")
    )
