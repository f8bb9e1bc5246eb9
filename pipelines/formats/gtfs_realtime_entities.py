"""What the two forms of GTFS-Realtime share: the entities of a batch of documents, and what they may be about.

Reading bytes is `gtfs_realtime_protobuf` and `gtfs_realtime_json`; judging entities is documents/gtfs_realtime.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from schemas.conform import no_faults
from schemas.rejection import Code

CONTENT = ("vehicle", "trip_update", "alert", "shape", "stop", "trip_modifications")
"""What an entity may be about, the first of those it has."""
STOPS = "trip_update.stop_time_update"
FIRST_STOP = f"{STOPS}."
"""Names under it are those of the first stop that is not skipped and not without data: the next one."""
SKIPPED = {"SKIPPED": 1, "NO_DATA": 2}


@dataclass(frozen=True)
class Rows:
    """Entities of a batch of documents.

    Attributes:
        frame: `document`, `place` (in its document), `entity` (what it is about; null: nothing), and wire columns.
        faults: `document`, `place` and what is said of a fault, of entities that cannot be read and of documents that are none.
        payloads: the untouched entities of documents and places, as text.
    """

    frame: pl.DataFrame
    faults: pl.DataFrame
    payloads: Callable[[Sequence[int], Sequence[int]], list[str]]


def refused(documents: Sequence[int], places: Sequence[int], expected: str) -> pl.DataFrame:
    """Faults of entities and documents that are malformed."""
    at = {"document": pl.Series(documents, dtype=pl.Int64), "place": pl.Series(places, dtype=pl.Int64)}
    told = pl.concat(
        [no_faults().drop("_position"), pl.DataFrame({"code": [str(Code.MALFORMED)] * len(documents)})], how="diagonal"
    )
    return pl.DataFrame(at).hstack(told).with_columns(pl.lit(expected).alias("expected"))


def content() -> pl.Expr:
    """What an entity is about, from a boolean column of each possible content; `deleted` where it is withdrawn."""
    withdrawn = pl.when(pl.col("is_deleted")).then(pl.lit("deleted"))
    return pl.coalesce(withdrawn, *(pl.when(pl.col(f"has {c}")).then(pl.lit(c)) for c in CONTENT)).alias("entity")
