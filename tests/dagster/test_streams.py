"""Streams as Dagster sees them: landed days reported once, built not too often; a stream that is down fails its check."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from dagster_project import stream_assets
from dagster_project.assembly import assemble
from dagster_project.partitions import days_of
from dagster_project.settings import load
from pipelines.live.desk import Seen
from pipelines.live.heartbeat import beat
from tests.dagster.conftest import Place, remembering
from tests.live.belt import Belt, messages

FEED = "traffic_flow"
TOML = """
[city]
name = "Testville"
time_zone = "Europe/Berlin"
[lake]
root = "lake"
[stream]
restate_s = 3600
[feeds.traffic_flow.sources.belt]
uri = "replay://belt"
format = "json_lines"
"""


@pytest.fixture
def streamed(tmp_path: Path) -> Iterator[tuple[Place, Belt]]:
    """A city with one live source, landed by hand."""
    belt = Belt(tmp_path, FEED)
    (tmp_path / "citylake.toml").write_text(TOML)
    with remembering() as instance:
        yield Place(tmp_path, load(tmp_path / "citylake.toml"), instance), belt


def row(number: int, day: int) -> bytes:
    at = f"2026-04-{day:02d}T{number % 24:02d}:00:00Z"
    return json.dumps({"sensor_id": "a", "lane": 1, "observed_at": at, "interval_s": 60, "vehicle_count": number}).encode()


def look(place: Place, cursor: str | None) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=place.instance, cursor=cursor)
    found = assemble(place.settings).resolve_sensor_def("streams")(context)
    assert isinstance(found, dg.SensorResult)
    return found


def reported(result: dg.SensorResult) -> dict[str, int]:
    made = [e for e in result.asset_events or [] if isinstance(e, dg.AssetMaterialization)]
    assert all(e.asset_key == stream_assets.key(FEED) for e in made)
    return {str(e.partition): e.metadata["kept"].value for e in made}  # type: ignore[misc]


def test_landed_days_are_reported_once_with_their_counts(streamed: tuple[Place, Belt]) -> None:
    place, belt = streamed
    belt.land(messages([row(i, 1) for i in range(5)] + [row(1, 2), b"junk"]))
    first = look(place, None)
    assert reported(first) == {"2026-04-01": 5, "2026-04-02": 1}
    assert reported(look(place, first.cursor)) == {}
    belt.land(messages([row(9, 2), row(10, 2)], 7))
    assert reported(look(place, first.cursor)) == {"2026-04-02": 2}


def test_touched_days_are_built_but_not_too_often(streamed: tuple[Place, Belt]) -> None:
    place, belt = streamed
    belt.land(messages([row(1, 1)]))
    first = look(place, None)
    asked = {str(d) for r in first.run_requests or [] for d in days_of(r.tags) or []}
    assert "2026-04-01" in asked
    belt.land(messages([row(2, 1)], 1))
    again = look(place, first.cursor)
    assert not again.run_requests, "an hour has not passed"
    long_ago = json.dumps({**json.loads(again.cursor or ""), "restated": "2026-01-01T00:00:00+00:00"})
    assert look(place, long_ago).run_requests


def test_the_build_that_is_asked_for_makes_the_days_fresh(streamed: tuple[Place, Belt]) -> None:
    place, belt = streamed
    belt.land(messages([row(i, 1) for i in range(24)]))
    assert place.run("build", datetime(2026, 4, 1).date()).success
    assert {f.event_date.isoformat() for f in place.settings.lake.files("refined", FEED) if f.event_date} >= {"2026-04-01"}


NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seen", "age_s", "found"),
    [
        (Seen(FEED, "belt", "x", state="running"), 5, ""),
        (Seen(FEED, "belt", "x", state="running"), 90, "belt is down"),
        (Seen(FEED, "belt", "x", state="running", source_lag_s=90.0), 5, "belt is behind by 90 s"),
        (Seen(FEED, "belt", "x", state="waiting", says="connection refused"), 5, "belt waits: connection refused"),
        (Seen(FEED, "belt", "x", state="stopped"), 5, "belt was stopped"),
        (None, 0, "belt never ran"),
    ],
)
def test_a_stream_that_is_down_or_behind_fails_its_freshness(
    streamed: tuple[Place, Belt], seen: Seen | None, age_s: int, found: str
) -> None:
    place, _ = streamed
    if seen:
        beat(place.settings.lake, seen, NOW - timedelta(seconds=age_s))
    result = stream_assets.freshness(place.settings, FEED, NOW)
    assert result.passed == (found == "")
    assert found in (result.description or "")


def test_the_sensor_reports_freshness_to_the_asset(streamed: tuple[Place, Belt]) -> None:
    place, _ = streamed
    (evaluation,) = [e for e in look(place, None).asset_events or [] if isinstance(e, dg.AssetCheckEvaluation)]
    assert not evaluation.passed
    assert evaluation.asset_key == stream_assets.key(FEED)
    beat(place.settings.lake, Seen(FEED, "belt", "x", state="running"), datetime.now(UTC))
    (evaluation,) = [e for e in look(place, None).asset_events or [] if isinstance(e, dg.AssetCheckEvaluation)]
    assert evaluation.passed


def test_the_external_asset_stands_before_raw(streamed: tuple[Place, Belt]) -> None:
    place, _ = streamed
    graph = assemble(place.settings).resolve_asset_graph()
    assert stream_assets.key(FEED) in graph.get(dg.AssetKey(["raw", FEED])).parent_keys
    assert stream_assets.key("meter_readings") not in graph.get_all_asset_keys()
