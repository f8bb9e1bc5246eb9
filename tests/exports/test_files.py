"""Parquet, CSV and the catalog: equal to the lake, the same bytes for the same rows, only changed months written."""

import csv
import gzip
import io
import json
import re
import subprocess
import zlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from assets.duck import SQL_TYPES
from assets.exports.catalog import export
from schemas.lake import Lake
from schemas.registry import metrics
from tests.good_rows import CITY, DAY, good_rows, put

METRIC = "traffic_15min"
CONTRACT = metrics()[METRIC]
APRIL = date(2025, 4, 2)
NASTY = ["plain", "a,b", 'say "so"', "two\nlines", "", None, " spaced ", "Zürich", "'=1+1", "\r\n"]


def nasty(day: date) -> pl.DataFrame:
    """Rows whose texts, numbers and instants are hard to write."""
    frame = good_rows(CONTRACT, "metrics", day, len(NASTY))
    numbers = [0.1 + 0.2, 1e-300, 1 / 3, 5e22, 123456789.123456, 0.0, 1e16, 2.5, None, 7.0]
    return frame.with_columns(
        pl.Series("road", NASTY, pl.String),
        pl.Series("volume_veh", numbers, pl.Float64),
        pl.col("bin_at") + pl.Series([timedelta(microseconds=m) for m in (0, 1, 1000, 999999, 0, 10, 0, 0, 0, 0)]),
    )


@pytest.fixture
def two_months(lake: Lake) -> Lake:
    for day in (DAY, DAY + timedelta(days=1), APRIL):
        put(lake, CONTRACT, "metrics", nasty(day), day)
    return lake


def held(lake: Lake) -> pl.DataFrame:
    scan = lake.scan("metrics", METRIC)
    assert scan is not None
    names = [c.name for c in CONTRACT.stage_columns("metrics")]
    return scan.select(names).sort("event_date", *CONTRACT.key).collect()


def csv_bytes(folder: Path) -> bytes:
    return (folder / "csv" / f"{METRIC}.csv.gz").read_bytes()


def test_csv_parses_back_to_equal_values(two_months: Lake) -> None:
    export(two_months, CITY)
    text = gzip.decompress(csv_bytes(two_months.exports()))
    want = held(two_months)
    types = {c.name: SQL_TYPES[c.kind] for c in CONTRACT.stage_columns("metrics")}
    path = two_months.exports() / "csv" / f"{METRIC}.csv.gz"
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        # strict about nothing but this: an empty field is absent, "" is a text
        got = con.sql(f"SELECT * FROM read_csv('{path}', columns = {types}, header = true, allow_quoted_nulls = false)").pl()
    assert_frame_equal(got, want, check_exact=True)

    rows = list(csv.DictReader(io.StringIO(text.decode(), newline="")))
    assert len(rows) == want.height
    assert [r["road"] for r in rows] == [v or "" for v in want["road"]]
    assert [float(r["volume_veh"]) if r["volume_veh"] else None for r in rows] == want["volume_veh"].to_list()
    assert [datetime.fromisoformat(r["bin_at"]) for r in rows] == want["bin_at"].to_list()
    assert text.startswith(b"event_date,sensor_id,bin_at,")
    assert text.endswith(b"\r\n")


def test_csv_is_read_by_duckdb_and_polars_as_it_lies(two_months: Lake) -> None:
    export(two_months, CITY)
    path = two_months.exports() / "csv" / f"{METRIC}.csv.gz"
    total = held(two_months)["volume_veh"].sum()
    with duckdb.connect() as con:
        rows, volume, kind = con.sql(
            f"SELECT count(*), sum(volume_veh), any_value(typeof(bin_at)) FROM read_csv('{path}')"
        ).fetchall()[0]
    assert (rows, kind) == (30, "TIMESTAMP WITH TIME ZONE")
    assert volume == pytest.approx(total)
    assert pl.read_csv(path)["volume_veh"].sum() == pytest.approx(total)


def test_csv_is_one_gzip_member_with_every_row(two_months: Lake) -> None:
    """Readers that stop after the first member, as .NET Framework's and so Power Query's do, lose nothing."""
    export(two_months, CITY)
    first = zlib.decompressobj(zlib.MAX_WBITS | 16)
    text = first.decompress(csv_bytes(two_months.exports()))
    assert first.eof
    assert first.unused_data == b""
    assert text.count(b"2025-04-02,") == len(NASTY)
    subprocess.run(["gzip", "--test", str(two_months.exports() / "csv" / f"{METRIC}.csv.gz")], check=True)


def test_csv_of_no_rows_is_its_head(lake: Lake) -> None:
    export(lake, CITY)
    text = gzip.decompress(csv_bytes(lake.exports()))
    assert text == ",".join(c.name for c in CONTRACT.stage_columns("metrics")).encode() + b"\r\n"


def test_csv_times_are_iso_with_zone_and_wall_clocks_without(two_months: Lake) -> None:
    export(two_months, CITY)
    text = gzip.decompress(csv_bytes(two_months.exports())).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3,6})?Z", r["bin_at"]) for r in rows)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3,6})?", r["local_time"]) for r in rows)
    lines = re.sub(r'"(?:[^"]|"")*"', "", text)  # RFC 4180, 2: outside of quotes there is no other line end
    assert "\n" not in lines.replace("\r\n", "")
    assert len(lines.split("\r\n")) == len(rows) + 2


def test_parquet_is_the_lake_by_month(two_months: Lake) -> None:
    export(two_months, CITY)
    folder = two_months.exports() / "parquet" / METRIC
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.parquet")) == [
        f"event_month=2025-03/{METRIC}.parquet",
        f"event_month=2025-04/{METRIC}.parquet",
    ]
    assert_frame_equal(pl.read_parquet(folder / "**/*.parquet", hive_partitioning=False), held(two_months), check_exact=True)


def test_parquet_says_what_its_columns_mean(two_months: Lake) -> None:
    export(two_months, CITY)
    path = next((two_months.exports() / "parquet" / METRIC).rglob("*.parquet"))
    schema = pq.read_schema(path)
    assert json.loads(schema.metadata[b"citylake"])["table"] == f"metrics.{METRIC}"
    for column in CONTRACT.stage_columns("metrics"):
        said = {k.decode(): v.decode() for k, v in (schema.field(column.name).metadata or {}).items()}
        want = {"doc": column.doc, "unit": column.unit, "formula": column.formula}
        assert {k: v for k, v in said.items() if k in want} == {k: v for k, v in want.items() if v}
    with duckdb.connect() as con:
        kinds = dict(con.sql(f"SELECT column_name, column_type FROM (DESCRIBE FROM '{path}')").fetchall())
    want_types = {c.name: SQL_TYPES[c.kind] for c in CONTRACT.stage_columns("metrics")}
    assert {n: k for n, k in kinds.items() if n != "event_month"} == want_types


def test_parquet_is_a_hive_dataset_for_every_reader(two_months: Lake) -> None:
    export(two_months, CITY)
    folder = two_months.exports() / "parquet" / METRIC
    want = {"2025-03": 2 * len(NASTY), "2025-04": len(NASTY)}
    with duckdb.connect() as con:
        sql = f"SELECT event_month, count(*) FROM read_parquet('{folder}/**/*.parquet') GROUP BY 1"
        assert dict(con.sql(sql).fetchall()) == want
    assert pd.read_parquet(folder).groupby("event_month", observed=True).size().to_dict() == want
    assert dict(pl.scan_parquet(folder).group_by("event_month").len().collect().rows()) == want
    table = ds.dataset(folder, partitioning="hive").to_table(filter=ds.field("event_month") == "2025-04")
    assert table.num_rows == len(NASTY)
    assert table.schema.field("flow_veh_h").metadata[b"unit"] == b"veh/h"


def test_months_of_an_older_form_are_written_again(two_months: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    export(two_months, CITY)
    path = next((two_months.exports() / "parquet" / METRIC).rglob("*.parquet"))
    inode = path.stat().st_ino
    monkeypatch.setattr("assets.exports.catalog.FORM", "next")
    export(two_months, CITY)
    assert path.stat().st_ino != inode


def test_only_the_changed_month_is_written_and_the_whole_is_as_new(two_months: Lake, tmp_path: Path) -> None:
    export(two_months, CITY)
    folder = two_months.exports()
    files = {p.parent.name: p for p in folder.rglob("*.parquet")}
    inodes = {m: p.stat().st_ino for m, p in files.items()}
    march = csv_bytes(folder)
    put(two_months, CONTRACT, "metrics", nasty(APRIL).head(3), APRIL, stem="b")
    export(two_months, CITY)
    assert files["event_month=2025-03"].stat().st_ino == inodes["event_month=2025-03"]
    assert files["event_month=2025-04"].stat().st_ino != inodes["event_month=2025-04"]
    assert csv_bytes(folder) != march
    assert csv_bytes(folder)[:200] == march[:200]
    export(two_months, CITY, tmp_path / "fresh")
    assert csv_bytes(folder) == csv_bytes(tmp_path / "fresh")
    for path in files.values():
        assert path.read_bytes() == (tmp_path / "fresh" / path.relative_to(folder)).read_bytes()


@pytest.mark.parametrize("day", [date(2025, 2, 27), date(2025, 3, 20), date(2025, 5, 1)])
def test_new_day_before_within_and_after(two_months: Lake, tmp_path: Path, day: date) -> None:
    export(two_months, CITY)
    put(two_months, CONTRACT, "metrics", nasty(day), day)
    export(two_months, CITY)
    export(two_months, CITY, tmp_path / "fresh")
    assert csv_bytes(two_months.exports()) == csv_bytes(tmp_path / "fresh")
    assert gzip.decompress(csv_bytes(two_months.exports())).count(day.isoformat().encode() + b",") == len(NASTY)


@pytest.mark.parametrize("harm", ["cut", "gone", "catalog"])
def test_damaged_exports_are_made_anew(two_months: Lake, tmp_path: Path, harm: str) -> None:
    export(two_months, CITY)
    folder = two_months.exports()
    good, csv_file = csv_bytes(folder), folder / "csv" / f"{METRIC}.csv.gz"
    if harm == "cut":
        csv_file.write_bytes(good[:-5])
    elif harm == "gone":
        csv_file.unlink()
        (folder / "parquet" / METRIC / "event_month=2025-04" / f"{METRIC}.parquet").unlink()
    else:
        (folder / "catalog.json").write_text('{"tables": [')
    export(two_months, CITY)
    assert csv_bytes(folder) == good
    assert len(list((folder / "parquet" / METRIC).rglob("*.parquet"))) == 2


def test_month_that_left_the_lake_leaves_the_exports(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    put(lake, CONTRACT, "metrics", nasty(APRIL), APRIL)
    export(lake, CITY, folder)
    other = Lake(tmp_path / "other")
    put(other, CONTRACT, "metrics", nasty(DAY))
    export(other, CITY, folder)
    assert [p.parent.name for p in folder.rglob("*.parquet")] == ["event_month=2025-03"]
    assert APRIL.isoformat().encode() not in gzip.decompress(csv_bytes(folder))


def test_catalog_describes_what_is_there(two_months: Lake) -> None:
    said = export(two_months, CITY, at=datetime(2025, 4, 3, tzinfo=UTC))
    folder = two_months.exports()
    assert json.loads((folder / "catalog.json").read_text()) == said
    assert (said["city"], said["time_zone"], said["generated_at"]) == ("Testville", "Europe/Berlin", "2025-04-03T00:00:00+00:00")
    assert said["duckdb"]["bytes"] == (folder / said["duckdb"]["file"]).stat().st_size
    table = next(t for t in said["tables"] if t["table"] == f"metrics.{METRIC}")
    assert (table["rows"], table["days"]) == (30, {"first": "2025-03-01", "last": "2025-04-02", "count": 3})
    assert table["file_bytes"]["csv"] == (folder / table["files"]["csv"]).stat().st_size
    assert table["bytes"] == sum(f.bytes for f in two_months.files("metrics", METRIC))
    flow = next(c for c in table["columns"] if c["name"] == "flow_veh_h")
    assert (flow["unit"], flow["type"], flow["formula"]) == ("veh/h", "DOUBLE", CONTRACT["flow_veh_h"].formula)
    assert [c["name"] for c in table["columns"]] == [c.name for c in CONTRACT.stage_columns("metrics")]
