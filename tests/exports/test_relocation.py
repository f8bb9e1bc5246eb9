"""The folder of a lake is moved, linked, copied and attached, and the views of its DuckDB file find the files or say so."""

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from assets.exports.catalog import DUCKDB
from assets.exports.duckdb_file import digest, write_duckdb
from assets.exports.relocatable import lake_place
from assets.exports.snapshot import snapshot
from schemas.lake import Lake
from schemas.registry import feeds
from tests.good_rows import CITY, good_rows, put

CONTRACT = next(iter(feeds().values()))
COUNT = f"SELECT count(*), count(DISTINCT event_date) FROM {{}}refined.{CONTRACT.name}"
ROWS = [(20, 1)]


@pytest.fixture
def exported(lake: Lake) -> Path:
    """The folder of a lake with refined rows of one feed."""
    put(lake, CONTRACT, "refined", good_rows(CONTRACT, "refined"))
    write(lake, lake.exports())
    return Path(lake.root)


def write(lake: Lake, folder: Path) -> None:
    """The file with the few tables that are asked about here."""
    tables = [t for t in snapshot(lake) if t.name == CONTRACT.name or t.layer == "quality"]
    write_duckdb(lake, CITY, tables, folder / DUCKDB)


def asked(file: Path | str, *before: str) -> list[tuple[int, int]]:
    with duckdb.connect(str(file), read_only=True) as con:
        for statement in before:
            con.execute(statement)
        return con.sql(COUNT.format("")).fetchall()


def test_views_follow_a_folder_that_is_moved(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path("exports") / DUCKDB
    assert asked(exported / file) == ROWS
    moved = tmp_path / "another, place | [really]" / "city's lake"
    moved.parent.mkdir()
    shutil.move(exported, moved)
    assert not exported.exists()
    assert asked(moved / file) == ROWS
    assert not [p.name for p in (moved / "exports").iterdir() if p.name.endswith((".tmp", ".wal"))]
    monkeypatch.chdir(moved / "exports")
    assert asked(DUCKDB) == ROWS
    monkeypatch.chdir(moved)
    assert asked(f"./{file}") == ROWS


def test_views_read_the_lake_beside_them_and_not_the_one_they_were_made_in(exported: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(exported, copy)
    for file in (exported / "refined").rglob("*.parquet"):
        file.unlink()
    assert asked(copy / "exports" / DUCKDB) == ROWS


def test_exports_that_are_a_link_to_another_disk(exported: Path, tmp_path: Path) -> None:
    shutil.move(exported / "exports", tmp_path / "exports")
    (exported / "exports").symlink_to(tmp_path / "exports")
    lake, tables = Lake(exported), snapshot(Lake(exported))
    assert digest(lake, CITY, tables, lake.exports() / DUCKDB) != digest(lake, CITY, tables, tmp_path / "a lake" / DUCKDB)
    write(lake, lake.exports())
    assert asked(exported / "exports" / DUCKDB) == ROWS


def test_file_that_was_copied_alone_reads_the_lake_where_it_was(exported: Path, tmp_path: Path) -> None:
    shutil.copy(exported / "exports" / DUCKDB, tmp_path / "mine.duckdb")
    assert asked(tmp_path / "mine.duckdb") == ROWS


def test_one_statement_says_where_the_lake_is(exported: Path, tmp_path: Path) -> None:
    shutil.copy(exported / "exports" / DUCKDB, tmp_path / "mine.duckdb")
    shutil.move(exported, tmp_path / "moved")
    with pytest.raises(duckdb.IOException, match="No files found"):
        asked(tmp_path / "mine.duckdb")
    said = f"SET VARIABLE lake = '{tmp_path / 'moved'}'"
    assert asked(tmp_path / "mine.duckdb", said) == ROWS
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{tmp_path / 'moved' / 'exports' / DUCKDB}' AS city (READ_ONLY)")
        con.execute(said)
        assert con.sql(COUNT.format("city.")).fetchall() == ROWS


def test_attached_where_it_was_made(exported: Path) -> None:
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{exported / 'exports' / DUCKDB}' AS city (READ_ONLY)")
        assert con.sql(COUNT.format("city.")).fetchall() == ROWS
        assert con.sql("SELECT count(*) FROM city.quality.refused_rows").fetchall() == [(0,)]


def test_exported_outside_of_the_lake(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" / "exports"
    write(Lake(exported), folder)
    assert asked(folder / DUCKDB) == ROWS


def test_a_remote_lake_is_named_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    place = lake_place(Lake("s3://bucket/city"), Path("exports") / DUCKDB)
    with duckdb.connect() as con:
        assert con.sql(f"SELECT {place}").fetchall() == [("s3://bucket/city/",)]
        con.execute("SET VARIABLE lake = '/mirror'")
        assert con.sql(f"SELECT {place}").fetchall() == [("/mirror/",)]


READER = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
print(con.sql(sys.argv[2]).fetchall(), flush=True)
input()
"""


def test_two_processes_read_it_at_once_and_from_a_folder_that_cannot_be_written(exported: Path) -> None:
    file = exported / "exports" / DUCKDB
    (exported / "exports").chmod(0o555)
    try:
        args = [sys.executable, "-c", READER, str(file), COUNT.format("")]
        readers = [subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        assert [r.stdout.readline() for r in readers if r.stdout] == [f"{ROWS}\n"] * 2
        assert asked(file) == ROWS
        assert [r.communicate("\n")[0] for r in readers] == ["", ""]
    finally:
        (exported / "exports").chmod(0o755)
