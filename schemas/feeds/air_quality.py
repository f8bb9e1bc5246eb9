"""Air quality and noise: what a station measured over an interval that ends when it says so.

Indices and limits do not belong here: metrics judge.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule


def _concentration(name: str, what: str, highest: float) -> Column:
    return Column(f"{name}_ug_m3", "float", what, unit="ug/m3", minimum=0, maximum=highest)


CONTRACT = Contract(
    name="air_quality",
    layer="feed",
    domain="safety",
    kind="states",
    version=1,
    doc="What one station, or one data stream of it, observed; concentrations are means over the interval.",
    columns=(
        Column("station_id", "string", "station", nullable=False, pattern=IDENTIFIER),
        Column("observed_at", "instant", "end of the interval that was measured", nullable=False),
        Column(
            "said_by",
            "string",
            "what spoke: the station, or the data stream of it, where each says one quantity",
            nullable=False,
            default="station",
            pattern=IDENTIFIER,
        ),
        Column("interval_s", "int", "length of the interval", unit="s", nullable=False, default=3600, minimum=1, maximum=86400),
        _concentration("pm2_5", "particles up to 2.5 um", 5000),
        _concentration("pm10", "particles up to 10 um", 10000),
        _concentration("no2", "nitrogen dioxide", 5000),
        _concentration("o3", "ozone", 5000),
        Column(
            "noise_dba", "float", "equivalent continuous sound level, A-weighted (LAeq)", unit="dB(A)", minimum=0, maximum=194
        ),
    ),
    key=("station_id", "observed_at", "said_by"),
    event_time="observed_at",
    interval="interval_s",
    stamped="end",
    row_rules=(
        RowRule(
            "something_said",
            "coalesce(pm2_5_ug_m3, pm10_ug_m3, no2_ug_m3, o3_ug_m3, noise_dba) IS NOT NULL",
            "a row carries at least one quantity",
        ),
    ),
    described=Described("air_stations", on="station_id", clock="clock_offset_s"),
    late_after=timedelta(hours=3),
    sources=(
        "FIWARE Smart Data Models, Environment/AirQualityObserved and NoiseLevelObserved",
        "Directive (EU) 2024/2881 on ambient air quality",
    ),
)
