"""Every contender of the bench lands the same rows; speed itself is never tested."""

from pathlib import Path

import polars as pl
import pytest

from benchmarks import events, landing, peer_duckdb, peer_polars

ROWS = 3_000


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    events.write(tmp_path / "inbox" / "events.jsonl", ROWS)
    return tmp_path / "inbox"


def table(frame: pl.DataFrame) -> pl.DataFrame:
    key = ["sensor_id", "lane", "observed_at"]
    times = frame["observed_at"]
    read = times.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC") if times.dtype == pl.String else times
    return (
        frame.with_columns(read.dt.convert_time_zone("UTC").cast(pl.Datetime("us", "UTC")))
        .select(list(peer_polars.SCHEMA))
        .sort(key)
    )


def written(out: Path) -> pl.DataFrame:
    return table(pl.read_parquet(sorted(out.rglob("*.parquet")), missing_columns="insert"))


def test_events_are_the_same_for_the_same_arguments_and_about_240_bytes(inbox: Path, tmp_path: Path) -> None:
    events.write(tmp_path / "again.jsonl", ROWS)
    content = (inbox / "events.jsonl").read_bytes()
    assert content == (tmp_path / "again.jsonl").read_bytes()
    assert content.count(b"\n") == ROWS
    assert 220 < len(content) / ROWS < 260


def test_contenders_land_the_same_rows(inbox: Path, tmp_path: Path) -> None:
    out = {n: tmp_path / n for n in ("ours", "polars", "columns", "duckdb")}
    assert landing.land(str(inbox), str(out["ours"])) == {"taken": ROWS, "kept": ROWS, "rejected": 0}
    peer_polars.land(str(inbox), str(out["polars"]))
    peer_polars.land_columns(str(inbox), str(out["columns"]))
    peer_duckdb.land(str(inbox), str(out["duckdb"]))
    ours = written(out["ours"] / "raw")
    assert ours.height == ROWS == landing.rows(str(out["ours"]))
    for name in ("polars", "columns", "duckdb"):
        assert written(out[name]).equals(ours), name


def test_dirty_lines_are_refused_one_by_one(tmp_path: Path) -> None:
    events.write(tmp_path / "inbox" / "events.jsonl", ROWS, dirty=True)
    said = landing.land(str(tmp_path / "inbox"), str(tmp_path / "lake"))
    assert said == {"taken": ROWS, "kept": events.kept(ROWS, dirty=True), "rejected": 2 * ROWS // 100}
    refused = pl.read_parquet(sorted((tmp_path / "lake" / "quarantine").rglob("*.parquet")))
    assert dict(refused.group_by("code").len().rows()) == {"malformed": ROWS // 100, "out_of_range": ROWS // 100}


@pytest.mark.slow
def test_the_beam_job_of_the_tutorials_lands_the_same_rows(inbox: Path, tmp_path: Path) -> None:
    from benchmarks import peer_beam
    from benchmarks.throughput import LOCAL_DAYS

    peer_beam.land(str(inbox), str(tmp_path / "beam"), LOCAL_DAYS)
    landing.land(str(inbox), str(tmp_path / "ours"))
    assert written(tmp_path / "beam").equals(written(tmp_path / "ours" / "raw"))
