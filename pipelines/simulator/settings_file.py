"""Writes what a simulated city says of itself: citylake.toml and the reference tables.

How settings are read is not said here.
"""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import polars as pl

from pipelines.simulator import civic_settings, mobility_settings
from pipelines.simulator.households import feeders
from pipelines.simulator.reference_files import write_reference
from schemas.city import City

TOML = """\
# A simulated city. The truth behind its feeds is in truth/.
[city]
name = "{name}"
time_zone = "{zone}"
h3_resolution = {resolution}

[lake]
root = "lake"

[reference]
sensors = "reference/sensors.csv"
meters = "reference/meters.csv"
feeders = "reference/feeders.csv"
{more_reference}
[feeds.traffic_flow.sources.detectors]
uri = "inbox/traffic_flow/*.jsonl*"
format = "json_lines"

[feeds.meter_readings.sources.utility]
uri = "inbox/meter_readings/*.csv"
format = "csv"
ambiguous = "reject"  # in the hour that comes twice the second reading would pass for a correction of the first

[feeds.meter_readings.sources.utility.columns]
meter_id = "meter"
ended_at = {{ from = "read_at", format = "%Y-%m-%d %H:%M:%S", time_zone = "{zone}" }}
interval_s = {{ constant = 1800 }}
energy_kwh = {{ from = "wh", unit = "Wh" }}
quality = {{ from = "quality", values = {{ "V" = "valid", "E" = "estimated" }} }}

[feeds.emergency_calls.sources.dispatch]
uri = "inbox/emergency_calls/*.jsonl"
format = "json_lines"

[feeds.emergency_calls.sources.outer]
uri = "inbox/emergency_calls/*.parquet"
format = "parquet"
{more_sources}"""


PARTS = (mobility_settings, civic_settings)


def write_settings(
    folder: Path,
    city: City,
    sensors: pl.DataFrame,
    meters: pl.DataFrame,
    rest: dict[str, pl.DataFrame] | None = None,
    parts: Sequence[ModuleType] = PARTS,
) -> Path:
    """Write citylake.toml and reference/*.csv under folder; give the settings' path.

    Args:
        rest: reference tables of all other feeds; without them the city has none of these feeds.
        parts: modules that say these feeds' `SOURCES` and `REFERENCE`.
    """
    (folder / "reference").mkdir(parents=True, exist_ok=True)
    tables = {"sensors": sensors, "meters": meters, "feeders": feeders(meters)} | (rest or {})
    for name, table in tables.items():
        write_reference(folder / "reference", name, table)
    path = folder / "citylake.toml"
    said = parts if rest else ()
    text = TOML.format(
        name=city.name,
        zone=city.zone,
        resolution=city.h3_resolution,
        more_reference="".join(p.REFERENCE for p in said),
        more_sources="".join(p.SOURCES for p in said).format(zone=city.zone),
    )
    path.write_text(text, encoding="utf-8")
    return path
