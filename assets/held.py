"""What a table holds by day, as running sums: rows and identity of a span cost the same, however many days it has.

Which span a metric reads is its contract's; no file is opened here.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from schemas.lake import File


@dataclass(frozen=True)
class Held:
    """Sums over the files of one table.

    Attributes:
        days: the partitions that have files, sorted.
        rows, weights: sums over all partitions before each one, and over all of them at the end.
        undated: rows and weight of files that are not kept by day: every span has them.
    """

    days: tuple[date, ...]
    rows: tuple[int, ...]
    weights: tuple[int, ...]
    undated: tuple[int, int]

    def rows_of(self, first: date, last: date) -> int:
        """Rows in the partitions of a span, both ends included."""
        return self.rows[bisect_right(self.days, last)] - self.rows[bisect_left(self.days, first)] + self.undated[0]

    def said_of(self, first: date, last: date) -> str:
        """What the files of a span are, as a text that no other files have: the sum of their hashes, and their rows."""
        weight = self.weights[bisect_right(self.days, last)] - self.weights[bisect_left(self.days, first)] + self.undated[1]
        return f"{weight:x} {self.rows_of(first, last)}"


def held(files: Iterable[File]) -> Held:
    """Sum up the files of one table."""
    of_day: dict[date | None, list[int]] = {}
    for file in files:
        sums = of_day.setdefault(file.event_date, [0, 0])
        sums[0] += file.rows
        name = f"{file.path} {file.rows} {file.bytes}"
        sums[1] += int.from_bytes(hashlib.sha256(name.encode()).digest(), "big")
    undated = of_day.pop(None, [0, 0])
    days = sorted(d for d in of_day if d is not None)
    rows, weights = [0], [0]
    for day in days:
        rows.append(rows[-1] + of_day[day][0])
        weights.append(weights[-1] + of_day[day][1])
    return Held(tuple(days), tuple(rows), tuple(weights), (undated[0], undated[1]))
