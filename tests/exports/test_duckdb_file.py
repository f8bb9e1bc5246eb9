"""The analysts' file: every table and column explained, the lake's own numbers, swapped under readers."""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.exports import catalog
from assets.exports.catalog import export
from schemas import ledger
from schemas.contract import QUARANTINE
from schemas.errors import LakeError
from schemas.lake import Lake, Step
from schemas.registry import metrics, table_contracts
from tests.good_rows import CITY, DAY, good_rows, put

METRIC = next(n.split(".")[1] for n, c in table_contracts().items() if c.layer == "metric" and "bin_at" in c)


@pytest.fixture
def full(lake: Lake) -> Lake:
    """A lake in which every table of the contracts, the quarantine of one feed and the books hold rows."""
    for name, contract in table_contracts().items():
        layer = name.split(".")[0]
        frame = good_rows(contract, layer)
        if layer == "reference":
            lake.replace_table(
                layer, contract.name, contract.arrow_schema(layer), lake.write_part(layer, contract.name, None, "a", frame)
            )
        else:
            put(lake, contract, layer, frame)
    refused = pl.DataFrame(
        {"event_date": [None, DAY], "stage": "land", "code": "malformed", "column": None, "found": None, "expected": None,
         "payload": "{,'", "_source": "s", "_position": [0, 1], "_received_at": AT, "_landed_at": AT, "_contract_version": 1},
        schema={c.name: c.dtype for c in QUARANTINE},
    )  # fmt: skip
    parts = [
        lake.write_part("quarantine", "traffic_flow", day, "q", refused.filter(pl.col("event_date").eq_missing(day)))
        for day in (None, DAY)
    ]
    lake.append("quarantine", "traffic_flow", refused.to_arrow().schema, [Step("q", 0, 1, tuple(parts))])
    ledger.record(lake, "l", [ledger.Tally("land", "traffic_flow", DAY, 22, 20, 2)], AT)
    return lake


AT = datetime(2025, 3, 1, 12, tzinfo=UTC)


def opened(lake: Lake) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(str(lake.exports() / catalog.DUCKDB), read_only=True)
    con.execute("SET TimeZone = 'UTC'")
    return con


@pytest.mark.parametrize("filled", [True, False])
def test_every_table_and_column_is_explained(request: pytest.FixtureRequest, filled: bool) -> None:
    lake = request.getfixturevalue("full" if filled else "lake")
    export(lake, CITY)
    with opened(lake) as con:
        tables = con.sql(
            "SELECT schema_name, table_name, 'table', comment FROM duckdb_tables() "
            "UNION ALL SELECT schema_name, view_name, 'view', comment FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
        # what every DuckDB since 1.0 reads
        assert con.sql("SELECT tags['storage_version'] FROM duckdb_databases() WHERE path IS NOT NULL").fetchall() == [
            ("v1.0.0+",)
        ]
        columns = con.sql(
            "SELECT schema_name, table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
    kinds = {f"{schema}.{name}": kind for schema, name, kind, _ in tables}
    assert set(table_contracts()) | {"quality.ledger", "quarantine.traffic_flow"} <= set(kinds)
    assert {n.split(".")[0] for n in kinds} == {"metrics", "refined", "raw", "quality", "reference", "quarantine"}
    native = {n for n in kinds if n.startswith(("metrics.", "quality."))} - {"quality.refused_rows"}
    assert {n for n, kind in kinds.items() if kind == "table"} == native
    assert all(comment for *_, comment in tables)
    said = {(f"{schema}.{name}", column): comment for schema, name, column, comment in columns}
    for name, contract in table_contracts().items():
        for column in contract.stage_columns(name.split(".")[0]):
            assert said[name, column.name] == column.label
    assert all(said.values())


def test_numbers_are_the_lakes(full: Lake) -> None:
    export(full, CITY)
    with opened(full) as con:
        gated = {n for n, c in metrics().items() if c.is_gated}
        for layer, name in full.tables():
            if layer == "metrics" and name in gated:
                continue  # what is told of them is in the layer `published`
            held = full.scan(layer, name)
            assert held is not None
            place = f"{layer}.{name}".replace("published.", "metrics.") if name else f"quality.{layer}"
            got = con.sql(f"SELECT * FROM {place}").pl()
            want = held.select(got.columns).collect()
            assert_frame_equal(got, want.cast(dict(got.schema)), check_row_order=False)
            assert got.height > 0
        assert con.sql("SELECT count(*) FROM quarantine.traffic_flow WHERE event_date IS NULL").fetchall() == [(1,)]
        kinds = dict(con.sql(f"SELECT column_name, column_type FROM (DESCRIBE metrics.{METRIC})").fetchall())
        assert (kinds["bin_at"], kinds["local_time"], kinds["event_date"]) == ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "DATE")


READER = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=sys.argv[3] == "reader")
count = lambda: print(con.execute("SELECT count(*) FROM metrics." + sys.argv[2]).fetchall()[0][0], flush=True)
if sys.argv[3] == "writer":
    con.execute("CREATE TABLE mine AS SELECT 1 AS x")
count()
sys.stdin.readline()
count()
"""


@pytest.mark.parametrize("mode", ["reader", "writer"])
def test_swap_while_another_process_has_it_open(full: Lake, mode: str) -> None:
    export(full, CITY)
    path, contract = full.exports() / catalog.DUCKDB, table_contracts()[f"metrics.{METRIC}"]
    args = [sys.executable, "-c", READER, str(path), METRIC, mode]
    with subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "20\n"
        put(full, contract, "metrics", good_rows(contract, "metrics", rows=33), stem="b")
        export(full, CITY)
        with opened(full) as con:
            assert con.sql(f"SELECT count(*) FROM metrics.{METRIC}").fetchall() == [(33,)]
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "20\n", "the old file is read to the end"
    assert other.returncode == 0
    with opened(full) as con:
        assert con.sql(f"SELECT count(*) FROM metrics.{METRIC}").fetchall() == [(33,)]
    assert [p.name for p in full.exports().iterdir() if p.name.endswith((".half", ".wal"))] == []


def test_log_left_by_a_killed_writer_is_not_played_into_the_new_file(full: Lake) -> None:
    export(full, CITY)
    wal = full.exports() / f"{catalog.DUCKDB}.wal"
    wal.write_bytes(b"left over")
    put(
        full,
        table_contracts()[f"metrics.{METRIC}"],
        "metrics",
        good_rows(table_contracts()[f"metrics.{METRIC}"], "metrics"),
        stem="b",
    )
    export(full, CITY)
    assert not wal.exists()
    opened(full).close()


@pytest.mark.slow
def test_only_changed_months_are_written_and_the_rows_are_those_of_a_new_file(full: Lake, tmp_path: Path) -> None:
    """Rows that stay are told by what DuckDB calls their place: they are not moved."""
    contract = table_contracts()[f"metrics.{METRIC}"]
    for month in (4, 5):
        day = date(2025, month, 2)
        put(full, contract, "metrics", good_rows(contract, "metrics", day), day)
    export(full, CITY)
    with opened(full) as con:
        before = con.sql(f"SELECT rowid, event_date FROM metrics.{METRIC} WHERE event_date < '2025-04-01'").fetchall()
    changed, gone = date(2025, 4, 2), date(2025, 5, 2)
    put(full, contract, "metrics", good_rows(contract, "metrics", changed, rows=7), changed, stem="b")
    full.swap("metrics", METRIC, contract.arrow_schema("metrics"), [gone], "a", [])
    export(full, CITY)
    export(full, CITY, tmp_path / "fresh")
    with opened(full) as con, duckdb.connect(str(tmp_path / "fresh" / catalog.DUCKDB), read_only=True) as fresh:
        fresh.execute("SET TimeZone = 'UTC'")
        assert con.sql(f"SELECT rowid, event_date FROM metrics.{METRIC} WHERE event_date < '2025-04-01'").fetchall() == before
        counted = f"SELECT event_date, count(*) FROM metrics.{METRIC} GROUP BY ALL ORDER BY ALL"
        assert con.sql(counted).fetchall() == [(DAY, 20), (changed, 7)]
        for name in table_contracts():
            if name.startswith("metrics."):
                same = f"FROM {name} ORDER BY ALL"
                assert_frame_equal(con.sql(same).pl(), fresh.sql(same).pl())
        said = "SELECT schema_name, table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal"
        said += " ORDER BY ALL"
        assert con.sql(said).fetchall() == fresh.sql(said).fetchall()
        macros = "SELECT schema_name, function_name, comment FROM duckdb_functions() WHERE NOT internal ORDER BY ALL"
        assert con.sql(macros).fetchall() == fresh.sql(macros).fetchall()


@pytest.mark.slow
def test_file_that_somebody_wrote_into_is_made_anew(full: Lake) -> None:
    export(full, CITY)
    with duckdb.connect(str(full.exports() / catalog.DUCKDB)) as con:
        con.execute(f"UPDATE metrics.{METRIC} SET n = n + 1")
        con.execute("CREATE TABLE metrics.mine AS SELECT 1 AS x")
    export(full, CITY)
    with opened(full) as con:
        assert con.sql("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'mine'").fetchall() == [(0,)]
        held = full.scan("metrics", METRIC)
        assert held is not None
        assert con.sql(f"SELECT sum(n) FROM metrics.{METRIC}").fetchall() == [(held.collect()["n"].sum(),)]


def test_nothing_new_nothing_written(full: Lake) -> None:
    export(full, CITY)
    before = {p: p.stat().st_ino for p in full.exports().rglob("*") if p.is_file() and p.name != catalog.CATALOG}
    export(full, CITY)
    assert {p: p.stat().st_ino for p in before} == before
    assert len(before) > 3


def test_views_read_old_files_without_a_column(lake: Lake) -> None:
    contract = table_contracts()["refined.traffic_flow"]
    put(lake, contract, "refined", good_rows(contract, "refined").drop("observed_share"))
    put(lake, contract, "refined", good_rows(contract, "refined", date(2025, 3, 2)), date(2025, 3, 2))
    export(lake, CITY)
    with opened(lake) as con:
        counts = con.sql("SELECT count(*), count(observed_share) FROM refined.traffic_flow").fetchall()
    assert counts == [(40, 20)]


def test_folder_that_cannot_be_written_is_one_clear_error(full: Lake, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "csv").write_text("in the way")
    with pytest.raises(LakeError, match="check that the folder can be written"):
        export(full, CITY, tmp_path / "out")
    assert not [p for p in (tmp_path / "out").rglob(".*") if p.name.endswith(".half")]
