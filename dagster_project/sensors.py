"""What starts runs as the city goes on: new files land, landed days are built, neighbours of a bad day go on without it.

Which days those are is said in `dagster_project.touched`.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from dagster_project import stream_assets, touched, verdicts
from dagster_project.jobs import BUILD, LAND, AssetJob
from dagster_project.partitions import days_of, requests
from dagster_project.settings import Settings
from schemas import registry
from schemas.errors import CitylakeError

INBOX_SECONDS = 30
FOLLOW_SECONDS = 10
EVER = "1970-01-01T00:00:00+00:00"


def new_files(settings: Settings) -> tuple[list[str], list[str]]:
    """Identities of files (and of their new ends) that wait to be landed, and what is wrong with sources."""
    from pipelines.sources.plan import plan

    waiting, faults = [], []
    for name in settings.sources:
        contract = registry.feed(name)
        for source in settings.files_of(name):
            try:
                waiting += [f"{t.app_id} {t.after}" for t in plan(settings.lake, contract, source, settings.limits).todo]
            except CitylakeError as error:
                faults.append(str(error))
    return sorted(waiting), faults


def inbox(settings: Settings) -> dg.SensorDefinition:
    """Asks for one landing of all that is new. A landing that failed is asked for again when the files change."""

    @dg.sensor(
        name="inbox",
        job_name=LAND,
        minimum_interval_seconds=INBOX_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Lands files that the sources have and the lake has not.",
    )
    def inbox_sensor() -> dg.RunRequest | dg.SkipReason:
        waiting, faults = new_files(settings)
        if not waiting:
            return dg.SkipReason("; ".join(["no new file", *faults]))
        return dg.RunRequest(run_key=hashlib.sha256("\n".join(waiting).encode()).hexdigest()[:24])

    return inbox_sensor


def streams(settings: Settings, build: AssetJob) -> dg.SensorDefinition:
    """Reports what streams landed and whether they are up; asks for builds of the days they touched, not too often."""

    @dg.sensor(
        name="streams",
        job=build,
        minimum_interval_seconds=stream_assets.REPORT_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports days landed by `citylake stream`, its freshness, and builds the days it touched.",
    )
    def streams_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not stream_assets.feeds(settings):
            return dg.SkipReason("no feed has a live source")
        now = datetime.now(UTC)
        known = json.loads(context.cursor or "{}")
        reported, restated = (datetime.fromisoformat(known.get(k, EVER)) for k in ("reported", "restated"))
        landed = stream_assets.landed_since(settings, reported)
        due = (now - restated).total_seconds() >= settings.stream.restate_s and not _is_building(context.instance)
        days = touched.seen_from(touched.stale(settings)) if due else set()
        asked = requests(settings, days, f"stream {now.isoformat()}", without=verdicts.blocked_days(settings)) if days else []
        cursor = {
            "reported": (landed["recorded_at"].max() if landed.height else reported).isoformat(),  # type: ignore[union-attr]
            "restated": (now if asked else restated).isoformat(),
        }
        return dg.SensorResult(
            run_requests=asked, cursor=json.dumps(cursor), asset_events=list(stream_assets.events(settings, landed, now))
        )

    return streams_sensor


def _is_building(instance: dg.DagsterInstance) -> bool:
    under_way = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    return bool(instance.get_run_ids(dg.RunsFilter(job_name=BUILD, statuses=under_way), limit=1))


def _after(
    name: str,
    job: AssetJob,
    build: AssetJob,
    status: dg.DagsterRunStatus,
    follow: Callable[[dg.RunStatusSensorContext], list[dg.RunRequest]],
    description: str,
) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=name,
        monitored_jobs=[job],
        request_job=build,
        minimum_interval_seconds=FOLLOW_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=description,
    )
    def sensor(context: dg.RunStatusSensorContext) -> dg.SensorResult:
        found = follow(context)
        return dg.SensorResult(run_requests=found, skip_reason=None if found else "no day to build")

    return sensor


def sensors(settings: Settings, land: AssetJob, build: AssetJob) -> list[dg.SensorDefinition]:
    """The inbox, and the sensors that follow runs. A landing that failed for one feed is followed for the others."""

    def landed(context: dg.RunStatusSensorContext) -> list[dg.RunRequest]:
        run_id = context.dagster_run.run_id
        days = touched.by_landing(settings, context.instance, run_id)
        return requests(settings, days, run_id, without=verdicts.blocked_days(settings))

    def left_undone(context: dg.RunStatusSensorContext) -> list[dg.RunRequest]:
        days, blocked = days_of(context.dagster_run.tags) or [], verdicts.blocked_days(settings)
        # without a bad day to leave out, the run failed of something else and would fail again
        return requests(settings, days, context.dagster_run.run_id, without=blocked) if blocked & set(days) else []

    done, failed = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
    return [
        inbox(settings),
        streams(settings, build),
        _after("build_landed", land, build, done, landed, "Builds the days that a landing touched."),
        _after("build_landed_in_part", land, build, failed, landed, "Builds the days that a landing touched before it failed."),
        _after(f"{BUILD}_neighbours", build, build, failed, left_undone, "Builds the days that a bad day of their run held up."),
    ]
