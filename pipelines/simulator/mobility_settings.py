"""What a simulated city says of its signals, routes, car parks, buses and bikes: source blocks and reference tables.

The detectors' and meters' part is in settings_file.py.
"""

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
TABLES = ("stations", "car_parks", "routes", "signal_controllers", "signal_detectors")
REFERENCE = "".join(f'{name} = "reference/{name}.csv"\n' for name in TABLES) + "".join(
    f'{table} = {{ uri = "{TIMETABLE}", format = "gtfs_static" }}\n' for table in ("transit_schedule", "transit_services")
)
