"""Traffic flow: what a detector counted and measured over an interval.

Travel times between detectors and signal events are feeds of their own.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule
from schemas.health import DAYTIME, DAYTIME_S, Health

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
        mistaken=(("mean_speed_kmh", ("mph", "m/s")), ("occupancy_share", ("percent", "permille"))),
        # occupancy = count x effective length / (speed x interval)
        witnesses=(
            ("mean_speed_kmh", "free flow speeds", "device.free_flow_kmh"),
            (
                "mean_speed_kmh",
                "count and occupancy",
                "vehicle_count * device.effective_length_m * 3.6 / (occupancy_share * interval_s)",
            ),
            (
                "occupancy_share",
                "count and speed",
                "vehicle_count * device.effective_length_m * 3.6 / (mean_speed_kmh * interval_s)",
            ),
        ),
        peers=("road", "direction"),
        pulse="vehicle_count",
    ),
    # Caltrans PeMS; the finest of what was measured is the value: an occupancy or a speed hardly repeats by chance, a count often
    # does. A flow is high when its lanes could not pass it; lane 0 stands for all lanes that the reference table gives.
    health=Health(
        value="coalesce(occupancy_share, mean_speed_kmh, vehicle_count)",
        channel="lane",
        observed_s="interval_s * coalesce(observed_share, 1.0)",
        is_judged=DAYTIME,
        judged_s=DAYTIME_S,
        is_zero="CASE WHEN vehicle_count IS NOT NULL OR occupancy_share IS NOT NULL "
        "THEN coalesce(vehicle_count, 0) = 0 AND coalesce(occupancy_share, 0) = 0 END",
        is_high="coalesce(occupancy_share > threshold('health_high_occupancy_share'), false) "
        "OR coalesce(vehicle_count * 3600.0 / interval_s > threshold('health_high_flow_veh_h_lane') "
        "* CASE WHEN lane = 0 THEN device.lanes ELSE 1 END, false)",
        has_occupancy_only="vehicle_count = 0 AND occupancy_share > 0",
        has_flow_only="vehicle_count > 0 AND occupancy_share = 0",
        has_both="vehicle_count IS NOT NULL AND occupancy_share IS NOT NULL",
        is_constant="length > threshold('health_constant_run_rows')",
        tests=(
            ("insufficient", "coverage_share < threshold('health_min_coverage_share')"),
            ("stuck", "zero_share > threshold('health_zero_share')"),
            ("high_value", "high_share > threshold('health_high_share')"),
            ("intermittent", "mismatch_share > threshold('health_occupancy_without_flow_share')"),
            ("chatter", "flow_only_share > threshold('health_flow_without_occupancy_share')"),
            ("stuck", "constant_share > 0"),
            (
                "stuck",
                "usual_interval_s <= threshold('health_entropy_max_interval_s') "
                "AND entropy < threshold('health_entropy_min_bit')",
            ),
        ),
    ),
    late_after=timedelta(hours=1),
    sources=(
        "FIWARE Smart Data Models, Transportation/TrafficFlowObserved",
        "OGC SensorThings API Part 1: Sensing, version 1.1 (18-088)",
        "DATEX II, EN 16157-5:2020 (measured and elaborated data publications)",
        "FHWA Traffic Monitoring Guide, 2022 edition, chapter 3",
    ),
    wire={
        "ngsi/TrafficFlowObserved": {
            "columns": {
                "sensor_id": "id",
                "lane": "laneId",
                "observed_at": "dateObserved",
                "interval_s": {"from": ["dateObserved", "dateObserved.end"], "combine": "elapsed"},
                # `intensity` is the number of vehicles of the period, not a rate
                "vehicle_count": "intensity",
                "mean_speed_kmh": {"from": "averageVehicleSpeed", "unit_from": "averageVehicleSpeed.unitCode"},
                "occupancy_share": {"from": "occupancy", "unit_from": "occupancy.unitCode"},
            }
        },
        "sensorthings": {
            "columns": {
                # a Datastream observes one property of one thing, and is what a detector is elsewhere; MQTT names it in the topic
                "sensor_id": {
                    "from": ["Datastream.@iot.id", "topic"],
                    "combine": "first",
                    "pattern": r"^(?:.*Datastreams\()?'?([^()'/]+)'?(?:\).*)?$",
                },
                "observed_at": "phenomenonTime",
                "interval_s": {"from": ["phenomenonTime", "phenomenonTime.end"], "combine": "elapsed"},
                "vehicle_count": {"from": "result.veh", "unit_from": "unit"},
                "mean_speed_kmh": {"from": "result.km/h", "unit_from": "unit"},
                "occupancy_share": {"from": "result.share", "unit_from": "unit"},
            }
        },
        "datex2/TrafficData": {
            "columns": {
                # what one index of a site stands for: a vehicle class of a lane where a site table says it, else the number
                "sensor_id": {"from": ["measurementSiteReference", "index"], "join": "#"},
                "lane": "specificLane",
                "observed_at": "measurementTimeDefault",
                "interval_s": {"from": "period", "default": 60},
                "vehicle_count": {"from": "vehicleFlowRate", "unit": "veh/h"},
                # -1 where no vehicle passed
                "mean_speed_kmh": {"from": "speed", "nulls": [-1]},
                "occupancy_share": {"from": "percentage", "unit": "percent"},
            },
            # values that all are in error were not measured
            "where": "dataError = 'false'",
        },
    },
)
