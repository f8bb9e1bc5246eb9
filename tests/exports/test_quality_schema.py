"""The schema `quality`: the books, refused rows, verdicts, freshness and meanings, and the same of `citylake query`."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets import verdicts
from assets.duck import connect
from assets.exports.catalog import DUCKDB, export
from assets.quality_views import add_quality, read_by_macros
from assets.views_of_lake import asked, open_views
from schemas import ledger
from schemas.contract import QUARANTINE
from schemas.lake import Lake, Step
from schemas.registry import feeds, metrics, table_contracts
from schemas.rejection import MEANING
from tests.good_rows import CITY, DAY, good_rows, put

FEED = next(iter(feeds().values()))
METRIC = next(c for c in metrics().values() if "bin_at" in c and not c.is_gated)
NEXT = DAY + timedelta(days=1)
AT = datetime(2025, 3, 2, 12, tzinfo=UTC)


def refuse(lake: Lake, feed: str, rows: list[tuple[date | None, str, str | None]]) -> None:
    """Refused rows of (day, code, column)."""
    held = [
        {
            "event_date": day, "stage": "land", "code": code, "column": column, "payload": f"{n}", "_source": "s", "_position": n,
            "_received_at": AT, "_landed_at": AT, "_contract_version": 1,
        }
        for n, (day, code, column) in enumerate(rows)
    ]  # fmt: skip
    frame = pl.DataFrame(held, schema={c.name: c.dtype for c in QUARANTINE})
    parts = [
        lake.write_part("quarantine", feed, day, f"{feed}-{day}", frame.filter(pl.col("event_date").eq_missing(day)))
        for day in dict.fromkeys(day for day, *_ in rows)
    ]
    lake.append("quarantine", feed, frame.to_arrow().schema, [Step(f"q-{feed}", 0, 1, tuple(parts))])


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake whose books miss rows of one day, with refused rows of two feeds, and a verdict of each kind; exported."""
    lake = Lake(tmp_path_factory.mktemp("quality") / "lake")
    for day in (DAY, NEXT):
        put(lake, FEED, "raw", good_rows(FEED, "raw", day), day)
        put(lake, METRIC, "metrics", good_rows(METRIC, "metrics", day, rows=4), day)
    tallies = [
        ledger.Tally("land", FEED.name, DAY, 21, 20, 1, late=3, filtered=2),
        ledger.Tally("land", FEED.name, NEXT, 25, 20, 2),
        ledger.Tally("land", FEED.name, None, 1, 0, 1),
    ]
    ledger.record(lake, "l", tallies, AT)
    refuse(lake, FEED.name, [(DAY, "missing", "n"), (NEXT, "missing", "n"), (NEXT, "malformed", None), (None, "malformed", None)])
    refuse(lake, list(feeds())[1], [(DAY, "missing", "n"), (DAY, "missing", "n")])
    current = verdicts.digests("metrics", METRIC.name, lake.files("metrics", METRIC.name))
    said = {f"{DAY} {current[DAY]}": "warning", f"{NEXT} of other rows": "critical"}
    verdicts.write(lake, "metrics", METRIC.name, said)  # type: ignore[arg-type]
    export(lake, CITY)
    return lake


def opened(lake: Lake) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(str(lake.exports() / DUCKDB), read_only=True)
    con.execute("SET TimeZone = 'UTC'")
    return con


def test_the_books_are_those_of_citylake_balance(city: Lake) -> None:
    want = ledger.balance(city)
    with opened(city) as con:
        got = con.sql(f"SELECT {', '.join(want.columns)} FROM quality.balance").pl()
        assert_frame_equal(got, want, check_row_order=False)
        of_feed = con.sql(
            f"SELECT event_date, off_by, late, filtered FROM quality.balance WHERE feed = '{FEED.name}' ORDER BY 1"
        ).fetchall()
        assert con.sql("SELECT count(*), sum(taken)::INT FROM quality.ledger").fetchall() == [(3, 47)]
    assert of_feed == [(DAY, 0, 3, 2), (NEXT, 3, 0, 0), (None, 0, 0, 0)]


def test_refused_rows_are_counted_and_shown(city: Lake) -> None:
    other = list(feeds())[1]
    with opened(city) as con:
        counted = con.sql(
            "SELECT feed, event_date, code, meaning, column_name, rows FROM quality.refused ORDER BY ALL"
        ).fetchall()
        shown = con.sql(
            'SELECT feed, event_date, code, "column", count(*) FROM quality.refused_rows GROUP BY ALL ORDER BY ALL'
        ).fetchall()
    meaning = {code.value: text for code, text in MEANING.items()}
    want = [
        (FEED.name, DAY, "missing", meaning["missing"], "n", 1),
        (FEED.name, NEXT, "malformed", meaning["malformed"], None, 1),
        (FEED.name, NEXT, "missing", meaning["missing"], "n", 1),
        (FEED.name, None, "malformed", meaning["malformed"], None, 1),
        (other, DAY, "missing", meaning["missing"], "n", 2),
    ]
    assert counted == want
    assert shown == [(feed, day, code, column, rows) for feed, day, code, _, column, rows in want]


def test_verdicts_speak_of_rows_as_they_are_now(city: Lake) -> None:
    asked = "SELECT layer, event_date, verdict FROM quality.gates ORDER BY ALL"
    with opened(city) as con:
        assert con.sql(asked).fetchall() == [
            ("metrics", DAY, "warning"),
            ("metrics", NEXT, "unjudged"),
            ("raw", DAY, "unjudged"),
            ("raw", NEXT, "unjudged"),
        ]
    current = verdicts.digests("metrics", METRIC.name, city.files("metrics", METRIC.name))
    verdicts.write(city, "metrics", METRIC.name, {f"{d} {i}": "critical" for d, i in current.items()})
    export(city, CITY)  # nothing but the verdicts is new
    with opened(city) as con:
        assert con.sql(f"{asked} LIMIT 2").fetchall() == [("metrics", DAY, "critical"), ("metrics", NEXT, "critical")]


def test_tables_say_how_fresh_they_are(city: Lake) -> None:
    columns = "rows, days, first_date, last_date, newest_event_at, newest_landing_at, written_at > TIMESTAMPTZ '2025-03-03'"
    with opened(city) as con:
        newest = con.sql(f"SELECT max({FEED.event_time}) FROM raw.{FEED.name}").fetchall()[0][0]
        raw = con.sql(f"SELECT {columns} FROM quality.tables WHERE layer = 'raw' AND table_name = '{FEED.name}'").fetchall()
        metric = con.sql(
            f"SELECT {columns} FROM quality.tables WHERE layer = 'metrics' AND table_name = '{METRIC.name}'"
        ).fetchall()
        bin_at = con.sql(f"SELECT max(bin_at) FROM metrics.{METRIC.name}").fetchall()[0][0]
        empty = con.sql(
            "SELECT rows, first_date, newest_event_at, written_at FROM quality.tables WHERE layer = 'refined' LIMIT 1"
        ).fetchall()
    assert raw == [(40, 2, DAY, NEXT, newest, AT, True)]
    assert metric == [(8, 2, DAY, NEXT, bin_at, None, True)]
    assert empty == [(0, None, None, None)]


def test_every_column_means_what_its_contract_says(city: Lake) -> None:
    said = json.loads((city.exports() / "catalog.json").read_text())
    with opened(city) as con:
        rows = con.sql("FROM quality.columns").pl()
        held = con.sql(
            "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
        sources = con.sql("SELECT layer || '.' || table_name, source FROM quality.sources").fetchall()
        catalog = {t["table"]: t for t in said["tables"]}
        for name in con.sql("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'quality'").fetchall():
            assert con.sql(f"SELECT count(*) FROM quality.{name[0]}").fetchall() == [(catalog[f"quality.{name[0]}"]["rows"],)]
    described = {(r["layer"], r["table_name"], r["column_name"]): r for r in rows.to_dicts()}
    assert set(described) == {(s, t, c) for s, t, c, _ in held if t != "refused_rows"}
    assert all(described[s, t, c]["type"] == kind for s, t, c, kind in held if t != "refused_rows")
    assert all(r["doc"] for r in described.values())
    for column in METRIC.columns:
        row = described["metrics", METRIC.name, column.name]
        assert (row["unit"], row["doc"], row["formula"], row["maximum"]) == (
            column.unit,
            column.doc,
            column.formula,
            column.maximum,
        )
        assert row["is_key"] == (column.name in METRIC.key)
    assert set(sources) == {(name, s) for name, c in table_contracts().items() for s in c.sources}


QUESTIONS = [
    "SELECT feed, stage, event_date, off_by FROM quality.balance ORDER BY ALL",
    "SELECT layer, event_date, verdict FROM quality.gates ORDER BY ALL",
    "SELECT feed, code, count(*) FROM quality.refused_rows GROUP BY ALL ORDER BY ALL",
    "SELECT count(*), sum(rejected)::INT FROM quality.ledger",
    "SELECT table_name, rows FROM quality.tables WHERE rows > 0 ORDER BY ALL",
    "SELECT event_date, off_by, verdict FROM trust('2025-03-01', '2025-03-02')",
    "SELECT code, rows FROM refused_between('2025-03-01', '2025-03-01')",
    f"SELECT event_date, count(*) FROM metrics.{METRIC.name}_between('2025-03-02', '2025-03-09') GROUP BY ALL",
    "SELECT count(*) FROM hourly('2025-03-30', '2025-03-30')",
    "SELECT DISTINCT layer, table_name, column_name FROM find('wall-clock') ORDER BY ALL",
    "SELECT name, value FROM quality.thresholds ORDER BY name",
]


def test_one_question_has_one_answer_in_the_file_and_in_the_lake(city: Lake) -> None:
    for sql in QUESTIONS:
        with opened(city) as con:
            want = con.sql(sql).fetchall()
        con, uris = open_views(city, asked(sql))
        with con:
            uris += add_quality(con, city, CITY, sql)
            assert con.sql(sql).fetchall() == want, sql
        assert want, sql
        assert all(Path(u).is_file() for u in uris)


def test_only_what_is_named_is_made(city: Lake) -> None:
    assert read_by_macros(f"FROM metrics.{METRIC.name}_between('a', 'b')") == [f"metrics.{METRIC.name}"]
    assert read_by_macros(f"FROM metrics.{METRIC.name}") == []
    with connect(city) as con:
        assert add_quality(con, city, CITY, "SELECT 1") == []
        assert con.sql("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
    with connect(city) as con:
        add_quality(con, city, CITY, "SELECT * FROM quality.sources")
        assert con.sql("SELECT table_name FROM duckdb_tables()").fetchall() == [("sources",)]
