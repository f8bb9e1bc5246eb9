"""The publish gate over the lake: `metrics/<name>` -> `published/<name>`, partition by partition, finer metrics first.

What is withheld is worked out in `release`; how it is written for readers in `assets.exports`.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from graphlib import TopologicalSorter

import polars as pl

from assets.publishing.cells import remembered
from assets.publishing.release import Limits, released
from schemas import registry
from schemas.contract import Contract
from schemas.errors import ContractError
from schemas.lake import File, Lake
from schemas.publish import Publish

BATCH_ROWS = 1_000_000
LIMITS = ("publish_min_count", "publish_min_customers", "publish_max_customer_share")
"""The thresholds that the gate judges by."""
VERSION = 2
"""Part of every release's name: raise it when the same rows would be released otherwise."""


@dataclass(frozen=True)
class Released:
    """What became of the changed rows of one metric.

    Attributes:
        exposed: withheld counts that readers could work out all the same, from what earlier releases told them.
    """

    metric: str
    published: int = 0
    suppressed: int = 0
    held: int = 0
    exposed: int = 0
    partitions: int = 0


def gated() -> dict[str, Contract]:
    """Metrics that pass the gate, those whose rows add up to others' first."""
    found = {n: c for n, c in registry.metrics().items() if c.is_gated}
    finer = {n: {f for f, c in found.items() if c.publish and c.publish.of == n} for n in found}
    for total, names in finer.items():
        for name in names:
            if not set(found[total].key) <= set(found[name].key):
                at = f"metric {name}, publish"
                raise ContractError(
                    at, f"{total} is no total of it: its key is {found[total].key}", "name one whose key is part of its own"
                )
    return {n: found[n] for n in TopologicalSorter(finer).static_order()}


def release(lake: Lake) -> list[Released]:
    """Release what changed since the last time; a metric of which nothing changed is left alone."""
    from assets.relations import thresholds  # it parses SQL, which an export else does not

    at = thresholds(lake)
    count, customers, share = (at[name] for name in LIMITS)
    limits = Limits(round(count), round(customers), share)
    through = gated()
    finer = {name: [c for c in through.values() if c.publish and c.publish.of == name] for name in through}
    return [_release(lake, contract, limits, finer[name]) for name, contract in through.items()]


def _release(lake: Lake, contract: Contract, limits: Limits, finer: Sequence[Contract]) -> Released:
    name, publish = contract.name, contract.publish or Publish()
    own = _by_day(lake.files("metrics", name))
    theirs = {c.name: _by_day(lake.files("published", c.name)) for c in finer}
    current = {f.event_date: f.path.rpartition("/")[2] for f in lake.files("published", name)}
    stale: dict[date, str] = {}
    for day in own:
        read = [f.path for f in own[day]] + [f.path for t in theirs.values() for d in contract.days_of(day) for f in t.get(d, ())]
        text = f"{VERSION}|{contract.version}|{publish}|{limits}|{sorted(read)}"
        wanted = hashlib.sha256(text.encode()).hexdigest()[:16]
        if not current.get(day, "").startswith(wanted):
            # what was released before is part of what is released now: a name is never used twice
            stale[day] = f"{wanted}-{hashlib.sha256(current.get(day, '').encode()).hexdigest()[:8]}"
    done: Counter[str] = Counter()
    written = []
    for days in _batches(sorted(stale), own):
        rows, before = (_rows(lake, contract, layer, days) for layer in ("metrics", "published"))
        parts = [_parts(lake, contract, c, days) for c in finer]
        frame, exposed = released(rows, before, contract, limits, pl.concat(parts) if parts else None)
        for day in days:
            written.append(lake.write_part("published", name, day, stale[day], frame.filter(pl.col("event_date") == day)))
        done.update(dict(frame.group_by("release").len().rows()), exposed=exposed, partitions=len(days))
    if written:
        lake.replace("published", name, contract.arrow_schema("published"), written)
    return Released(name, **done)


def _parts(lake: Lake, contract: Contract, fine: Contract, days: Sequence[date]) -> pl.DataFrame:
    """The counts released of a finer metric, under the partition of the total they are part of."""
    rest = ["event_date", *(k for k in fine.key if k not in contract.key)]
    rows = remembered(_rows(lake, fine, "published", [d for p in days for d in contract.days_of(p)]), fine)
    month = pl.col("event_date").dt.truncate("1mo") if contract.period == "month" else pl.col("event_date")
    return rows.select(
        month.alias("event_date"),
        *contract.key,
        "_column",
        pl.lit(fine.name).alias("table"),
        pl.concat_str(pl.col(c).cast(pl.String).fill_null("") for c in rest).alias("part"),
        pl.col("_old").alias("_count"),
        (pl.col("_was") != "published").alias("is_hidden"),
    )


def _rows(lake: Lake, contract: Contract, layer: str, days: Sequence[date]) -> pl.DataFrame:
    schema = contract.polars_schema(layer)
    scan = lake.scan(layer, contract.name, list(days))
    if scan is None:
        return pl.DataFrame(schema=schema)
    have = scan.collect_schema().names()
    return scan.select((pl.col(n) if n in have else pl.lit(None)).cast(t).alias(n) for n, t in schema.items()).collect()


def _batches(days: Sequence[date], files: dict[date, list[File]]) -> Iterator[list[date]]:
    batch: list[date] = []
    rows = 0
    for day in days:
        more = sum(f.rows for f in files[day])
        if batch and rows + more > BATCH_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(day)
        rows += more
    if batch:
        yield batch


def _by_day(files: Sequence[File]) -> dict[date, list[File]]:
    out: dict[date, list[File]] = {}
    for file in files:
        if file.event_date is not None:
            out.setdefault(file.event_date, []).append(file)
    return out
