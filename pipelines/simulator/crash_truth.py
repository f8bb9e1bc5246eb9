"""What the lake's metrics should say of crashes, in the metric's own columns: from what happened, never from the wire.

`damaged_n` of `n` crashes of a cell were destroyed by a fault.
"""

import polars as pl

from pipelines.simulator.alert_truth import limits

COUNTS = {"K": "killed_crashes", "A": "serious_crashes", "B": "minor_crashes", "C": "possible_crashes", "O": "no_injury_crashes"}


def severities(crashes: pl.DataFrame) -> pl.DataFrame:
    """`crash_severity` of the months of all crashes, as the agency knows them in the end.

    Args:
        crashes: with `event_date` and `is_destroyed`.
    """
    limit = limits()
    # where no severity is told, and nobody killed or injured, there was no injury
    rows = crashes.with_columns(pl.col("event_date").dt.month_start(), severity=pl.col("severity").replace("U", "O"))
    found = rows.group_by("event_date", "district", maintain_order=True).agg(
        pl.len().alias("n"),
        pl.col("is_destroyed").sum().alias("damaged_n"),
        *((pl.col("severity") == s).sum().cast(pl.Int64).alias(name) for s, name in COUNTS.items()),
        pl.col("killed", "injured").sum(),
    )
    weighed = pl.sum_horizontal(pl.col(name) * limit[f"crash_epdo_weight_{s.lower()}"] for s, name in COUNTS.items())
    ksi = pl.col("killed_crashes") + pl.col("serious_crashes")
    return found.with_columns(
        ksi_crashes=ksi, epdo=weighed, ksi_share=ksi / pl.col("n"), epdo_per_crash=weighed / pl.col("n")
    ).sort("event_date", "district")  # fmt: skip
