"""The whole way with sources and lake on a real S3 server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from dagster_project import settings, way
from pipelines.sources.files import s3
from schemas import ledger
from schemas.errors import CitylakeError
from tests.integration.s3_server import s3_server
from tests.landing.driver import event

pytestmark = pytest.mark.slow

TOML = """
[city]
name = "Remote"
time_zone = "Europe/Berlin"
[lake]
root = "s3://city/{lake}"
[feeds.traffic_flow.sources.bucket]
uri = "s3://city/inbox/*.jsonl"
format = "json_lines"
"""
FILES, ROWS = 6, 96


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with s3_server(tmp_path_factory.mktemp("s3")) as environment, pytest.MonkeyPatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        store = s3()
        store.mkdir("city")
        for number in range(FILES):
            rows = [
                event(f"s{number}", observed_at=f"2026-05-01T{i // 4:02d}:{i % 4 * 15:02d}:00Z", interval_s=900)
                for i in range(ROWS)
            ]
            text = "\n".join(json.dumps(r) for r in rows) + "\n{broken\n"
            store.pipe(f"city/inbox/{number}.jsonl", text.encode())
        yield environment


def read_settings(folder: Path, lake: str) -> settings.Settings:
    path = folder / f"{lake}.toml"
    path.write_text(TOML.format(lake=lake))
    return settings.load(path)


def test_the_whole_way(server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assets.exports.catalog import export

    monkeypatch.chdir(tmp_path)
    remote = read_settings(tmp_path, "whole")
    landed = way.land(remote)
    assert [(one.files, one.kept, one.rejected) for one in landed] == [(FILES, FILES * ROWS, FILES)]
    built = way.build(remote)
    assert built.blocked == set()
    assert ledger.balance(remote.lake)["off_by"].sum() == 0
    hourly = remote.lake.scan("metrics", "traffic_hourly").collect()
    assert hourly["volume_veh"].sum() == FILES * ROWS * 12
    export(remote.lake, remote.city, tmp_path / "exports")
    exported = pl.read_csv(tmp_path / "exports/csv/traffic_hourly.csv.gz")
    assert exported["volume_veh"].sum() == FILES * ROWS * 12
    assert [one.files for one in way.land(remote)] == [0]
    assert way.build(remote).refined == []
    assert date(2026, 5, 1) in {f.event_date for f in remote.lake.files("refined", "traffic_flow")}


def test_two_landing_processes_at_once_lose_and_double_nothing(server: dict[str, str], tmp_path: Path) -> None:
    remote = read_settings(tmp_path, "raced")
    program = (
        "import sys; from pathlib import Path; from dagster_project import settings, way; "
        "way.land(settings.load(Path(sys.argv[1]))); print('landed')"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(remote.path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in both:
        out, err = process.communicate(timeout=200)
        assert "landed" in out, err[-2000:]
    raw = remote.lake.scan("raw", "traffic_flow").collect()
    assert raw.height == raw.select("sensor_id", "observed_at").n_unique() == FILES * ROWS
    assert remote.lake.scan("quarantine", "traffic_flow").collect().height == FILES
    assert ledger.balance(remote.lake)["off_by"].sum() == 0


@pytest.mark.parametrize("wrong", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
def test_wrong_credentials_are_one_clear_error(
    server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv(wrong, "wrong")
    with pytest.raises(CitylakeError) as caught:
        way.land(read_settings(tmp_path, "refused"))
    assert "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in str(caught.value)
    assert "only-for-tests" not in str(caught.value)


def test_a_server_that_is_not_there_is_one_clear_error(
    server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CitylakeError, match="AWS_ENDPOINT_URL"):
        way.land(read_settings(tmp_path, "nowhere"))
