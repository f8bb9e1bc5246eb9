"""What Dagster knows of streams, which it does not run: their landed days as external assets, and whether they are up.

The stream itself is `citylake stream`. What it lands becomes runs in `dagster_project.sensors`, as files do.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import polars as pl

from dagster_project.column_schema import description
from dagster_project.settings import Settings
from schemas import ledger, registry

LAYER = "live"
CHECK = "stream_is_fresh"
SILENT_S = 60.0
"""A stream that gave no sign of life for so long is down; it gives one every 5 s."""
REPORT_S = 30


def feeds(settings: Settings) -> list[str]:
    """Feeds that have a live source."""
    return [n for n in registry.feeds() if settings.live_of(n)]


def key(feed: str) -> dg.AssetKey:
    """The external asset of what streams bring to a feed."""
    return dg.AssetKey([LAYER, feed])


def specs(settings: Settings, partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetSpec]:
    """`live/<feed>`: what its brokers bring, landed by `citylake stream` without Dagster."""
    return [
        dg.AssetSpec(
            key(name),
            partitions_def=partitions,
            group_name=contract.domain,
            kinds={"beam", "deltalake"},
            description=description(contract, "Streamed: landed by `citylake stream`, reported here by its days."),
            metadata={"uris": {s.name: s.uri for s in settings.live_of(name)}},
        )
        for name in feeds(settings)
        for contract in [registry.feed(name)]
    ]


def freshness(settings: Settings, feed: str, now: datetime) -> dg.AssetCheckResult:
    """Whether every live source of a feed gave a sign of life lately, and is not behind."""
    from pipelines.live.heartbeat import last

    found: list[str] = []
    for source in settings.live_of(feed):
        beat = last(settings.lake, feed, source.name)
        if beat is None:
            found.append(f"{source.name} never ran")
        elif beat.age_s(now) > SILENT_S:
            found.append(f"{source.name} is down: no sign of life for {beat.age_s(now):.0f} s, it was {beat.state}")
        elif beat.state == "stopped":
            found.append(f"{source.name} was stopped")
        elif beat.source_lag_s > settings.stream.behind_s:
            found.append(f"{source.name} is behind by {beat.source_lag_s:.0f} s" + (f": {beat.says}" if beat.says else ""))
        elif beat.state == "waiting":
            found.append(f"{source.name} waits: {beat.says}")
    return dg.AssetCheckResult(
        asset_key=key(feed),
        check_name=CHECK,
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(found) or "every source is up and not behind",
    )


def checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """One freshness check per streamed feed; the reporting sensor evaluates it too."""

    def check(feed: str) -> dg.AssetChecksDefinition:
        @dg.asset_check(
            asset=key(feed),
            name=CHECK,
            description="Fails where the stream is down, stopped, waiting or behind by [stream] behind_s.",
        )
        def is_fresh() -> dg.AssetCheckResult:
            return freshness(settings, feed, datetime.now(UTC))

        return is_fresh

    return [check(feed) for feed in feeds(settings)]


def landed_since(settings: Settings, since: datetime) -> pl.DataFrame:
    """Rows that streams booked after an instant, by feed and day: feed, event_date, counts, recorded_at (the latest)."""
    origins = [(n, _origin(s)) for n in feeds(settings) for s in settings.live_of(n)]
    wanted = pl.DataFrame(origins, schema={"feed": pl.String, "source": pl.String}, orient="row")
    lines = ledger.lines(settings.lake).filter((pl.col("stage") == "land") & (pl.col("recorded_at") > since))
    counts = pl.col("taken", "kept", "rejected", "late").sum()
    return (
        lines.join(wanted, on=["feed", "source"], how="semi")
        .group_by("feed", "event_date")
        .agg(counts, pl.col("recorded_at").max())
        .sort("feed", "event_date", nulls_last=True)
    )


def _origin(source: object) -> str:
    from pipelines.live.kinds import kind

    return str(kind(source.uri).origin(source.live))  # type: ignore[attr-defined]


def events(
    settings: Settings, landed: pl.DataFrame, now: datetime
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """What to report: a materialization per feed and day that gained rows, and every freshness check."""
    for row in landed.filter(pl.col("event_date").is_not_null()).iter_rows(named=True):
        counts = {k: row[k] for k in ("taken", "kept", "rejected", "late")}
        yield dg.AssetMaterialization(
            key(row["feed"]),
            partition=row["event_date"].isoformat(),
            metadata=counts | {"last_commit": dg.MetadataValue.timestamp(row["recorded_at"])},
        )
    for feed in feeds(settings):
        result = freshness(settings, feed, now)
        yield dg.AssetCheckEvaluation(
            asset_key=key(feed),
            check_name=CHECK,
            passed=result.passed,
            severity=result.severity,
            description=result.description,
            metadata={},
        )
