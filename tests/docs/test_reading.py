"""Whether docs/reading.md is true: each of its blocks is run over a small lake, and every engine must give the lake's own answer.

An engine that is not installed is skipped with a reason. Spark runs in this environment or in that of CITYLAKE_SPARK_PYTHON.
"""

import csv
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.exports.catalog import export
from schemas.lake import Lake
from schemas.registry import feeds, metrics
from tests.good_rows import CITY, good_rows, put

PAGE = Path(__file__).parents[2] / "docs" / "reading.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
DAYS = (date(2026, 5, 31), date(2026, 6, 1), date(2026, 6, 2))
SPARK_PYTHON = os.environ.get("CITYLAKE_SPARK_PYTHON", sys.executable)


def of(language: str, spark: bool = False) -> list[Any]:
    """The page's blocks in a language, named by their first telling line."""
    own = [b for kind, b in BLOCKS if kind == language and ("pyspark" in b) == spark]
    return [pytest.param(b, id=f"{language}-{n}") for n, b in enumerate(own)]


def hours(day: date) -> pl.DataFrame:
    """Hours of two districts; every third has no speed, as under low coverage."""
    frame = good_rows(metrics()["traffic_hourly"], "metrics", day, 30).with_row_index("i")
    return frame.with_columns(
        district=pl.when(pl.col("i") % 2 == 0).then(pl.lit("Mitte")).otherwise(pl.lit("Süd, Alt")),
        volume_veh=pl.col("i") * 1.5 + day.day,
        speed_weight=pl.when(pl.col("i") % 3 > 0).then(pl.col("i") + 1.0),
        slowness_sum_h_km=pl.when(pl.col("i") % 3 > 0).then((pl.col("i") + 1.0) / (20 + pl.col("i"))),
    ).drop("i")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake in it, in which a day was replaced: its old file is still there."""
    folder = tmp_path_factory.mktemp("readers")
    lake = Lake(folder / "lake")
    for day in DAYS:
        put(lake, metrics()["traffic_hourly"], "metrics", hours(day), day)
        few = good_rows(metrics()["energy_daily"], "metrics", day, 3).with_columns(meters=pl.lit(5, pl.Int64))
        put(lake, metrics()["energy_daily"], "metrics", few, day)
        flow = feeds()["traffic_flow"]
        put(lake, flow, "refined", good_rows(flow, "refined", day, 9), day, "old")
        put(lake, flow, "refined", good_rows(flow, "refined", day, 5 + day.day % 3), day, "new")
    export(lake, CITY)
    return folder


def wanted() -> tuple[list[Any], list[Any]]:
    """By hand, without any engine: districts on 1 June, and the feed's rows by day."""
    out: dict[str, list[float]] = {}
    for row in hours(DAYS[1]).to_dicts():
        parts = out.setdefault(row["district"], [0, 0, 0])
        for n, name in enumerate(("volume_veh", "speed_weight", "slowness_sum_h_km")):
            parts[n] += row[name] or 0
    return [(d, v, w / s) for d, (v, w, s) in sorted(out.items())], [(d, 5 + d.day % 3) for d in DAYS]


def held_against(answer: list[Any]) -> None:
    """Compare with whichever of the two questions was asked."""
    districts, days = wanted()
    if len(answer[0]) == 2:
        assert [(str(d)[:10], n) for d, n in answer] == [(str(d), n) for d, n in days]
    else:
        assert [r[0] for r in answer] == [d for d, *_ in districts]
        for got, want in zip(answer, districts, strict=True):
            assert [float(x) for x in got[1:]] == pytest.approx(list(want[1:]))


@pytest.mark.parametrize("block", of("python"))
def test_python(block: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    names: dict[str, Any] = {}
    exec(compile(block, str(PAGE), "exec"), names)
    if "withheld" in names:
        assert [withheld for *_, withheld in names["withheld"]] == [3, 3, 3]
    else:
        held_against(names["answer"])


def said(words: list[str], place: Path, env: dict[str, str] | None = None) -> list[Any]:
    """The rows of the CSV that a program prints."""
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=300, env={**os.environ, **(env or {})})
    assert done.returncode == 0, done.stderr[-2000:]
    return [tuple(r) for r in csv.reader(io.StringIO(done.stdout))][1:]


def command_line() -> str | None:
    """The folder of DuckDB's own program, of the package duckdb-cli or of the machine."""
    spec = importlib.util.find_spec("duckdb_cli")
    if spec and spec.origin and (Path(spec.origin).parent / "duckdb").is_file():
        return str(Path(spec.origin).parent)
    found = shutil.which("duckdb")
    return str(Path(found).parent) if found else None


@pytest.mark.parametrize("block", of("sh"))
def test_duckdb_command_line(block: str, place: Path) -> None:
    folder = command_line()
    if folder is None:
        pytest.skip("DuckDB's command line is not installed")
    held_against(said(["sh", "-c", block], place, {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}))


@pytest.mark.parametrize("block", of("r"))
def test_r(block: str, place: Path) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    for package in sorted({*re.findall(r"(\w+)::", block), *re.findall(r"library\((\w+)", block)}):
        if subprocess.run(["Rscript", "-e", f"quit(status = !requireNamespace('{package}', quietly = TRUE))"]).returncode:
            pytest.skip(f"R's package {package} is not installed")
    # the system's own locale may be C, in which names of districts are no text
    held_against(said(["Rscript", "-e", block], place, {"LC_ALL": "C.UTF-8"}))


@pytest.mark.slow
@pytest.mark.parametrize("block", of("python", spark=True))
def test_spark(block: str, place: Path) -> None:
    wants = ["pyspark", *(["delta"] if "from delta" in block else [])]
    code = f"import importlib.util as u, sys; sys.exit(not all(u.find_spec(n) for n in {wants}))"
    if shutil.which("java") is None or subprocess.run([SPARK_PYTHON, "-c", code]).returncode:
        pytest.skip(f"{' and '.join(wants)} and Java are not installed: name a Python that has them in CITYLAKE_SPARK_PYTHON")
    told = f"{block}\nimport json\nprint('ANSWER', json.dumps(answer, default=str))\n"
    env = {"SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run(
        [SPARK_PYTHON, "-c", told], cwd=place, capture_output=True, text=True, timeout=600, env=os.environ | env
    )
    assert done.returncode == 0, done.stderr[-2000:]
    held_against(json.loads(done.stdout.split("ANSWER ", 1)[1]))


def test_a_folder_is_not_a_table(place: Path) -> None:
    """What the page warns of happens: all files of the folder hold more rows than the table."""
    everything = pl.scan_parquet(str(place / "lake/refined/traffic_flow/*/*.parquet")).select(pl.len()).collect().item()
    assert everything == sum(n for _, n in wanted()[1]) + 9 * len(DAYS)


def test_a_mean_of_ratios_is_another_number() -> None:
    """The page's other warning, on the rows of this test."""
    speeds = hours(DAYS[1]).select("district", v=pl.col("speed_weight") / pl.col("slowness_sum_h_km"))
    means = dict(speeds.group_by("district").mean().iter_rows())
    assert all(abs(means[d] - v) > 1 for d, _, v in wanted()[0])


def test_every_block_is_run() -> None:
    assert {kind for kind, _ in BLOCKS} == {"python", "sh", "r"}
