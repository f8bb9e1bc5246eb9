"""Meter readings: energy that passed one register of one meter over an interval, or what its counter showed at an instant.

Prices, tariffs and customers do not belong in the lake.
"""

from datetime import timedelta
from typing import Any

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule
from schemas.health import Health

# The third highest peak of each register's day is what the spike check compares with.
READINGS = """
WITH
-- A counter's state covers the time since the state before it.
states AS (
    SELECT
        event_date,
        meter_id,
        register,
        ended_at,
        reading_kwh - lag(reading_kwh) OVER register_readings AS risen_kwh,
        us_between(lag(ended_at) OVER register_readings, ended_at) // 1000000 AS since_s
    FROM refined.meter_readings
    WHERE energy_kwh IS NULL AND reading_kwh IS NOT NULL AND quality <> 'missing'
    WINDOW register_readings AS (PARTITION BY meter_id, register, event_date ORDER BY ended_at)
),
readings AS (
    SELECT *, energy_kwh * 3600 / interval_s AS load_kw
    FROM refined.meter_readings
    WHERE quality <> 'missing' AND energy_kwh IS NOT NULL
    UNION ALL
    SELECT
        r.* REPLACE (
            coalesce(greatest(s.since_s, 1), 1) AS interval_s,
            CASE WHEN s.risen_kwh >= 0 THEN s.risen_kwh END AS energy_kwh
        ),
        CASE WHEN s.risen_kwh >= 0 THEN s.risen_kwh * 3600 / nullif(s.since_s, 0) END AS load_kw
    FROM refined.meter_readings AS r
    JOIN states AS s USING (event_date, meter_id, register, ended_at)
),
third_peaks AS (
    SELECT event_date, meter_id, register, max(load_kw, 3)[3] AS third_kw FROM readings GROUP BY event_date, meter_id, register
)
SELECT r.*, p.third_kw FROM readings AS r JOIN third_peaks AS p USING (event_date, meter_id, register)
"""

# QualityOfReading of ESPI: raw, validated, verified and revenue-quality values are measured; derived, projected, mixed and
# normalized ones are not, or not all of them
ESPI_QUALITY = {
    **dict.fromkeys(("0", "14", "17", "18", "19"), "valid"),
    **dict.fromkeys(("8", "9", "11", "12", "13", "15"), "estimated"),
    "7": "edited",
    **dict.fromkeys(("10", "16"), "questionable"),
}

# The energy that an entity of Smart Data Models counted since metering began. What it counted of energy fed in needs a source of
# its own, with `reading_kwh = "totalActiveEnergyExport"` and a constant direction and register: a row has one counter, and a file
# is landed once.
_TOTAL = "totalActiveEnergyImport"
_COUNTER: dict[str, Any] = {
    "meter_id": "id",
    "ended_at": {
        "from": [f"{_TOTAL}.observedAt", "dateObserved.end", "dateObserved", "timestamp", "TimeInstant"],
        "combine": "first",
    },
    "interval_s": {"constant": 0},
    "reading_kwh": {"from": _TOTAL, "unit_from": f"{_TOTAL}.unitCode"},
}

CONTRACT = Contract(
    name="meter_readings",
    layer="feed",
    domain="energy",
    kind="events",
    version=2,
    doc=(
        "One interval of one register of one electricity meter, or the state of its counter at one instant. Differences of "
        "states are taken when energy is measured; here everything is as it came."
    ),
    columns=(
        Column("meter_id", "string", "meter, under the utility's pseudonym", nullable=False, pattern=IDENTIFIER),
        Column("register", "string", "register of the meter", nullable=False, pattern=IDENTIFIER, default="total"),
        Column("ended_at", "instant", "end of the interval", nullable=False),
        Column(
            "interval_s",
            "int",
            "length of the interval; 0 of a counter's state",
            unit="s",
            nullable=False,
            minimum=0,
            maximum=90000,
        ),
        Column("energy_kwh", "float", "energy in the interval", unit="kWh", minimum=0, maximum=1e6),
        Column(
            "reading_kwh", "float", "state of the cumulative counter when the interval ended", unit="kWh", minimum=0, maximum=1e12
        ),
        Column(
            "quality",
            "string",
            "how the value came about",
            nullable=False,
            default="valid",
            allowed=("valid", "estimated", "edited", "questionable", "missing"),
        ),
        Column(
            "direction",
            "string",
            "delivered to the customer, or received from the customer",
            nullable=False,
            default="delivered",
            allowed=("delivered", "received"),
        ),
    ),
    key=("meter_id", "ended_at", "register"),
    event_time="ended_at",
    interval="interval_s",
    stamped="end",
    row_rules=(
        RowRule("energy_has_interval", "energy_kwh IS NULL OR interval_s > 0", "energy passes over an interval"),
        RowRule(
            "possible_power",
            "energy_kwh * 3600 <= interval_s * 50000.0",
            "the mean power of a metered connection stays under 50 MW",
        ),
        RowRule(
            "says_something",
            "energy_kwh IS NOT NULL OR reading_kwh IS NOT NULL OR quality = 'missing'",
            "a reading gives the energy of its interval or the state of its counter, or says that it is missing",
        ),
    ),
    described=Described(
        "meters",
        on="meter_id",
        factors=(("energy_kwh", "energy_factor"), ("reading_kwh", "energy_factor")),
        clock="clock_offset_s",
        mistaken=(("energy_kwh", ("Wh",)),),
        peers=("meter_class",),
    ),
    # The whole day is judged; a reading of quality 'missing' is none.
    health=Health(
        rows=READINGS,
        value="energy_kwh",
        channel="register",
        is_zero="energy_kwh = 0",
        is_high="coalesce(load_kw - third_kw > threshold('health_meter_spike_ratio') * third_kw AND third_kw > 0, false)",
        is_constant="length > threshold('health_meter_constant_run_rows')",
        tests=(
            ("insufficient", "coverage_share < threshold('health_meter_min_coverage_share')"),
            ("stuck", "constant_share > 0"),
            ("high_value", "high_share > 0"),
        ),
    ),
    late_after=timedelta(days=1),
    wire={
        "espi": {
            # readings of other quantities and commodities are counted as filtered; those of an unknown unit are refused
            "where": "quantity <> 'other'",
            "columns": {
                # the address of a usage point names the customer too: its hash stays the same, and says nothing
                "meter_id": {"from": ["UsagePoint", "MeterReading"], "combine": "first", "hash": True},
                "register": "register",
                "ended_at": {"from": "timePeriod.end", "format": "epoch_s"},
                "interval_s": "timePeriod.duration",
                "energy_kwh": {"from": "value.delta", "unit_from": "uom"},
                "reading_kwh": {"from": "value.cumulative", "unit_from": "uom"},
                "quality": {"from": "quality", "values": ESPI_QUALITY},
                "direction": {
                    "from": "flowDirection",
                    "values": {"0": "delivered", "1": "delivered", "4": "delivered", "19": "received"},
                },
            },
        },
        "ngsi/ACMeasurement": {"columns": _COUNTER},
        "ngsi/ThreePhaseAcMeasurement": {"columns": _COUNTER},
    },
    sources=(
        "NAESB REQ.21 Energy Services Provider Interface (Green Button), version 3.3",
        "FIWARE Smart Data Models, dataModel.Energy: ACMeasurement, ThreePhaseAcMeasurement",
    ),
)
