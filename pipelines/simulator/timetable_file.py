"""The buses' timetable as a GTFS Schedule archive.

What it says is in buses.py.
"""

import zipfile
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from pipelines.simulator.buses import DWELL_S, STOPS, Network

TIMEPOINTS = (1, 6, 11, STOPS)
HEAD = "agency_id,agency_name,agency_url,agency_timezone\ncity,City buses,https://buses.example,"


def write(path: Path, network: Network, zone: str, start: date, days: int) -> None:
    """Write the archive; its service runs on `days` days from `start` on, and at no other time."""
    calls = network.calls.sort("trip_id", "stop_sequence")
    due = pl.col("due_s")
    leaves = pl.when(pl.col("stop_sequence") < STOPS).then(due + DWELL_S).otherwise(due)
    times = calls.select(
        "trip_id", arrival_time=_time(due), departure_time=_time(leaves), stop_id="stop_id", stop_sequence="stop_sequence",
        timepoint=pl.col("stop_sequence").is_in(TIMEPOINTS).cast(pl.Int8),
    )  # fmt: skip
    trips = calls.filter(pl.col("stop_sequence") == 1).select(
        route_id=network.lines["route_id"].gather(calls.filter(pl.col("stop_sequence") == 1)["line"]),
        service_id=pl.lit("daily"), trip_id="trip_id", direction_id="direction",
    )  # fmt: skip
    until = start + timedelta(days=days - 1)
    files = {
        "agency.txt": f"{HEAD}{zone}\n",
        "stops.txt": network.stops.select("stop_id", stop_name="stop_id", stop_lat="lat", stop_lon="lon").write_csv(),
        "routes.txt": network.lines.select("route_id", route_short_name="route_id", route_type=pl.lit(3)).write_csv(),
        "trips.txt": trips.write_csv(),
        "stop_times.txt": times.write_csv(),
        "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        f"daily,1,1,1,1,1,1,1,{start:%Y%m%d},{until:%Y%m%d}\n",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)


def _time(seconds: pl.Expr) -> pl.Expr:
    """Hours go on past 24."""
    parts = (seconds // 3600, seconds // 60 % 60, seconds % 60)
    return pl.concat_str((p.cast(pl.String).str.zfill(2) for p in parts), separator=":")
