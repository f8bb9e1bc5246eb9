"""A small city for the tests of the command line: one detector, 40 good lines, one twice, three bad.

What the commands say of it is in the tests.
"""

import json
from pathlib import Path

TOML = """\
[city]
name = "Smallville"
time_zone = "Europe/Berlin"
[lake]
root = "a lake"
[reference]
sensors = "sensors.csv"
[feeds.traffic_flow.sources.detectors]
uri = "inbox/*.jsonl"
format = "json_lines"
[feeds.meter_readings.sources.utility]
uri = "nothing here/*.csv"
format = "csv"
"""
SENSORS = "sensor_id,valid_from,kind,district,lanes,lat,lon\nD1,2000-01-01T00:00:00Z,loop,North,1,52.5,13.4\n"
DAY = "2026-06-01"
GOOD, BAD = 40, 3


def line(row: int, speed: float = 50.0) -> str:
    at = f"{DAY}T{6 + row // 60:02d}:{row % 60:02d}:00Z"
    event = {"sensor_id": "D1", "lane": 1, "observed_at": at, "interval_s": 60, "vehicle_count": 5, "mean_speed_kmh": speed}
    return json.dumps(event)


def city(folder: Path) -> Path:
    (folder / "inbox").mkdir(parents=True)
    lines = [*(line(r) for r in range(GOOD)), line(0), "no json \x1b[31m", line(50, 999.0), line(51, -1.0)]
    (folder / "inbox" / "a.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "sensors.csv").write_text(SENSORS, encoding="utf-8")
    toml = folder / "citylake.toml"
    toml.write_text(TOML, encoding="utf-8")
    return toml
