"""What a simulated city says of its lights, crashes, cameras, air, requests and transactions: source blocks and reference tables.

Traffic's part is in settings_file.py and mobility_settings.py.
"""

SOURCES = """
[feeds.streetlights.sources.lamps]
uri = "inbox/streetlights/*.jsonl"
format = "json_lines"

[feeds.streetlights.sources.broker]
uri = "inbox/streetlights/*.zip"
format = "ngsi"
type = "Streetlight"

[feeds.crashes.sources.agency]
uri = "inbox/crashes/*.csv"
format = "csv"

[feeds.air_quality.sources.air]
uri = "inbox/air_quality/*.zip"
format = "ngsi"
type = "AirQualityObserved"

[feeds.air_quality.sources.noise]
uri = "inbox/air_quality_noise/*.zip"
format = "ngsi"
type = "NoiseLevelObserved"

[feeds.eservice_transactions.sources.portal]
uri = "inbox/eservice_transactions/*.jsonl"
format = "json_lines"

[feeds.eservice_transactions.sources.offices]
uri = "inbox/eservice_transactions/*.csv"
format = "csv"

[feeds.service_requests.sources.register]
uri = "inbox/service_requests/*.zip"
format = "open311"

[feeds.service_requests.sources.changes]
uri = "inbox/service_requests/*.csv"
format = "csv"

[feeds.camera_events.sources.cameras]
uri = "inbox/camera_events/*.jsonl"
format = "json_lines"
"""

TABLES = ("districts", "cameras", "lamps", "services", "air_stations")
REFERENCE = "".join(f'{name} = "reference/{name}.csv"\n' for name in TABLES)
