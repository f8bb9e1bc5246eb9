"""Puts Dagster's definitions together from the registry and the settings. Nothing is decided here.

Adding a contract adds its assets and checks; no dataset is named.
"""

import warnings

import dagster as dg

from dagster_project import stream_assets
from dagster_project.feed_assets import feed_assets
from dagster_project.gates import checks
from dagster_project.jobs import build_job, land_job, tidy_job
from dagster_project.metric_assets import metric_assets
from dagster_project.partitions import daily
from dagster_project.schedules import schedules
from dagster_project.sensors import sensors
from dagster_project.settings import Settings


def assemble(settings: Settings) -> dg.Definitions:
    """The definitions of one city: assets, checks, jobs, sensors and schedules; runs stay in one process."""
    partitions = daily(settings)
    land, build = land_job(), build_job()
    with warnings.catch_warnings():
        # Dagster 1.13 still calls backfill policies beta; without one, a range of days is not a single run
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = [*feed_assets(settings, partitions), *metric_assets(settings, partitions)]
    return dg.Definitions(
        assets=[*assets, *stream_assets.specs(settings, partitions)],
        asset_checks=[*checks(settings), *stream_assets.checks(settings)],
        jobs=[land, build, tidy_job(settings)],
        sensors=sensors(settings, land, build),
        schedules=schedules(settings, build),
        executor=dg.in_process_executor,
    )
