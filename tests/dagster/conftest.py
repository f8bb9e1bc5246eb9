"""A small city with an inbox of its own: files for two days across a change of clocks, and its Dagster instance.

What is expected of definitions and runs belongs to the tests.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from dagster_project.assembly import assemble
from dagster_project.partitions import days_of, range_tags
from dagster_project.settings import Settings, load

DAYS = [date(2025, 3, 30), date(2025, 3, 31)]
"""The clocks change on the first: together they have 47 hours."""
TOML = """
[city]
name = "Testville"
time_zone = "Europe/Berlin"
[lake]
root = "a lake"
[feeds.traffic_flow.sources.inbox]
uri = "inbox/traffic_flow*.jsonl"
format = "json_lines"
[feeds.meter_readings.sources.inbox]
uri = "inbox/meter_readings*.jsonl"
format = "json_lines"
[feeds.emergency_calls.sources.inbox]
uri = "inbox/emergency_calls*.jsonl"
format = "json_lines"
[reference]
sensors = "sensors.csv"
"""


@dataclass
class Place:
    """A city in a folder, and the Dagster instance that remembers its runs."""

    folder: Path
    settings: Settings
    instance: dg.DagsterInstance

    def run(self, job: str, *days: date, only: Sequence[str] = ()) -> dg.ExecuteInProcessResult:
        """Run a job, or only some of its assets with their checks, with definitions as they are now."""
        return (
            assemble(self.settings)
            .resolve_job_def(job)
            .execute_in_process(
                instance=self.instance,
                tags=range_tags(min(days), max(days)) if days else {},
                asset_selection=[dg.AssetKey(t.split("/")) for t in only] or None,
                raise_on_error=False,
            )
        )

    def after(self, sensor: str, result: dg.ExecuteInProcessResult) -> list[dg.RunRequest]:
        """What a sensor that follows runs asks for after this one."""
        status = dg.DagsterEventType.RUN_SUCCESS if result.success else dg.DagsterEventType.RUN_FAILURE
        context = dg.build_run_status_sensor_context(
            sensor_name=sensor,
            dagster_event=next(e for e in reversed(result.all_events) if e.event_type == status),
            dagster_instance=self.instance,
            dagster_run=result.dagster_run,
        )
        found = assemble(self.settings).resolve_sensor_def(sensor)(context)
        assert isinstance(found, dg.SensorResult)
        return list(found.run_requests or [])


def asked_days(requests: Sequence[dg.RunRequest]) -> set[date]:
    """Every day of every request."""
    return {d for r in requests for d in days_of(r.tags) or []}


def instants(every_s: int, shift_s: int = 0) -> pl.Series:
    """UTC instants of the local days, as text."""
    start, end = datetime(2025, 3, 29, 23, tzinfo=UTC), datetime(2025, 3, 31, 22, tzinfo=UTC)
    at = pl.datetime_range(start, end, f"{every_s}s", closed="left", eager=True)
    return at.dt.offset_by(f"{shift_s}s").dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def write_inbox(inbox: Path) -> None:
    """Two sensors, two meters and a call an hour; some rows are repeated and one line is no row at all."""
    inbox.mkdir(parents=True)
    flow = pl.DataFrame({"observed_at": instants(900)}).join(pl.DataFrame({"sensor_id": ["s1", "s2"]}), how="cross")
    flow = flow.with_columns(
        lane=pl.lit(1),
        interval_s=pl.lit(900),
        vehicle_count=pl.int_range(pl.len()) % 90,
        mean_speed_kmh=40.0 + pl.int_range(pl.len()) % 30,
        occupancy_share=pl.lit(0.1),
    )
    text = pl.concat([flow, flow.head(7)]).write_ndjson()
    (inbox / "traffic_flow.jsonl").write_text(text + '{"sensor_id": "s1", "observed_at": \n')
    power = pl.DataFrame({"ended_at": instants(1800, 1800)}).join(pl.DataFrame({"meter_id": ["m1", "m2"]}), how="cross")
    power.with_columns(interval_s=pl.lit(1800), energy_kwh=0.1 + (pl.int_range(pl.len()) % 5) / 10).write_ndjson(
        inbox / "meter_readings.jsonl"
    )
    calls = pl.DataFrame({"received_at": instants(3600)}).with_columns(
        incident_id=pl.format("i{}", pl.int_range(pl.len())),
        unit_id=pl.lit("e1"),
        call_type=pl.lit("fire"),
        priority=pl.lit("1"),
        district=pl.lit("centre"),
        dispatched_at="received_at",
    )
    calls.write_ndjson(inbox / "emergency_calls.jsonl")


@contextmanager
def remembering() -> Iterator[dg.DagsterInstance]:
    """An instance in memory, closed in the thread that opened it: SQLite refuses any other, and a collector asks none."""
    instance = dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}})
    try:
        yield instance
    finally:
        instance.dispose()


@contextmanager
def made_place(folder: Path) -> Iterator[Place]:
    """A city with files in its inbox and nothing in its lake."""
    write_inbox(folder / "inbox")
    (folder / "citylake.toml").write_text(TOML)
    (folder / "sensors.csv").write_text("sensor_id,valid_from,road,segment_km\ns1,2020-01-01T00:00:00Z,Ring,0.5\n")
    with remembering() as instance:
        yield Place(folder, load(folder / "citylake.toml"), instance)


@pytest.fixture(scope="session", autouse=True)
def quiet_dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No telemetry, and no home but the tests' own."""
    home = tmp_path_factory.mktemp("dagster_home")
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        yield


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A city in which nothing was landed yet."""
    with made_place(tmp_path) as city:
        yield city


@dataclass
class Walked:
    """A city that was landed and built, and both runs."""

    place: Place
    landed: dg.ExecuteInProcessResult
    built: dg.ExecuteInProcessResult


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    """Landed and built once; tests only look at it."""
    with made_place(tmp_path_factory.mktemp("walked")) as place:
        landed = place.run("land")
        yield Walked(place, landed, place.run("build", *DAYS))
