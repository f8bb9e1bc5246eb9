"""Whether docs/bi.md is true where it can be run here: its commands, its SQL and its Arrow reader, over a small lake."""

import re
import shlex
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from assets.exports.catalog import export
from schemas.lake import Lake
from schemas.registry import metrics, references
from tests.cli.conftest import citylake
from tests.good_rows import CITY, good_rows, put

PAGE = (Path(__file__).parents[2] / "docs" / "bi.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.M | re.S)
DAY = date(2026, 6, 1)
NAMED = sorted(set(re.findall(r"metrics\.(\w+)", "".join(b for _, b in BLOCKS))))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tools")
    lake = Lake(folder / "lake")
    for name in NAMED:
        put(lake, metrics()[name], "metrics", good_rows(metrics()[name], "metrics", DAY, 4), DAY)
    export(lake, CITY)
    (folder / "citylake.toml").write_text(f'[city]\nname = "{CITY.name}"\ntime_zone = "{CITY.zone}"\n')
    return folder


@pytest.mark.parametrize("block", [b for kind, b in BLOCKS if kind == "python"])
def test_python_blocks_run_and_give_arrow(place: Path, monkeypatch: pytest.MonkeyPatch, block: str) -> None:
    monkeypatch.chdir(place)
    found: dict[str, Any] = {}
    exec(block, found)
    assert found["table"].num_rows == 1
    assert found["table"]["event_date"].to_pylist() == [DAY]


@pytest.mark.parametrize("block", [b for kind, b in BLOCKS if kind == "sql"])
def test_sql_blocks_run(place: Path, block: str) -> None:
    sql = block.replace("$__timeFilter(bin_at)", "bin_at BETWEEN '2026-05-31T00:00:00Z' AND '2026-06-02T00:00:00Z'")
    with duckdb.connect(str(place / "lake" / "exports" / "citylake.duckdb"), read_only=True) as con:
        assert con.sql(sql).fetchall()


@pytest.mark.parametrize("line", [line for kind, b in BLOCKS if kind == "sh" for line in b.splitlines()])
def test_commands_write_workbooks(place: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.chdir(place)
    program, *words = shlex.split(line)
    assert program == "citylake"
    done = citylake(*words)
    assert done.code == 0, done.err
    sheets = openpyxl.load_workbook(place / words[words.index("--xlsx") + 1]).sheetnames
    assert sheets[-2:] == ["Columns", "Sources"]


def test_tables_and_columns_that_are_named_exist() -> None:
    assert set(NAMED) <= set(metrics())
    assert set(re.findall(r"reference\.(\w+)", PAGE)) <= set(references())
    for name in re.findall(r"places/(\w+)\.geojson", PAGE):
        assert name in references()
