"""The jobs: land what is new, build days, tidy tables. Which assets belong to a job follows from their layer.

When jobs run is said in `dagster_project.sensors` and `dagster_project.schedules`.
"""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from dagster_project.settings import Settings
from schemas import registry, upkeep

LAND, BUILD, TIDY = "land", "build", "tidy"


def land_job() -> AssetJob:
    """Lands every source and loads every reference table, with their checks."""
    return dg.define_asset_job(
        LAND,
        selection=dg.AssetSelection.key_prefixes(["raw"], ["reference"]),
        description="Lands what the sources have and the lake has not; checks it.",
    )


def build_job() -> AssetJob:
    """Builds a range of days in one run. The raw gates go with it, so that a bad landed day stops before it is refined."""
    landed = dg.AssetSelection.checks_for_assets(*(dg.AssetKey(["raw", n]) for n in registry.feeds()))
    return dg.define_asset_job(
        BUILD,
        selection=dg.AssetSelection.key_prefixes(["refined"], ["metrics"], ["exports"]) | landed,
        description="Refines, measures, checks and exports a range of days; a day that is fresh costs nothing.",
    )


def tidy_job(settings: Settings) -> dg.JobDefinition:
    """Compacts small files and sweeps those that no version of a table needs."""

    @dg.op
    def tidy_tables(context: dg.OpExecutionContext) -> None:
        for layer, name in settings.lake.tables():
            swept = upkeep.tidy(settings.lake, layer, name)
            context.log.info(f"{layer}.{name}: {swept} files swept" if name else f"{layer}: {swept} files swept")

    @dg.job(name=TIDY, description="Compacts tables and sweeps files no version needs.", executor_def=dg.in_process_executor)
    def tidy() -> None:
        tidy_tables()

    return tidy
