"""Assets of metrics, and of what leaves the lake. What a metric reads is parsed out of its SQL.

The work is in assets; gates are made in `dagster_project.gates`.
"""

from datetime import date
from typing import Any

import dagster as dg

from dagster_project import way
from dagster_project.column_schema import definition_metadata, description
from dagster_project.feed_assets import asset_key
from dagster_project.settings import Settings
from schemas import registry
from schemas.contract import Contract

LEDGER = "ledger"


def metric(settings: Settings, contract: Contract, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """`metrics/<metric>`: measures the run's days whose input changed."""
    from assets.measure import dependencies

    read = dependencies(contract.name)
    refined = [f"refined.{n}" for n in registry.feeds()] if LEDGER in read else []
    reference = [t for t in read if t.startswith("reference.") and t.split(".")[1] in settings.references]
    daily = {t for t in read if t.startswith(("refined.", "metrics."))} | set(refined)

    @dg.asset(
        key=["metrics", contract.name],
        deps=[*(_daily_dep(t, contract) for t in sorted(daily)), *(asset_key(t) for t in sorted(reference))],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=contract.domain,
        kinds={"duckdb", "sql", "deltalake"},
        description=description(contract, f"Measured by `assets/metrics/{contract.name}.sql`."),
        metadata=definition_metadata(contract, "metrics"),
        code_version=str(contract.version),
    )
    def metric_asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from assets.measure import measure

        days = [date.fromisoformat(k) for k in context.partition_keys]
        changed = measure(settings.lake, settings.city, contract.name, days)
        for file in settings.lake.files("metrics", contract.name, changed):
            # a month is kept under its first day, which need not be a day of the run
            if file.event_date in days:
                context.add_asset_metadata({"dagster/partition_row_count": file.rows}, partition_key=str(file.event_date))
        return dg.MaterializeResult(metadata={"days_changed": len(changed)})

    return metric_asset


def exports(settings: Settings) -> dg.AssetsDefinition:
    """`exports/citylake`: what analysts open, made anew from the lake as it is."""
    tables = [f"refined.{n}" for n in registry.feeds()] + [f"metrics.{n}" for n in registry.metrics()]

    @dg.asset(
        key=["exports", "citylake"],
        deps=[asset_key(t) for t in tables],
        group_name="exports",
        kinds={"duckdb", "parquet", "csv"},
        description="One DuckDB file, Parquet and CSV of every metric, and their catalog.",
    )
    def exported() -> dg.MaterializeResult:
        catalog = way.export(settings)
        folder = dg.MetadataValue.path(str(settings.lake.exports()))
        done: dict[str, Any] = {k: catalog[k] for k in ("duckdb", "postgres") if k in catalog}
        return dg.MaterializeResult(metadata={"folder": folder, "tables": len(catalog["tables"]), **done})

    return exported


def metric_assets(settings: Settings, partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """One asset per metric that there is, and the exports."""
    return [*(metric(settings, c, partitions) for c in registry.metrics().values()), exports(settings)]


def _daily_dep(table: str, contract: Contract) -> dg.AssetDep:
    if not (contract.lookback_days or contract.lookahead_days):
        return dg.AssetDep(asset_key(table))
    reach = dg.TimeWindowPartitionMapping(
        start_offset=-contract.lookback_days, end_offset=contract.lookahead_days, allow_nonexistent_upstream_partitions=True
    )
    return dg.AssetDep(asset_key(table), partition_mapping=reach)
