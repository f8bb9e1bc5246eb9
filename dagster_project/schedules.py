"""What happens every night, by the city's clock: the last days are built again, and tables are tidied.

What happens as files come is said in `dagster_project.sensors`.
"""

from datetime import UTC
from zoneinfo import ZoneInfo

import dagster as dg

from dagster_project import touched, verdicts
from dagster_project.jobs import TIDY, AssetJob
from dagster_project.partitions import first_day, requests
from dagster_project.settings import Settings

LAST_DAYS = 3


def nightly(settings: Settings, build: AssetJob) -> dg.ScheduleDefinition:
    """At 03:00: the last days up to yesterday, and every older day that is stale."""

    @dg.schedule(
        cron_schedule="0 3 * * *",
        job=build,
        name="nightly_build",
        execution_timezone=settings.city.zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Builds the last {LAST_DAYS} days, and older ones whose input changed.",
    )
    def nightly_build(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        at = context.scheduled_execution_time
        today = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(ZoneInfo(settings.city.zone)).date()
        begin = first_day(settings)
        days = {d for d in touched.last_days(settings, today, LAST_DAYS + 1) if begin <= d < today}
        found = requests(settings, days, f"nightly {today}", without=verdicts.blocked_days(settings))
        return found or dg.SkipReason("the lake holds no day to build")

    return nightly_build


def schedules(settings: Settings, build: AssetJob) -> list[dg.ScheduleDefinition]:
    """All schedules, each by the city's clock."""
    tidy = dg.ScheduleDefinition(
        name="nightly_tidy",
        job_name=TIDY,
        cron_schedule="30 4 * * *",
        execution_timezone=settings.city.zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Compacts the tables and sweeps files that no version needs.",
    )
    return [nightly(settings, build), tidy]
