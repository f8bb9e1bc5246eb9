"""What a simulated city says of its signals, routes, car parks, buses and bikes: source blocks and reference tables.

The detectors' and meters' part is in settings_file.py.
"""

from pathlib import Path

import polars as pl

EVER = "2000-01-01T00:00:00Z"

SOURCES = """
[feeds.bike_stations.sources.bike_share]
uri = "inbox/bike_stations/*.zip"
format = "gbfs"

[feeds.transit_vehicles.sources.buses]
uri = "inbox/transit_vehicles/*.zip"
format = "gtfs_realtime"

[feeds.parking_occupancy.sources.car_parks]
uri = "inbox/parking_occupancy/*.csv"
format = "csv"
unpivot = {{ keep = ["time"], name = "car_park", value = "cars" }}  # columns come and go from day to day

[feeds.parking_occupancy.sources.car_parks.columns]
facility_id = "car_park"
observed_at = {{ from = "time", format = "%Y-%m-%d %H:%M:%S", time_zone = "{zone}" }}
occupied = "cars"

[feeds.parking_occupancy.sources.broker]
uri = "inbox/parking_occupancy/*.zip"
format = "ngsi"
type = "OffStreetParking"

[feeds.travel_time.sources.routes]
uri = "inbox/travel_time/*.csv"
format = "csv"

[feeds.travel_time.sources.routes.columns]
route_id = "route"
observed_at = "time"
journey = {{ constant = 1 }}
travel_time_s = "seconds"
length_m = "metres"

[feeds.travel_time.sources.journeys]
uri = "inbox/travel_time/*.zip"
format = "datex2"

[feeds.traffic_flow.sources.crossings_ngsi]
uri = "inbox/traffic_flow_ngsi/*.zip"
format = "ngsi"

[feeds.traffic_flow.sources.crossings_sensorthings]
uri = "inbox/traffic_flow_sensorthings/*.zip"
format = "sensorthings"

[feeds.traffic_flow.sources.crossings_datex2]
uri = "inbox/traffic_flow_datex2/*.zip"
format = "datex2"

[feeds.traffic_flow.sources.crossings_datex2.columns]
sensor_id = "measurementSiteReference"
interval_s = {{ constant = 900 }}

[feeds.signal_events.sources.central]
uri = "inbox/signal_events/*.parquet"
format = "parquet"

[feeds.signal_events.sources.lines]
uri = "inbox/signal_events/*.csv"
format = "csv"

[feeds.signal_events.sources.econolite]
uri = "inbox/signal_events/*.zip"
format = "econolite"
"""

TIMETABLE = "reference/timetable.zip"
PLACED = ("district", "lat", "lon")
COLUMNS = {
    "stations": ("station_id", "valid_from", "name", *PLACED, "capacity", "clock_offset_s"),
    "car_parks": ("facility_id", "valid_from", "name", *PLACED, "capacity", "clock_offset_s"),
    "routes": ("route_id", "valid_from", "district", "length_m", "free_flow_s"),
    "signal_controllers": ("controller_id", "valid_from", *PLACED),
    "signal_detectors": ("controller_id", "detector", "valid_from", "function", "phase", "travel_to_stop_bar_s"),
}
REFERENCE = "".join(f'{name} = "reference/{name}.csv"\n' for name in COLUMNS) + "".join(
    f'{table} = {{ uri = "{TIMETABLE}", format = "gtfs_static" }}\n' for table in ("transit_schedule", "transit_services")
)


def write_references(folder: Path, tables: dict[str, pl.DataFrame]) -> None:
    """Write reference/<name>.csv for every table."""
    for name, table in tables.items():
        table.with_columns(valid_from=pl.lit(EVER)).select(COLUMNS[name]).write_csv(folder / "reference" / f"{name}.csv")
