"""Air quality and noise: what a station measured over an interval that ends when it says so.

Indices and limits do not belong here: metrics judge.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule
from schemas.health import Health, stamped_ahead


def _concentration(name: str, what: str, highest: float) -> Column:
    return Column(f"{name}_ug_m3", "float", what, unit="ug/m3", minimum=0, maximum=highest)


QUANTITIES = {
    "pm2_5": ("pm2_5_ug_m3", "pm25,PM25,pm2_5,PM2_5", "PM2.5,PM25,PM2_5,pollutant/6001"),
    "pm10": ("pm10_ug_m3", "pm10,PM10", "PM10,pollutant/5"),
    "no2": ("no2_ug_m3", "no2,NO2", "NO2,nitrogen dioxide,pollutant/8"),
    "o3": ("o3_ug_m3", "o3,O3", "O3,ozone,pollutant/7"),
    "noise": ("noise_dba", "LAeq,laeq", "LAeq"),
}
"""Quantity -> column, spellings of NGSI, and names of an ObservedProperty (numbers: EEA vocabulary aq/pollutant)."""

_EACH = ", ".join(f"{{'quantity': '{q}', 'value': {c}}}" for q, (c, *_) in QUANTITIES.items())

# Each quantity a station says is judged by itself: one of them may be stuck while the others live.
READINGS = f"""
SELECT event_date, station_id, observed_at, interval_s, _received_at, _corrections, said_by || ' ' || q.quantity AS channel, q.*
FROM refined.air_quality
CROSS JOIN unnest([{_EACH}]) AS u (q)
WHERE q.value IS NOT NULL
"""


def _spelled(quantity: str) -> dict[str, str]:
    name = QUANTITIES[quantity][1]
    return {"from": name, "unit_from": f"{name}.unitCode"}


def _observed(quantity: str) -> dict[str, str]:
    return {"from": f"result[{QUANTITIES[quantity][2]}]", "unit_from": "unit"}


# Entities that are one observation each carry its time in their id; the station is what stays.
_STATION = {
    "from": ["refPointOfInterest", "stationCode", "refDevice", "id"],
    "combine": "first",
    "pattern": r"^(.+?)(?:[-_:]\d{4}-\d{2}-\d{2}T.*)?$",
}
# an instant is taken for the end of what was measured; a source that means the begin says stamped = "start"
_NGSI_TIME = {
    "observed_at": {"from": ["dateObserved.end", "dateObserved"], "combine": "first"},
    "interval_s": {"from": ["dateObserved", "dateObserved.end"], "combine": "elapsed"},
}

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
            f"coalesce({', '.join(c for c, *_ in QUANTITIES.values())}) IS NOT NULL",
            "a row carries at least one quantity",
        ),
    ),
    described=Described("air_stations", on="station_id", clock="clock_offset_s"),
    # What stations measure does not stand still for hours; nor is it beyond what instruments of cities ever met.
    health=Health(
        rows=READINGS,
        value="value",
        channel="channel",
        is_high="value > CASE quantity "
        + " ".join(f"WHEN '{q}' THEN threshold('health_air_high_{c}')" for q, (c, *_) in QUANTITIES.items())
        + " END",
        is_constant="length * interval_s >= threshold('health_air_constant_run_s')",
        is_clock_off=stamped_ahead("observed_at"),
        tests=(
            ("insufficient", "coverage_share < threshold('air_data_capture_min_share')"),
            ("high_value", "high_share > threshold('health_high_share')"),
            ("stuck", "constant_share > 0"),
        ),
    ),
    late_after=timedelta(hours=3),
    sources=(
        "FIWARE Smart Data Models, Environment/AirQualityObserved and NoiseLevelObserved",
        "OGC SensorThings API Part 1: Sensing, version 1.1 (18-088)",
        "European Environment Agency, data dictionary, vocabulary aq/pollutant",
    ),
    wire={
        "ngsi/AirQualityObserved": {
            "columns": {
                "station_id": _STATION,
                "said_by": {"from": "refDevice", "default": "station"},
                **_NGSI_TIME,
                **{c: _spelled(q) for q, (c, *_) in QUANTITIES.items() if q != "noise"},
            }
        },
        "ngsi/NoiseLevelObserved": {
            "columns": {
                "station_id": _STATION,
                # one device may send both models about one hour
                "said_by": {"from": ["refDevice", "type"], "join": "#", "default": "noise"},
                **_NGSI_TIME,
                "noise_dba": _spelled("noise"),
            }
        },
        # a Datastream observes one property; the Thing it belongs to is the station
        "sensorthings": {
            "columns": {
                "station_id": {"from": ["Datastream.Thing.@iot.id", "Datastream.Thing.name"], "combine": "first"},
                "said_by": "Datastream.@iot.id",
                "observed_at": {"from": ["phenomenonTime.end", "phenomenonTime"], "combine": "first"},
                "interval_s": {"from": ["phenomenonTime", "phenomenonTime.end"], "combine": "elapsed"},
                **{c: _observed(q) for q, (c, *_) in QUANTITIES.items()},
            },
            # of all that a server observes
            "where": "coalesce(" + ", ".join('"' + _observed(q)["from"] + '"' for q in QUANTITIES) + ") IS NOT NULL",
        },
    },
)
