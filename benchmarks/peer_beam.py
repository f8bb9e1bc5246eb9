"""Peer: the Beam job of the tutorials, one dict per element, on the same runner as ours.

json.loads, validate, one branch per day, WriteToParquet; refused lines into a text file. No ledger, no commit.
"""

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import apache_beam as beam
import polars as pl
import pyarrow as pa
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

ZONE = ZoneInfo("Europe/Berlin")
SCHEMA = pa.schema(
    [
        ("sensor_id", pa.string()),
        ("lane", pa.int64()),
        ("observed_at", pa.timestamp("us", "UTC")),
        ("interval_s", pa.int64()),
        ("vehicle_count", pa.int64()),
        ("mean_speed_kmh", pa.float64()),
        ("occupancy_share", pa.float64()),
    ]
)
BOUNDS = {
    "lane": (0, 20), "interval_s": (1, 86400), "vehicle_count": (0, 60000), "mean_speed_kmh": (0, 250), "occupancy_share": (0, 1),
}  # fmt: skip


def parse(line: str) -> Iterator:
    """A line as a typed, validated dict, or the line itself among the refused."""
    try:
        event = json.loads(line)
        row = {name: event[name] for name in SCHEMA.names}
        row["observed_at"] = datetime.fromisoformat(row["observed_at"])
        if not row["sensor_id"] or any(not low <= row[name] <= high for name, (low, high) in BOUNDS.items()):
            raise ValueError("out of range")
    except (ValueError, KeyError, TypeError):
        yield beam.pvalue.TaggedOutput("refused", line)
    else:
        yield row


def local_day(row: dict) -> date:
    """The day of the event on the city's clocks."""
    return row["observed_at"].astimezone(ZONE).date()


def land(inbox: str, out: str, days: list[str]) -> None:
    """Write one folder for each of the local days."""
    wanted = [date.fromisoformat(d) for d in days]
    Path(out).mkdir(parents=True)
    with beam.Pipeline(FnApiRunner()) as pipeline:
        lines = pipeline | "read" >> beam.io.ReadFromText(f"{inbox}/*.jsonl")
        parsed = lines | "parse" >> beam.FlatMap(parse).with_outputs("refused", main="rows")
        parsed.refused | "refuse" >> beam.io.WriteToText(f"{out}/refused", ".txt")
        parted = parsed.rows | beam.Partition(lambda row, _: wanted.index(local_day(row)), len(wanted))
        for day, rows_of_day in zip(days, parted, strict=True):
            target = f"{out}/event_date={day}/part"
            rows_of_day | f"write {day}" >> beam.io.WriteToParquet(target, SCHEMA, codec="zstd", file_name_suffix=".parquet")


def rows(out: str) -> int:
    """Rows written."""
    return pl.scan_parquet(f"{out}/**/*.parquet").select(pl.len()).collect().item()
