"""What became of the live city's messages: every published line looked up in the lake, raw or quarantine.

The publisher's diary is written by `live_publisher`. Repeats that the simulator sent on purpose were published twice,
and have to be there twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.simulator.live_messages import key_text, line_hash
from pipelines.simulator.live_publisher import PUBLISHED
from schemas import registry
from schemas.lake import Lake


@dataclass(frozen=True)
class Reckoning:
    """The live city's account, in lines (events).

    Attributes:
        published: lines that the publisher handed to the broker's client.
        landed: of these, how many are in raw (by key) or in quarantine (by their text).
        lost: published and in neither.
        repeated: rows in raw or quarantine beyond those published.
        p50_s, p99_s: from publishing a line to the commit that made its row readable; None where nothing landed.
    """

    published: int
    landed: int
    lost: int
    repeated: int
    p50_s: float | None
    p99_s: float | None


def diary(folder: Path) -> pl.DataFrame:
    """All that was published: `feed`, `message`, `key`, `line_hash`, `fault`, `published_us`."""
    files = sorted((folder / PUBLISHED).glob("*.parquet"))
    if not files:
        schema = {"feed": pl.String, "key": pl.String, "line_hash": pl.UInt64, "published_us": pl.Int64}
        return pl.DataFrame(schema=schema)
    return pl.read_parquet(files)


def reckon(lake: Lake, folder: Path, committed_us: Mapping[str, Sequence[int]]) -> Reckoning:
    """Compare what was published with what the lake holds.

    A row's latency ends with the commit that made it readable: the first of its feed that was done after the row's
    batch was closed (`_landed_at`), which is exact where a feed has one source, because a source lands one batch after
    another. Of several rows of one key the first is taken on both sides.

    Args:
        committed_us: feed -> when each of its commits was done, epoch microseconds, ascending.
    """
    published = landed = repeated = 0
    waited = [pl.Series(dtype=pl.Float64)]
    for (feed,), lines in diary(folder).group_by("feed", maintain_order=True):
        refused = _refused(lake, str(feed))
        held = _held(lake, str(feed), committed_us.get(str(feed), ()))
        by_line = lines.group_by("line_hash", "key").agg(sent=pl.len().cast(pl.Int64), published_us=pl.col("published_us").min())
        by_line = by_line.join(refused, on="line_hash", how="left").with_columns(pl.col("refused").fill_null(0))
        refused_n = int(by_line.select(pl.min_horizontal("sent", "refused").sum()).item())
        # a line that is not in quarantine has to be in raw, as often as it was sent
        due = by_line.with_columns(sent=(pl.col("sent") - pl.col("refused")).clip(0)).filter(pl.col("sent") > 0)
        by_key = due.group_by("key").agg(pl.col("sent").sum(), pl.col("published_us").min())
        both = by_key.join(held, on="key", how="full", coalesce=True, nulls_equal=False)
        both = both.with_columns(pl.col("sent", "held").fill_null(0))
        kept_n = int(both.select(pl.min_horizontal("sent", "held").sum()).item())
        published += lines.height
        landed += refused_n + kept_n
        in_quarantine = int(refused["refused"].sum()) if refused.height else 0
        in_raw = int(held["held"].sum()) if held.height else 0
        repeated += in_quarantine + in_raw - refused_n - kept_n
        seconds = both.drop_nulls(["published_us", "readable_us"])
        waited.append(seconds.select(((pl.col("readable_us") - pl.col("published_us")) / 1e6).alias(""))[""])
    every = pl.concat(waited).sort()
    return Reckoning(published, landed, published - landed, repeated, _at(every, 0.5), _at(every, 0.99))


def _at(sorted_s: pl.Series, share: float) -> float | None:
    return float(sorted_s[min(sorted_s.len() - 1, int(sorted_s.len() * share))]) if sorted_s.len() else None


def _refused(lake: Lake, feed: str) -> pl.DataFrame:
    scan = lake.scan("quarantine", feed)
    if scan is None:
        return pl.DataFrame(schema={"line_hash": pl.UInt64, "refused": pl.Int64})
    refused = scan.filter(pl.col("stage") == "land").select(line_hash("payload"))
    return refused.group_by("line_hash").agg(refused=pl.len().cast(pl.Int64)).collect()


def _held(lake: Lake, feed: str, committed_us: Sequence[int]) -> pl.DataFrame:
    """Raw rows by key: how many, and when the first became readable; null where no commit was told of."""
    scan = lake.scan("raw", feed)
    if scan is None:
        return pl.DataFrame(schema={"key": pl.String, "held": pl.Int64, "readable_us": pl.Int64})
    rows = scan.select(key_text(registry.feed(feed)), closed_us=pl.col("_landed_at").dt.epoch("us"))
    by_key = rows.group_by("key").agg(held=pl.len().cast(pl.Int64), closed_us=pl.col("closed_us").min()).collect()
    done = pl.DataFrame({"readable_us": pl.Series(committed_us, dtype=pl.Int64).sort()})
    found = by_key.sort("closed_us").join_asof(
        done, left_on="closed_us", right_on="readable_us", strategy="forward", coalesce=False
    )
    return found.drop("closed_us")
