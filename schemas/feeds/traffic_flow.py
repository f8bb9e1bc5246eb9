"""Traffic flow: what a detector counted and measured over an interval.

Travel times between detectors and signal events are feeds of their own.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule

CONTRACT = Contract(
    name="traffic_flow",
    layer="feed",
    domain="traffic",
    kind="events",
    version=1,
    doc="One interval of one lane of one detector: vehicles, speed and occupancy.",
    columns=(
        Column("sensor_id", "string", "detector", nullable=False, pattern=IDENTIFIER),
        Column("lane", "int", "lane from the kerb; 0 is the whole carriageway", nullable=False, minimum=0, maximum=20, default=0),
        Column("observed_at", "instant", "start of the interval", nullable=False),
        Column("interval_s", "int", "length of the interval", unit="s", nullable=False, minimum=1, maximum=86400),
        Column("vehicle_count", "int", "vehicles that passed in the interval", unit="veh", minimum=0, maximum=60000),
        Column("mean_speed_kmh", "float", "mean speed of those vehicles", unit="km/h", minimum=0, maximum=250),
        Column(
            "occupancy_share",
            "float",
            "share of the interval in which the detector was occupied",
            unit="share",
            minimum=0,
            maximum=1,
        ),
        Column(
            "observed_share", "float", "share of the interval that was measured, not imputed", unit="share", minimum=0, maximum=1
        ),
    ),
    key=("sensor_id", "lane", "observed_at"),
    event_time="observed_at",
    interval="interval_s",
    row_rules=(
        RowRule(
            "something_measured",
            "vehicle_count IS NOT NULL OR mean_speed_kmh IS NOT NULL OR occupancy_share IS NOT NULL",
            "a row carries a count, a speed or an occupancy",
        ),
        RowRule(
            "possible_flow",
            "vehicle_count * 3600 <= interval_s * 30000 + 36000",
            "no carriageway passes 30000 veh/h (ten vehicles are allowed for very short intervals)",
        ),
    ),
    described=Described(
        "sensors",
        on="sensor_id",
        factors=(("mean_speed_kmh", "speed_factor"), ("occupancy_share", "occupancy_factor")),
        clock="clock_offset_s",
    ),
    late_after=timedelta(hours=1),
    sources=(
        "FIWARE Smart Data Models, Transportation/TrafficFlowObserved",
        "FHWA Traffic Monitoring Guide, 2022 edition, chapter 3",
    ),
)
