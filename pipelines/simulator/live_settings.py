"""Writes the citylake.toml of the live city: two feeds from JetStream, by sequence, and one from MQTT, by acknowledgement.

What the devices send is `live_city`; how settings are read is not said here.
"""

from pathlib import Path

from pipelines.live.server import MQTT_STREAM, MQTT_SUBJECTS
from pipelines.simulator.live_city import LiveCity
from schemas.city import City

TOML = """\
# A simulated city that sends as you read. What it published, and when, is in truth/.
[city]
name = "{city.name}"
time_zone = "{city.zone}"
h3_resolution = {city.h3_resolution}

[lake]
root = "lake"

[reference]
{references}

# Any free port: several live cities may run side by side.
[stream]
port = 0

# Devices publish over MQTT; the broker keeps their messages in a stream of its own, which is read by sequence.
# A device is told that its message is stored when it is in there: topic city/flow/D1 is subject $MQTT.msgs.city.flow.D1.
[feeds.traffic_flow.sources.detectors]
uri = "{nats}"
stream = "{stream}"
subject = "{subjects}city.flow.>"
format = "json_lines"

[feeds.emergency_calls.sources.dispatch]
uri = "{nats}"
stream = "{stream}"
subject = "{subjects}city.calls.>"
format = "json_lines"

# The same broker, asked over MQTT: a message is acknowledged when it is in the lake.
[feeds.meter_readings.sources.concentrators]
uri = "{mqtt}"
topic = "city/energy/+"
version = 3
format = "json_lines"
"""


def write_settings(folder: Path, city: City, devices: LiveCity, nats: str, mqtt: str) -> Path:
    """Write citylake.toml and reference/*.csv under folder; give the settings' path.

    Args:
        nats, mqtt: the broker's listeners, as uris.
    """
    files = devices.write_references(folder / "reference")
    references = "\n".join(f'{name} = "{path.relative_to(folder)}"' for name, path in files.items())
    path = folder / "citylake.toml"
    kept = {"stream": MQTT_STREAM, "subjects": MQTT_SUBJECTS}
    path.write_text(TOML.format(city=city, references=references, nats=nats, mqtt=mqtt, **kept), encoding="utf-8")
    return path
