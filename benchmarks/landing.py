"""Ours: citylake's landing through Beam, with validation, quarantine, ledger and commit; what `citylake land` runs.

Peers that land the same lines are in peer_*.py.
"""

from datetime import UTC, datetime
from pathlib import Path

import apache_beam  # noqa: F401  (imported here, so that no run is charged for it)
import polars as pl

from pipelines.run import land as land_source
from pipelines.sources.declared import parse
from schemas.city import City
from schemas.lake import Lake
from schemas.registry import feed

CITY = City("Bench", "Europe/Berlin")
FEED = "traffic_flow"


def land(inbox: str, out: str) -> dict:
    """Land every file of a folder into a new lake; what the ledger has of it."""
    source = parse(feed(FEED), "bench", {"uri": f"{inbox}/*.jsonl", "format": "json_lines"}, Path.cwd())
    landed = land_source(Lake(out), CITY, feed(FEED), source, datetime.now(UTC))
    return {"taken": landed.taken, "kept": landed.kept, "rejected": landed.rejected}


def rows(out: str) -> int:
    """Rows that the lake shows."""
    scan = Lake(out).scan("raw", FEED)
    return 0 if scan is None else scan.select(pl.len()).collect().item()
