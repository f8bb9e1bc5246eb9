"""How a metric leaves the lake: what of it is about people, and which totals of it others know.

The lake itself stays exact. What is withheld from an export is worked out in assets/publishing; limits are thresholds.
"""

from dataclasses import dataclass

from schemas.errors import ContractError

GATED = ("safety", "energy", "services")
"""Domains whose metrics are about people: each of them says how it is published."""


@dataclass(frozen=True)
class Publish:
    """What the publish gate must know of a metric.

    A row of few people is withheld, and so are others (complementary suppression) from which it could be worked out:
    where a total over a dimension is known, at least two of its rows must be unknown. Source: Hundepool et al.,
    Handbook on Statistical Disclosure Control (2nd edition, 2024), chapter 4; for energy the 15/15 rule of the California PUC,
    decision 97-10-031 (1997).

    Other counts of a row are guarded the same way, each with what is made of it: `x_n` with the columns `x_*` and those whose
    formula names it. It is also withheld where all but a few of those that it is a part of are in it.

    Attributes:
        count: the column with the people, incidents, requests or customers behind a row: where it is withheld, all of the row is.
        plain: further counts that are not of people, such as readings or lamps.
        splits: counts that add up to a known one, such as those by channel.
        across: key columns over which totals may be known to others.
        of: the coarser metric whose rows are totals of this one's, by the key columns they share.
        inside: columns that are never told, as rows overlap or would tell of single ones.
        largest_share: the column with the share of the largest customer in a row: the rule is then 15/15 instead of k. It is
            never told itself: with the total it tells that customer's amount.
        open_because: nothing of the metric is about people; why.
    """

    count: str = "n"
    plain: tuple[str, ...] = ()
    splits: tuple[tuple[str, ...], ...] = ()
    inside: tuple[str, ...] = ()
    across: tuple[str, ...] = ()
    of: str | None = None
    largest_share: str | None = None
    open_because: str | None = None

    def check(self, where: str, names: list[str], key: tuple[str, ...]) -> None:
        """Raise ContractError where the metric has no such columns."""
        if self.open_because:
            return
        for name in (
            self.count,
            self.largest_share or self.count,
            *self.plain,
            *self.inside,
            *(n for s in self.splits for n in s),
        ):
            if name not in names:
                raise ContractError(f"{where}, publish", f"{name} is no column", f"use one of {names}")
        for name in self.across:
            if name not in key:
                raise ContractError(f"{where}, publish", f"{name} is not in the key", f"use some of {list(key)}")
