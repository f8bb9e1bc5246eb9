"""Transactions on the wire: JSON lines of the portal, CSV of the offices; told when submitted and when ended; faults and all.

What people want, and how it ends, is in transactions.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator import transactions
from pipelines.simulator.faults import FaultRates
from pipelines.simulator.sent import Sent
from pipelines.simulator.wording import CSV_FAULTS, JSON_FAULTS, Wording, worded, wordless
from schemas import registry

AT_ONCE_S = 300
"""What ends sooner is told once."""


def wording(is_csv: bool) -> Wording:
    """How transactions are worded."""
    kinds = CSV_FAULTS if is_csv else JSON_FAULTS
    draft = {"channel": pl.lit("unknown"), "district": pl.lit("unknown")}
    return Wording(registry.feed("eservice_transactions"), number="amount_cents", draft=draft, kinds=kinds, is_csv=is_csv)


def day(rng: np.random.Generator, submitted: pl.DataFrame, until: int, rates: FaultRates) -> dict[str, Sent]:
    """All that is sent about the transactions of a day: by box, `portal` and `offices`.

    Args:
        submitted: as `transactions.submitted` gives them.
        until: what ends later is not known to have ended.
    """
    known = pl.col("ended_s") <= until
    rows = submitted.with_columns(
        completed_at=pl.when(known).then("completed_at"),
        outcome=pl.when(known).then("outcome").otherwise(pl.lit("pending")),
        sent_s=pl.when(known).then("ended_s").otherwise("submitted_at"),
        is_twice=known & (pl.col("ended_s") - pl.col("submitted_at") > AT_ONCE_S),
        shift_s=pl.lit(0, pl.Int64),
        is_lost=pl.lit(False),
    )
    by_office = pl.col("channel").is_in(transactions.OFFICES)
    return {
        "portal": _sent(rng, rows.filter(~by_office), wording(False), rates),
        "offices": _sent(rng, rows.filter(by_office), wording(True), rates),
    }


def _sent(rng: np.random.Generator, rows: pl.DataFrame, how: Wording, rates: FaultRates) -> Sent:
    """Lines of rows, and before those that are told twice what was known when they were submitted."""
    sent = worded(rng, how, rows, rates)
    twice = sent.truth["is_twice"]
    first = rows.filter("is_twice").with_columns(
        completed_at=pl.lit(None, pl.Int64), outcome=pl.lit("pending"), received_s=pl.col("submitted_at") + 5
    )
    sent.lines = pl.concat([wordless(how, first), sent.lines])
    sent.books["taken"] += first.height
    sent.books["superseded"] += int((twice & sent.truth["is_refined"]).sum())
    # where its last row is refused, the first one stands
    for frame in ("truth", "keys"):
        table = getattr(sent, frame)
        setattr(sent, frame, table.with_columns(is_refined=pl.col("is_refined") | twice))
    return sent
