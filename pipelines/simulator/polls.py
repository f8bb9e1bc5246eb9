"""Polls of devices that repeat what they said last: which poll shows what, and what a right lake counts of it.

What a device says, and how a document looks, is the feeds' own business.
"""

from collections import Counter

import numpy as np
import polars as pl


def shown(device: np.ndarray, at: np.ndarray, polls: np.ndarray, stale_s: int) -> pl.DataFrame:
    """What each poll shows: of every device the last row that is not older than `stale_s`.

    Args:
        device, at: of the rows, sorted by device and instant.
        polls: instants of the polls, sorted.

    Returns:
        poll, row (numbers), sorted by poll, then device.
    """
    span = int(max(at.max(initial=0), polls.max(initial=0))) + 1
    devices = np.unique(device)
    asked = (devices[None, :] * span + polls[:, None]).ravel()
    row = np.searchsorted(device * span + at, asked, side="right") - 1
    poll = np.repeat(np.arange(len(polls)), len(devices))
    of = np.tile(devices, len(polls))
    found = (row >= 0) & (device[row] == of)
    found &= polls[poll] - at[row] <= stale_s
    return pl.DataFrame({"poll": poll[found], "row": row[found]})


def counted(emitted: pl.DataFrame) -> Counter[str]:
    """The books of rows sent: each row of `emitted` is one time that `version` of `row` was sent, refused or not."""
    kept = emitted.filter(~pl.col("is_rejected"))
    versions = kept.select("row", "version").unique().height
    rows = kept["row"].n_unique()
    return Counter(
        taken=emitted.height,
        rejected=emitted.height - kept.height,
        repeated=kept.height - versions,
        superseded=versions - rows,
    )


def joined(emitted: pl.DataFrame, polls: int, separator: str = ",") -> pl.Series:
    """The texts of each poll in one, "" for those that show nothing; `emitted` is sorted by poll."""
    texts = emitted.group_by("poll", maintain_order=True).agg(pl.col("text").str.join(separator))
    every = pl.DataFrame({"poll": np.arange(polls)}).join(texts, on="poll", how="left", maintain_order="left")
    return every["text"].fill_null("")
