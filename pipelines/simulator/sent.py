"""What a day of one feed comes to: its lines, the truth behind them, and the books.

How lines and truth are made is the feeds' own business.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pipelines.simulator.faults import KINDS, NONE


@dataclass
class Sent:
    """One stretch of one feed.

    Attributes:
        lines: `received_s`, `line`; for Parquet the columns themselves; for documents as `archives.Archives` takes them.
        truth: one row per true event, with `is_destroyed` and `is_refined`.
        keys: the contract's key columns, `fault`, `is_destroyed`, `is_refined`.
        faults: rows by kind of fault.
        books: lines taken, rejected, repeated, superseded, as a right lake counts them.
    """

    lines: pl.DataFrame
    truth: pl.DataFrame
    keys: pl.DataFrame
    faults: Counter[str] = field(default_factory=Counter)
    books: Counter[str] = field(default_factory=Counter)


def named(kinds: tuple[str, ...], chosen: np.ndarray) -> pl.Series:
    """Fault indexes as names, null where there is none."""
    return pl.Series([*kinds, None], dtype=pl.Categorical).gather(np.where(chosen == NONE, len(kinds), chosen))


def flags(kinds: tuple[str, ...], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which rows their fault destroys, and which it has refused."""
    destroys = np.array([*(KINDS[k].destroys for k in kinds), False])
    rejected = np.array([*(KINDS[k].rejected for k in kinds), False])
    return destroys[chosen], rejected[chosen]


def booked(rejected: np.ndarray, repeats: np.ndarray, corrections: np.ndarray) -> Counter[str]:
    """The books of lines, given for each row whether it is refused, sent again, and corrected later."""
    again = repeats | corrections
    return Counter(
        taken=len(rejected) + int(again.sum()),
        rejected=int(rejected.sum()) + int((rejected & again).sum()),
        repeated=int((repeats & ~rejected).sum()),
        superseded=int((corrections & ~rejected).sum()),
    )


def hit(wire: pl.DataFrame) -> Counter[str]:
    """Rows by their fault; "" and null are none."""
    return Counter(dict(wire.filter(pl.col("fault") != "")["fault"].cast(pl.String).value_counts().iter_rows()))


def stamped(seconds: str = "stamp_s") -> pl.Expr:
    """Epoch seconds as ISO 8601 UTC text."""
    return pl.from_epoch(seconds, "s").dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(seconds: str) -> pl.Expr:
    """Epoch seconds as the lake's instants."""
    return pl.from_epoch(seconds, "s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def lasting(rng: np.random.Generator, chosen: np.ndarray, kinds: tuple[str, ...]) -> np.ndarray:
    """Seconds by which each row is delayed: its late fault's, or a few of transmission."""
    delay = rng.integers(1, 20, len(chosen))
    for kind, (low, high) in {"late_minutes": (600, 3000), "late_hours": (7200, 72000)}.items():
        if kind in kinds:
            mask = chosen == kinds.index(kind)
            delay[mask] += rng.integers(low, high, int(mask.sum()))
    return delay
