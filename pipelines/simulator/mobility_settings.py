"""What a simulated city says of its signals, routes, car parks, buses and bikes: source blocks and reference tables.

The detectors' and meters' part is in settings_file.py.
"""

from pathlib import Path

import polars as pl

EVER = "2000-01-01T00:00:00Z"

REFERENCE = """\
stations = "reference/stations.csv"
"""

SOURCES = """
[feeds.bike_stations.sources.bike_share]
uri = "inbox/bike_stations/*.zip"
format = "gbfs"
"""

COLUMNS = {
    "stations": ("station_id", "valid_from", "name", "district", "capacity", "lat", "lon", "clock_offset_s"),
}


def write_references(folder: Path, tables: dict[str, pl.DataFrame]) -> None:
    """Write reference/<name>.csv for every table."""
    for name, table in tables.items():
        table.with_columns(valid_from=pl.lit(EVER)).select(COLUMNS[name]).write_csv(folder / "reference" / f"{name}.csv")
