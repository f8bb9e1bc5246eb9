"""`citylake export --xlsx`: what it says, what it refuses, and that it writes nothing else."""

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from schemas.lake import Lake
from schemas.registry import metrics
from tests.good_rows import CITY, DAY, good_rows, put

NAME = "traffic_daily"
TABLE = f"metrics.{NAME}"


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    put(Lake(tmp_path / "lake"), metrics()[NAME], "metrics", good_rows(metrics()[NAME], "metrics"))
    path = tmp_path / "citylake.toml"
    path.write_text(f'[city]\nname = "{CITY.name}"\ntime_zone = "{CITY.zone}"\n')
    return path


def test_a_workbook_and_nothing_else(cli: Any, toml: Path, tmp_path: Path) -> None:
    done = cli("export", "-c", toml, "--xlsx", "new/a.xlsx", "--table", TABLE, "--table", "reference.districts")
    assert done.code == 0, done.err
    assert f"{TABLE} (20 rows), reference.districts (0 rows)" in done.out
    assert openpyxl.load_workbook(tmp_path / "new" / "a.xlsx").sheetnames == [NAME, "districts", "Columns", "Sources"]
    assert not (tmp_path / "lake" / "exports").exists()


def test_json_says_what_is_in_it(cli: Any, toml: Path, tmp_path: Path) -> None:
    said = cli(
        "export", "-c", toml, "--xlsx", "a.xlsx", "--table", TABLE, "--from", DAY, "--to", DAY, "--where", "n < 0", "--json"
    )
    told = json.loads(said.out)
    assert told["sheets"] == [{"table": TABLE, "sheet": NAME, "rows": 0}]
    assert told["bytes"] == (tmp_path / "a.xlsx").stat().st_size


@pytest.mark.parametrize(
    ("words", "code", "found"),
    [
        (["--table", TABLE], 2, "add --xlsx"),
        (["--from", "2026-06-01"], 2, "add --xlsx"),
        (["--xlsx", "a.xlsx"], 1, "no table is named"),
        (["--xlsx", "a.xlsx", "--table", TABLE, "--folder", "out"], 2, "--xlsx writes a workbook alone"),
        (["--xlsx", "a.xlsx", "--table", TABLE, "--from", "yesterday"], 1, "is no day"),
        (["--xlsx", "a.xlsx", "--table", TABLE, "--from", "2026-06-02", "--to", "2026-06-01"], 1, "swap --from and --to"),
        (["--xlsx", "a.xlsx", "--table", "metrics.trafic_daily"], 1, f"perhaps {TABLE}"),
        (["--xlsx", "a.xlsx", "--table", "raw.traffic_flow"], 1, "only what was released"),
        (["--xlsx", "a.xlsx", "--table", TABLE, "--where", "DROP TABLE x"], 1, "--where"),
        (["--xlsx", "a.csv", "--table", TABLE], 1, "does not end in .xlsx"),
    ],
)
def test_what_cannot_be_is_refused(cli: Any, toml: Path, tmp_path: Path, words: list[str], code: int, found: str) -> None:
    done = cli("export", "-c", toml, *words)
    assert done.code == code
    assert found in " ".join(done.err.split())
    assert not list(tmp_path.glob("a.*"))
