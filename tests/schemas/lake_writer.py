"""A writer process for test_lake.py: appends steps of ten rows to raw/door_counts, one commit each.

Usage: lake_writer.py ROOT SOURCE FIRST LAST [stop]. With `stop` it says `written` and waits after writing
the first part, before its commit.
"""

import sys
from datetime import date

import polars as pl
import pyarrow as pa

from schemas.lake import Lake, Step

SCHEMA = pa.schema([("event_date", pa.date32()), ("source", pa.string()), ("x", pa.int64())])
DAY = date(2026, 5, 1)
ROWS = 10


def step(lake: Lake, source: str, number: int) -> Step:
    """Write the part of one step: ten rows with x from 10 * number."""
    frame = pl.DataFrame({"source": [source] * ROWS, "x": range(number * ROWS, (number + 1) * ROWS)})
    return Step(source, number, number + 1, (lake.write_part("raw", "door_counts", DAY, f"{source}-{number}", frame),))


def main(root: str, source: str, first: str, last: str, *stop: str) -> None:
    """Append the steps first to last - 1."""
    lake = Lake(root)
    for number in range(int(first), int(last)):
        written = step(lake, source, number)
        if stop:
            print("written", flush=True)
            sys.stdin.read()
        lake.append("raw", "door_counts", SCHEMA, [written])


if __name__ == "__main__":
    main(*sys.argv[1:])
