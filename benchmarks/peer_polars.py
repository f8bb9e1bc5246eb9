"""Peer: bare Polars, JSON lines scanned into one Parquet file. No check, no quarantine, no ledger, no days."""

from pathlib import Path

import polars as pl

SCHEMA = {
    "sensor_id": pl.String,
    "lane": pl.Int64,
    "observed_at": pl.String,
    "interval_s": pl.Int64,
    "vehicle_count": pl.Int64,
    "mean_speed_kmh": pl.Float64,
    "occupancy_share": pl.Float64,
}


def land(inbox: str, out: str) -> None:
    """Scan and sink with nothing said: the schema is guessed, everything in a line is written, times stay text."""
    _sink(pl.scan_ndjson(_files(inbox)), out)


def land_columns(inbox: str, out: str) -> None:
    """Scan and sink told the columns that ours keeps, so that the rest of a line is not even parsed; times stay text."""
    _sink(pl.scan_ndjson(_files(inbox), schema=SCHEMA), out)


def rows(out: str) -> int:
    """Rows written."""
    return pl.scan_parquet(f"{out}/**/*.parquet").select(pl.len()).collect().item()


def _files(inbox: str) -> list[Path]:
    return sorted(Path(inbox).glob("*.jsonl"))


def _sink(lines: pl.LazyFrame, out: str) -> None:
    Path(out).mkdir(parents=True)
    lines.sink_parquet(Path(out) / "events.parquet", compression="zstd", compression_level=1)
