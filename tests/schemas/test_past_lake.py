"""A lake as it was: every version of a table is what the table was then, as long as its files are there."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from schemas import ledger, upkeep
from schemas.errors import LakeError
from schemas.lake import Lake
from schemas.past_lake import PastLake, versions

DAY = date(2026, 6, 1)
SCHEMA = pl.DataFrame({"a": [1], "event_date": [DAY]}).to_arrow().schema


def _filled(root: Path, days: int = 4) -> tuple[Lake, list[set[int]]]:
    """A table whose one day is replaced again and again, and what it held at each version."""
    lake, held = Lake(root), [set()]
    for number in range(days):
        rows = pl.DataFrame({"a": list(range(number + 1))})
        part = lake.write_part("metrics", "m", DAY, f"part-{number}", rows)
        lake.replace("metrics", "m", SCHEMA, [part])
        held.append(set(rows["a"]))
    return lake, held


def _rows(lake: Lake) -> set[int]:
    scan = lake.scan("metrics", "m")
    return set() if scan is None else set(scan.collect()["a"])


def test_every_version_and_every_instant_is_as_it_was(tmp_path: Path) -> None:
    lake, held = _filled(tmp_path)
    known = versions(lake.open("metrics", "m"))  # type: ignore[arg-type]
    assert len(known) == len(held)
    for version, rows in zip(known, held, strict=True):
        past = PastLake(lake.root, version.number)
        assert _rows(past) == rows
        assert past.found["metrics", "m"] == version
    for at in sorted({v.at for v in known}):
        latest = max(v.number for v in known if v.at <= at)
        assert _rows(PastLake(lake.root, at)) == held[latest]
        assert _rows(PastLake(lake.root, at - timedelta(microseconds=1))) == held[max(latest - 1, 0)] or latest == 0
    assert PastLake(lake.root, known[0].at - timedelta(days=1)).open("metrics", "m") is None
    assert _rows(PastLake(lake.root, datetime.now(UTC))) == held[-1]


def test_what_was_swept_is_told_with_the_oldest_that_is_whole(tmp_path: Path) -> None:
    lake, held = _filled(tmp_path)
    for number in (0, 1):
        Path(lake.uri("metrics", "m"), f"event_date={DAY}", f"part-{number}.parquet").unlink()
    assert _rows(PastLake(lake.root, 3)) == held[3]
    with pytest.raises(LakeError, match=r"1 of 1 files of version 2 were swept since; it can be had since .* \(version 3\)"):
        PastLake(lake.root, 2).files("metrics", "m")


def test_a_log_that_was_cleaned_says_how_far_it_goes_back(tmp_path: Path) -> None:
    lake, held = _filled(tmp_path)
    table = DeltaTable(lake.uri("metrics", "m"))
    first = versions(table)[0].at
    table.create_checkpoint()
    for number in range(3):
        Path(lake.uri("metrics", "m"), "_delta_log", f"{number:020d}.json").unlink()
    assert _rows(PastLake(lake.root, datetime.now(UTC))) == held[-1]
    with pytest.raises(LakeError, match="its log does not go back to"):
        PastLake(lake.root, first).files("metrics", "m")


def test_it_is_not_written_to(tmp_path: Path) -> None:
    lake, _ = _filled(tmp_path, 1)
    with pytest.raises(LakeError, match="a lake as it was is only read"):
        ledger.record(PastLake(lake.root, datetime.now(UTC)), "x", [], datetime.now(UTC))
    assert upkeep.join(lake, "metrics", "m") == 0
