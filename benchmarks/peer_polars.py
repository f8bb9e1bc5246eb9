"""Peer: bare Polars, JSON lines scanned into one Parquet file. No check, no quarantine, no ledger, no days."""

from pathlib import Path

import polars as pl

SCHEMA = {
    "sensor_id": pl.String, "lane": pl.Int64, "observed_at": pl.String, "interval_s": pl.Int64,
    "vehicle_count": pl.Int64, "mean_speed_kmh": pl.Float64, "occupancy_share": pl.Float64,
}  # fmt: skip


def land(inbox: str, out: str) -> None:
    """Write the lines' columns as they come; times stay text."""
    Path(out).mkdir(parents=True)
    lines = pl.scan_ndjson(sorted(Path(inbox).glob("*.jsonl")), schema=SCHEMA)
    lines.sink_parquet(Path(out) / "events.parquet", compression="zstd", compression_level=1)


def rows(out: str) -> int:
    """Rows written."""
    return pl.scan_parquet(f"{out}/**/*.parquet").select(pl.len()).collect().item()
