"""`citylake query`: how answers look, what a question may not do, what it says of a misspelled one, and the lake as it was."""

import csv
import io
import json
import math
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.cli import answers, asking, straight
from schemas.errors import CitylakeError
from schemas.past_lake import versions
from schemas.tables import every
from tests.cli.small_city import BAD, DAY, GOOD, city, line

SPEEDS = (
    "SELECT observed_at, local_time, mean_speed_kmh, mean_speed_kmh * 2 AS twice FROM refined.traffic_flow ORDER BY 1 LIMIT 2"
)


def test_csv_tells_instants_with_z_and_local_times_without(cli: Any, toml: Path) -> None:
    rows = list(csv.reader(io.StringIO(cli("query", SPEEDS, "-c", toml, "--csv").out)))
    assert rows == [
        ["observed_at", "local_time", "mean_speed_kmh", "twice"],
        [f"{DAY}T06:00:00Z", f"{DAY}T08:00:00", "50.0", "100.0"],
        [f"{DAY}T06:01:00Z", f"{DAY}T08:01:00", "50.0", "100.0"],
    ]


def test_json_is_one_array_however_many_rows(cli: Any, toml: Path) -> None:
    sql = "SELECT range AS i, 1.5::DECIMAL(4,2) AS d, 'é\"' AS t FROM range(25000)"
    rows = cli("query", sql, "-c", toml, "--json").json
    assert [r["i"] for r in rows] == list(range(25000))
    assert rows[7] == {"i": 7, "d": 1.5, "t": 'é"'}
    assert cli("query", "SELECT 1 AS a WHERE false", "-c", toml, "--json").json == []


def test_columns_of_one_name_are_all_there(cli: Any, toml: Path) -> None:
    sql = "SELECT 1 AS a, 2 AS a, 3 AS A"
    assert cli("query", sql, "-c", toml, "--json").json == [{"a": 1, "a_1": 2, "A_2": 3}]
    assert cli("query", sql, "-c", toml, "--csv").out == "a,a_1,A_2\n1,2,3\n"
    odd = "SELECT 'x,\"y' AS t, NULL AS none, '' AS empty, [1, 2] AS list, 1.50::DECIMAL(4,2) AS d, sum(7::BIGINT) AS big"
    assert next(csv.reader(io.StringIO(cli("query", odd, "-c", toml, "--csv").out.split("\n", 1)[1]))) == [
        'x,"y', "", "", "[1, 2]", "1.50", "7",
    ]  # fmt: skip
    assert answers.unique(["a", "a_1", "a", "A"]) == ["a", "a_1", "a_2", "A_3"]


def test_parquet_holds_what_the_lake_holds_and_appears_whole_or_not(cli: Any, toml: Path, tmp_path: Path) -> None:
    done = cli("query", "FROM refined.traffic_flow ORDER BY observed_at", "-c", toml, "--parquet", "out.parquet")
    assert (done.code, done.out) == (0, "")
    assert "40 rows in out.parquet" in done.err
    written = pl.read_parquet("out.parquet")
    held = pl.read_parquet(toml.parent / "a lake" / "refined" / "traffic_flow" / f"event_date={DAY}" / "*.parquet")
    assert written.height == GOOD
    assert written["mean_speed_kmh"].to_list() == held["mean_speed_kmh"].to_list()
    assert written.schema["observed_at"].time_zone == "UTC"
    before = Path("out.parquet").read_bytes()
    assert cli("query", "SELECT error('broken') FROM ledger", "-c", toml, "--parquet", "out.parquet").code == 1
    assert Path("out.parquet").read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["out.parquet"]
    assert "there is no such folder" in cli("query", "SELECT 1", "-c", toml, "--parquet", "no/out.parquet").err


def test_the_question_comes_from_a_file_or_a_pipe(cli: Any, toml: Path, monkeypatch: Any) -> None:
    Path("a.sql").write_text("\ufeffSELECT count(*) AS n\nFROM raw.traffic_flow -- rows\n;", encoding="utf-8")
    wanted = [{"n": GOOD + 1}]
    assert cli("query", "-f", "a.sql", "-c", toml, "--json").json == wanted
    for words in (("-",), ()):
        monkeypatch.setattr("sys.stdin", io.StringIO(Path("a.sql").read_text("utf-8-sig")))
        assert cli("query", *words, "-c", toml, "--json").json == wanted
    assert "no.sql: No such file" in cli("query", "-f", "no.sql", "-c", toml).err
    assert cli("query", "SELECT 1", "-f", "a.sql", "-c", toml).code == 2
    assert cli("query", "SELECT 1", "--csv", "--parquet", "x.parquet", "-c", toml).code == 2


def test_units_stand_under_columns_that_come_straight_from_one(cli: Any, toml: Path) -> None:
    shown = cli("query", SPEEDS, "-c", toml).out.splitlines()
    assert shown[2].split() == ["km/h"]
    assert shown[2].index("km/h") < shown[1].index("twice")
    assert "km/h" not in cli("query", "SELECT avg(mean_speed_kmh) AS mean_speed_kmh FROM refined.traffic_flow", "-c", toml).out


@pytest.mark.parametrize(
    ("sql", "names", "units"),
    [
        ("SELECT volume_veh AS v, n FROM metrics.traffic_hourly h", 2, ["veh", "rows"]),
        ("SELECT h.volume_veh, r.vehicle_count FROM metrics.traffic_hourly h, raw.traffic_flow r", 2, ["veh", "veh"]),
        ("SELECT sensor_id, interval_s FROM metrics.traffic_hourly h, raw.traffic_flow r", 2, [None, "s"]),
        ("SELECT volume_veh + 0, max(volume_veh), volume_veh::INT FROM metrics.traffic_hourly", 3, [None] * 3),
        ("WITH x AS (SELECT 1 AS volume_veh) SELECT volume_veh FROM x", 1, [None]),
        ("SELECT volume_veh FROM (SELECT 1 AS volume_veh)", 1, [None]),
        ("SELECT volume_veh FROM metrics.traffic_hourly UNION ALL SELECT 1", 1, [None]),
        ("SELECT * EXCLUDE (n) FROM metrics.traffic_daily", 3, [None] * 3),
        ("EXPLAIN SELECT 1", 2, [None, None]),
    ],
)
def test_what_is_computed_has_no_unit(sql: str, names: int, units: list[str | None]) -> None:
    import duckdb

    found = straight.columns(duckdb.connect(), sql, [f"c{i}" for i in range(names)])
    assert [c.unit if c else None for c in found] == units


def test_a_star_is_every_column_in_order() -> None:
    import duckdb

    table = every()["metrics.traffic_hourly"]
    found = straight.columns(duckdb.connect(), "FROM metrics.traffic_hourly WHERE n > 0", [c.name for c in table.columns])
    assert found == table.columns


def test_numbers_of_a_column_have_the_same_decimals() -> None:
    assert answers.aligned([0.5, 0.25, None, 1.0]) == ["0.50", "0.25", "-", "1.00"]
    assert answers.aligned([1234.5678, 2.0]) == ["1,235", "2"]
    assert answers.aligned([0.0001, 50.0, 51.0]) == ["0.0001", "50", "51"]
    assert answers.aligned([math.nan, math.inf, 2.0]) == ["nan", "inf", "2"]
    assert answers.aligned([Decimal("1.50"), Decimal(-3)]) == ["1.5", "-3.0"]
    assert answers.aligned([0.0, 0.0]) == ["0", "0"]


def test_what_the_gate_withheld_is_never_blank_or_zero() -> None:
    rows = [("North", None, "suppressed"), ("South", 12, "published"), ("West", None, "published")]
    assert answers.texts(["district", "n", "release"], rows)[1] == ["withheld", "12", "-"]
    assert answers.texts(["district", "n", "null_reason"], rows)[1][0] == "withheld"
    told = [["West", None, None, "travel_n,travel_p50_s"], ["East", 3, None, None]]
    assert answers.texts(["district", "travel_n", "turnout_n", "withheld_columns"], told)[1:3] == [["withheld", "3"], ["-", "-"]]


def test_few_rows_that_do_not_fit_stand_upright(cli: Any, toml: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = cli("query", "FROM metrics.traffic_hourly LIMIT 1", "-c", toml)
    found = {row.split()[0]: row for row in shown.out.splitlines() if row.strip()}
    assert found["volume_veh"].split()[-1] == "veh"
    assert all(len(row) <= 80 for row in shown.out.splitlines())
    wide = cli("query", "FROM refined.traffic_flow", "-c", toml)
    assert "columns do not fit" in wide.err
    assert all(len(row) <= 80 for row in wide.out.splitlines())


LAKE = "{lake}"
FORBIDDEN = [
    "FROM read_csv('{outside}')",
    "FROM read_text('{outside}')",
    "FROM '{outside}'",
    "FROM glob('{folder}/*')",
    "FROM read_text('{lake}/../outside.txt')",
    "FROM read_blob('/proc/self/environ')",
    "COPY (SELECT 1) TO '{lake}/raw/x.parquet'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}'",
    "EXPLAIN /* üü SELECT */ (ANALYZE) COPY (SELECT 1) TO '{file}'",
    "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1",
    "FROM enable_logging(storage = 'file', storage_path = '{lake}/log')",
    "FROM enable_logging(storage = 'file', storage_path = '{file}')",
    "SELECT 1 FROM \"Enable_Logging\" /* */ (storage = 'file', storage_path = '{lake}/log')",
    "FROM query('FROM enable_' || 'logging(storage = ''file'', storage_path = ''{lake}/log'')')",
    "FROM system.main.enable_profiling(save_location = '{lake}/profile.txt')",
    "FROM enable_profiling(save_location = '{lake}/profile.txt')",
    "FROM query('FROM read_text(''{outside}'')')",
    "ATTACH '{lake}/x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '9GB'",
    "SET enable_external_access = true",
    "PRAGMA memory_limit = '9GB'",
    "CALL enable_logging()",
    "CREATE TABLE pivoted AS SELECT 1",
    "SELECT 1; DROP VIEW ledger",
    "SELECT 1; SELECT 2",
    "FROM settings",
    "SELECT getenv('PATH')",
    "IMPORT DATABASE '{folder}'",
    "EXPORT DATABASE '{lake}/out'",
]


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_a_question_reads_the_lake_alone_and_writes_nothing(cli: Any, toml: Path, tmp_path: Path, sql: str) -> None:
    lake = toml.parent / "a lake"
    (tmp_path / "outside.txt").write_text("a,secret\n", encoding="utf-8")
    file = next((lake / "ledger").glob("*.parquet"))
    before = {f: f.stat().st_mtime_ns for f in lake.rglob("*")}
    places = {"outside": tmp_path / "outside.txt", "folder": tmp_path, "lake": lake, "file": file}
    done = cli("query", f"{sql.format(**places)} -- ledger", "-c", toml)
    assert done.code == 1, done.out
    assert done.err.startswith("error: query: ")
    assert done.err.count("\n") == 1
    assert "secret" not in done.out + done.err
    assert {f: f.stat().st_mtime_ns for f in lake.rglob("*")} == before
    assert [f.name for f in tmp_path.iterdir()] == ["outside.txt"]


@pytest.mark.parametrize(
    "sql",
    [
        "EXPLAIN ANALYZE SELECT count(*) FROM ledger",
        "EXPLAIN (SELECT 1)",
        "PIVOT raw.traffic_flow ON lane USING count(*)",
        "SUMMARIZE metrics.traffic_hourly",
        "DESCRIBE metrics.traffic_hourly",
        "SHOW ALL TABLES",
        "FROM quality.balance",
        "FROM metrics.traffic_hourly_between('2026-06-01', '2026-06-02')",
        "SELECT city_zone()",
        "FROM published.energy_daily",
        "VALUES (1)",
    ],
)
def test_questions_of_every_kind_are_answered(cli: Any, toml: Path, sql: str) -> None:
    done = cli("query", sql, "-c", toml)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT speeed FROM raw.traffic_flow", "no column speeed in raw.traffic_flow; perhaps mean_speed_kmh of"),
        ("SELECT t.vol FROM metrics.traffic_hourly t", "perhaps volume_veh of metrics.traffic_hourly is meant"),
        ("SELECT peak_kw FROM raw.traffic_flow", "metrics.energy_daily or published.energy_daily has it"),
        ("SELECT xyzzy FROM reference.sensors", "`citylake describe reference.sensors` lists its columns"),
        ("WITH a AS (SELECT 1 AS alpha) SELECT alpa FROM a", "perhaps alpha is meant"),
        ("FROM metric.traffic_hourly", "there is no table metric.traffic_hourly; perhaps metrics.traffic_hourly"),
        ("FROM traffic_hourly", "there is no table traffic_hourly; perhaps metrics.traffic_hourly"),
        ("FROM metrics.traffic_houry JOIN ledger USING (n)", "no table metrics.traffic_houry; perhaps metrics.traffic_hourly"),
        ("FROM bogus", "there is no table bogus; `citylake tables` lists them"),
        ("SELECT conut(*) FROM ledger", "perhaps count is meant"),
        ("SELECT 'a'::INT", "Could not convert string 'a' to INT32"),
        ("SELECT * FORM ledger", '(LINE 1: SELECT * FORM ledger); correct the SQL'),
    ],
)  # fmt: skip
def test_the_nearest_name_is_told(cli: Any, toml: Path, sql: str, text: str) -> None:
    done = cli("query", sql, "-c", toml)
    assert done.code == 1
    assert text in done.err
    assert done.err.count("\n") == 1


def test_the_lake_as_it_was(cli: Any, tmp_path: Path) -> None:
    from schemas.lake import Lake

    toml = city(tmp_path / "city")
    assert cli("land", "-c", toml).code == 0
    (toml.parent / "inbox" / "b.jsonl").write_text(line(45) + "\n", encoding="utf-8")
    assert cli("land", "-c", toml).code == 0
    lake = Lake(toml.parent / "a lake")
    table = lake.open("raw", "traffic_flow")
    assert table is not None
    created, first, second = versions(table)
    sql = "SELECT count(*) AS n FROM raw.traffic_flow"

    def n(when: object) -> int:
        done = cli("query", sql, "-c", toml, "--json", "--as-of", when)
        assert done.code == 0, done.err
        return done.json[0]["n"]

    assert [n(v.number) for v in (created, first, second)] == [0, GOOD + 1, GOOD + 2]
    assert [n(v.at.isoformat()) for v in (created, first, second)] == [0, GOOD + 1, GOOD + 2]
    in_berlin = first.at.astimezone(asking.ZoneInfo("Europe/Berlin")).replace(tzinfo=None)
    assert n(in_berlin.isoformat()) == GOOD + 1
    assert n("2020-01-01") == 0
    assert f"raw.traffic_flow version {first.number} of 20" in cli("query", sql, "-c", toml, "--as-of", first.number).err
    assert "raw.traffic_flow was not there yet" in cli("query", sql, "-c", toml, "--as-of", "2020-01-01").err
    both = cli("query", f"{sql}, quarantine.traffic_flow", "-c", toml, "--as-of", 1)
    assert "version 1 of 2 tables; versions are each table's own" in both.err
    assert "there is no version 99; its log tells of 0 to 2" in cli("query", sql, "-c", toml, "--as-of", 99).err
    assert cli("query", "SELECT count(*) AS n FROM quarantine.traffic_flow", "-c", toml, "--json").json == [{"n": BAD}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yesterday", "'yesterday' is no instant and no version"),
        ("2999-01-01", "is yet to come"),
        ("2025-10-26T02:30", "the clocks of Europe/Berlin change at 2025-10-26T02:30"),
        ("2026-03-29T02:30", "the clocks of Europe/Berlin change at 2026-03-29T02:30"),
    ],
)
def test_an_instant_is_one_instant(text: str, said: str) -> None:
    with pytest.raises(CitylakeError, match=said):
        asking.instant(text, "Europe/Berlin")
    assert asking.instant("17", "Europe/Berlin") == 17
    assert asking.instant("2026-06-01T12:00", "Europe/Berlin") == datetime.fromisoformat("2026-06-01T10:00:00+00:00")
    assert json.dumps(str(asking.instant("2026-06-01T12:00Z", "Europe/Berlin"))) == '"2026-06-01 12:00:00+00:00"'
