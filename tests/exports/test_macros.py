"""The macros of citylake.duckdb: calendars against Python's own clocks, on days of 23, 24 and 25 hours, and the rest on rows."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from assets.exports.catalog import DUCKDB, export
from assets.exports.macros import macros
from schemas import ledger
from schemas.city import City
from schemas.lake import Lake
from schemas.registry import metrics
from tests.good_rows import CITY, DAY, good_rows, put

HOUR = timedelta(hours=1)
MONTHLY = next(c for c in metrics().values() if c.period == "month")
DAILY = next(c for c in metrics().values() if c.period == "day" and "bin_at" in c)
# zones whose clocks change at two, at midnight (skipped, or coming twice), by half an hour, and never
ZONES = {
    "Europe/Berlin": (date(2025, 3, 30), date(2025, 10, 26)),
    "America/Havana": (date(2025, 3, 9), date(2025, 11, 2)),
    "Atlantic/Azores": (date(2025, 3, 30), date(2025, 10, 26)),
    "America/Santiago": (date(2025, 9, 7), date(2025, 4, 6)),
    "Australia/Lord_Howe": (date(2025, 10, 5), date(2025, 4, 6)),
    "Asia/Kolkata": (date(2025, 3, 30), date(2025, 10, 26)),
}
DAYS = [(zone, day) for zone, days in ZONES.items() for day in (*days, date(2024, 2, 29))]


def database(city: City) -> duckdb.DuckDBPyConnection:
    """An empty database with the macros that need no table, in a session whose own time zone is another."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'Pacific/Auckland'")
    for macro in macros(city):
        if "quality." not in macro.sql:
            for statement in macro.statements():
                con.execute(statement)
    return con


@pytest.mark.parametrize(("zone", "day"), DAYS, ids=str)
def test_hours_of_a_day_are_those_of_the_citys_clocks(zone: str, day: date) -> None:
    """The oracle steps through the instants of the day and asks Python for the wall clock."""
    city = City("Here", zone)
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
    assert start.astimezone(ZoneInfo(zone)).date() == day
    assert (start - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() < day
    instants = [start + n * HOUR for n in range(-(-seconds // 3600))]
    with database(city) as con:
        columns = "event_date, epoch_us(bin_at), local_time, hour, weekday, is_weekend, is_repeated"
        said = con.sql(f"SELECT {columns} FROM hourly('{day}', '{day}')").fetchall()
        held = con.execute("SELECT hours_in_day($1), epoch_us(day_start($1))", [day]).fetchall()
    wall = [i.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for i in instants]
    assert said == [
        (day, round(i.timestamp() * 1e6), w, w.hour, day.isoweekday(), day.isoweekday() >= 6, w in wall[:n])
        for n, (i, w) in enumerate(zip(instants, wall, strict=True))
    ]
    assert held == [(seconds / 3600, round(start.timestamp() * 1e6))]


def test_days_that_the_clocks_change_have_23_and_25_hours() -> None:
    with database(CITY) as con:
        spring = con.sql(
            "SELECT event_date::VARCHAR, hours, weekday_name, iso_week FROM daily('2025-03-29', '2025-03-31')"
        ).fetchall()
        counts = con.sql(
            "SELECT event_date::VARCHAR, count(*), count(DISTINCT hour), count(*) FILTER (is_repeated) "
            "FROM hourly('2025-10-25', DATE '2025-10-27') GROUP BY ALL ORDER BY 1"
        ).fetchall()
        meets = "SELECT lag(ends_at) OVER () = starts_at AS meets FROM daily('2025-01-01', '2025-12-31')"
        ends = con.sql(f"SELECT count(*) FROM ({meets}) WHERE meets")
        assert ends.fetchall() == [(364,)]
        assert con.sql("SELECT count(*), sum(hours) FROM daily('2024-12-30', '2025-01-05')").fetchall() == [(7, 168.0)]
        assert con.sql("SELECT count(*) FROM hourly('2025-01-02', '2025-01-01')").fetchall() == [(0,)]
    assert spring == [
        ("2025-03-29", 24.0, "Saturday", "2025-W13"),
        ("2025-03-30", 23.0, "Sunday", "2025-W13"),
        ("2025-03-31", 24.0, "Monday", "2025-W14"),
    ]
    assert counts == [("2025-10-25", 24, 24, 0), ("2025-10-26", 25, 24, 1), ("2025-10-27", 24, 24, 0)]


def test_instants_on_the_citys_clock() -> None:
    with database(CITY) as con:
        asked = "SELECT local(i), day_of(i), hour_of(i), weekday_of(day_of(i)), is_weekend(day_of(i)), period_of(i) FROM "
        asked += "(SELECT unnest([TIMESTAMPTZ '2025-10-26 00:30:00Z', '2025-10-26 01:30:00Z', '2026-05-01 22:15:00Z']) AS i)"
        assert con.sql(asked).fetchall() == [
            (datetime(2025, 10, 26, 2, 30), date(2025, 10, 26), 2, 7, True, "overnight"),
            (datetime(2025, 10, 26, 2, 30), date(2025, 10, 26), 2, 7, True, "overnight"),
            (datetime(2026, 5, 2, 0, 15), date(2026, 5, 2), 0, 6, True, "overnight"),
        ]
        week = con.sql(
            "SELECT weekday, period, count(*) FROM hourly('2026-05-04', '2026-05-10') WHERE hour >= 6 GROUP BY ALL"
        ).fetchall()
    said = {(day, period): hours for day, period, hours in week}
    assert [said[1, p] for p in ("weekday_am", "weekday_midday", "weekday_pm", "overnight")] == [4, 6, 4, 4]
    assert {day: said[day, "weekend"] for day, period in said if period == "weekend"} == {6: 14, 7: 14}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a lake with three days of a metric of days, two months of one of months, and books that miss a row."""
    lake = Lake(tmp_path_factory.mktemp("macros") / "lake")
    for n in range(3):
        day = DAY + timedelta(days=n)
        put(lake, DAILY, "metrics", good_rows(DAILY, "metrics", day, rows=5 + n), day)
    layer = "published" if MONTHLY.is_gated else "metrics"
    for month in (date(2025, 2, 1), DAY):
        put(lake, MONTHLY, layer, good_rows(MONTHLY, layer, month, rows=2), month)
    tallies = [
        ledger.Tally("land", "traffic_flow", DAY, 22, 20, 1),
        ledger.Tally("land", "traffic_flow", DAY + timedelta(days=1), 7, 7),
    ]
    ledger.record(lake, "l", tallies, datetime(2025, 3, 1, tzinfo=UTC))
    export(lake, CITY)
    return lake.exports() / DUCKDB


@pytest.fixture
def exported(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A reader of the file."""
    with duckdb.connect(str(file), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


def test_a_metric_of_a_span_of_days(exported: duckdb.DuckDBPyConnection) -> None:
    asked = "SELECT event_date, count(*) FROM metrics.{}_between('{}', '{}') GROUP BY ALL ORDER BY 1"
    assert exported.sql(asked.format(DAILY.name, "2025-03-02", "2025-03-03")).fetchall() == [
        (date(2025, 3, 2), 6),
        (date(2025, 3, 3), 7),
    ]
    # of a metric of months a month is told by any of its days
    assert exported.sql(asked.format(MONTHLY.name, "2025-02-28", "2025-02-28")).fetchall() == [(date(2025, 2, 1), 2)]
    assert exported.sql(asked.format(MONTHLY.name, "2025-02-28", "2025-03-01")).fetchall() == [(date(2025, 2, 1), 2), (DAY, 2)]


def test_hours_without_rows_are_seen(exported: duckdb.DuckDBPyConnection) -> None:
    asked = f"""
        SELECT count(*), count(m.n) FROM hourly('{DAY}', '{DAY}') AS h
        LEFT JOIN metrics.{DAILY.name} AS m ON m.event_date = h.event_date AND time_bucket(INTERVAL 1 HOUR, m.bin_at) = h.bin_at
    """
    assert exported.sql(asked).fetchall() == [(23 + 5, 5)]


def test_what_to_trust(exported: duckdb.DuckDBPyConnection) -> None:
    said = exported.sql(
        "SELECT event_date, taken, rejected, off_by > 0, tables, verdict FROM trust('2025-02-28', '2025-03-02')"
    ).fetchall()
    assert said == [
        (date(2025, 2, 28), None, None, None, None, "no_data"),
        (DAY, 22, 1, True, 1, "unjudged"),
        (date(2025, 3, 2), 7, 0, True, 1, "unjudged"),
    ]
    assert (f"metrics.{DAILY.name}",) in exported.sql("SELECT layer || '.' || table_name FROM stale(1)").fetchall()
    assert exported.sql("SELECT count(*) FROM stale(1e9)").fetchall() == [(0,)]
    found = exported.sql("SELECT DISTINCT column_name FROM find('wall-CLOCK time')").fetchall()
    assert ("local_time",) in found
    assert exported.sql("SELECT count(*) FROM refused_between('2025-01-01', '2025-12-31')").fetchall() == [(0,)]


def test_every_macro_is_explained_and_in_the_catalog(exported: duckdb.DuckDBPyConnection, file: Path) -> None:
    told = {m["macro"].split("(")[0]: m for m in json.loads((file.parent / "catalog.json").read_text())["macros"]}
    asked = "SELECT schema_name, function_name, comment, parameters FROM duckdb_functions() WHERE NOT internal"
    held = exported.sql(f"{asked} AND function_type LIKE '%macro%'").fetchall()
    names = {f"{schema}.{name}".removeprefix("main."): (doc, parameters) for schema, name, doc, parameters in held}
    assert names == {
        n: (m["doc"], m["macro"].split("(")[1][:-1].split(", ") if "()" not in m["macro"] else []) for n, m in told.items()
    }
    assert all(len(doc) > 20 and "--" not in doc for doc, _ in names.values())
    assert {f"metrics.{m}_between" for m in metrics()} < set(names)


def test_macros_of_a_file_that_is_attached(file: Path) -> None:
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{file}' AS city (READ_ONLY)")
        con.execute("USE city")
        assert con.sql("SELECT count(*) FROM hourly('2025-03-30', '2025-03-30')").fetchall() == [(23,)]
        assert con.sql("SELECT count(*) FROM trust('2025-03-01', '2025-03-03')").fetchall() == [(3,)]
        assert con.sql(f"SELECT count(*) FROM metrics.{DAILY.name}_between('2025-03-01', '2025-03-01')").fetchall() == [(5,)]
