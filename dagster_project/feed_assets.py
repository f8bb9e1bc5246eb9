"""Assets of feeds and reference tables, made from their contracts: landed, described, refined.

The work is in pipelines and assets; gates are made in `dagster_project.gates`.
"""

from datetime import date
from typing import Any

import dagster as dg

from dagster_project import stream_assets, way
from dagster_project.column_schema import definition_metadata, description
from dagster_project.settings import Settings
from schemas import registry
from schemas.contract import Contract

BATCH_DAYS = 31


def asset_key(table: str) -> dg.AssetKey:
    """The asset of a lake table such as `raw.<feed>`."""
    return dg.AssetKey(table.split("."))


def raw(settings: Settings, contract: Contract) -> dg.AssetsDefinition:
    """`raw/<feed>`: lands whatever the feed's sources have and the lake has not."""

    @dg.asset(
        key=["raw", contract.name],
        deps=[stream_assets.key(contract.name)] if settings.live_of(contract.name) else [],
        group_name=contract.domain,
        kinds={"beam", "deltalake"},
        description=description(contract, "Landed: every row that keeps the contract, as it came."),
        metadata=definition_metadata(contract, "raw") | _uris(settings, contract.name),
        code_version=str(contract.version),
    )
    def landed_asset() -> dg.MaterializeResult:
        landed = way.land(settings, [contract.name])
        counts: dict[str, Any] = {n: sum(getattr(x, n) for x in landed) for n in ("taken", "kept", "rejected", "late", "files")}
        refused = [{"source": x.source, "file": r.uri, "found": r.found, "remedy": r.remedy} for x in landed for r in x.refused]
        held = sum(f.rows for f in settings.lake.files("raw", contract.name))
        return dg.MaterializeResult(
            metadata={**counts, "refused": len(refused), "refused_files": refused, "dagster/row_count": held}
        )

    return landed_asset


def reference(settings: Settings, contract: Contract) -> dg.AssetsDefinition:
    """`reference/<table>`: the city's own file replaces the table, whole."""
    lake, name = settings.lake, contract.name

    @dg.asset(
        key=["reference", name],
        group_name=contract.domain,
        kinds={"deltalake"},
        description=description(contract, "Loaded from the city's own file; one bad row refuses it."),
        metadata=definition_metadata(contract, "reference") | {"uri": settings.references[name].uri},
        code_version=str(contract.version),
    )
    def reference_asset() -> dg.MaterializeResult:
        from pipelines.reference import load

        before = [f.path for f in lake.files("reference", name)]
        rows = load(lake, settings.city, contract, settings.references[name])
        changed = [f.path for f in lake.files("reference", name)] != before
        return dg.MaterializeResult(metadata={"dagster/row_count": rows, "changed": changed})

    return reference_asset


def refined(settings: Settings, contract: Contract, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """`refined/<feed>`: settles, corrects and places the rows of the run's days that are stale."""
    described = contract.described.table if contract.described else None
    deps = [f"raw.{contract.name}"] + ([f"reference.{described}"] if described in settings.references else [])

    @dg.asset(
        key=["refined", contract.name],
        deps=[asset_key(d) for d in deps],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=contract.domain,
        kinds={"polars", "deltalake"},
        description=description(contract, "Refined: one settled, corrected, placed row per key."),
        metadata=definition_metadata(contract, "refined"),
        code_version=str(contract.version),
    )
    def refined_asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from assets.refined import refine

        days = [date.fromisoformat(k) for k in context.partition_keys]
        done = [
            r
            for start in range(0, len(days), BATCH_DAYS)
            for r in refine(settings.lake, settings.city, contract.name, days[start : start + BATCH_DAYS])
        ]
        counts = ("taken", "kept", "rejected", "repeated", "superseded")
        for result in done:
            of_day = {n: getattr(result, n) for n in counts} | {"dagster/partition_row_count": result.kept}
            context.add_asset_metadata(of_day, partition_key=result.day.isoformat())
        total = {f"{n}_in_run": sum(getattr(r, n) for r in done) for n in counts}
        return dg.MaterializeResult(metadata={"days_changed": len(done), **total})

    return refined_asset


def feed_assets(settings: Settings, partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """All of them: two assets per feed that there is, one per reference table that citylake.toml names."""
    feeds, known = registry.feeds().values(), registry.references()
    return [
        *(raw(settings, c) for c in feeds),
        *(reference(settings, known[n]) for n in settings.references),
        *(refined(settings, c, partitions) for c in feeds),
    ]


def _uris(settings: Settings, feed: str) -> dict[str, Any]:
    return {"uris": {s.name: s.uri for s in settings.sources.get(feed, ())}}
