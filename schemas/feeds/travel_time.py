"""Travel time: how long a route took, by one vehicle or as the mean of several.

Speeds at a point belong to traffic_flow; what a route is, to reference/routes.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule
from schemas.health import DAYTIME, DAYTIME_S, Health, stamped_ahead

CONTRACT = Contract(
    name="travel_time",
    layer="feed",
    domain="traffic",
    kind="events",
    version=1,
    doc="One travel time along one route: a journey, or what an agency gives as the route's travel time at an instant.",
    columns=(
        Column("route_id", "string", "route, from one end to the other", nullable=False, pattern=IDENTIFIER),
        Column("observed_at", "instant", "start of the journey, or the instant the value stands for", nullable=False),
        Column(
            "journey",
            "int",
            "tells journeys apart that share route and instant: the source's own number, or the row's place in its document",
            nullable=False,
            from_place=True,
        ),
        Column("travel_time_s", "float", "time from end to end", unit="s", nullable=False, minimum=0.001, maximum=172800),
        Column("length_m", "float", "length of the route", unit="m", minimum=0, maximum=1e6),
    ),
    key=("route_id", "observed_at", "journey"),
    event_time="observed_at",
    row_rules=(RowRule("possible_speed", "length_m <= travel_time_s * 140.0", "nothing on a road travels faster than 140 m/s"),),
    described=Described("routes", on="route_id"),
    # A travel time is news of its route for so long; a route is covered while there is news.
    health=Health(
        value="travel_time_s",
        holds_s="threshold('health_travel_time_ttl_s')",
        is_judged=DAYTIME,
        judged_s=DAYTIME_S,
        is_high="coalesce(coalesce(length_m, device.length_m) * 3.6 / travel_time_s "
        "> threshold('health_travel_time_high_kmh'), false)",
        is_constant="length > threshold('health_constant_run_rows') "
        "AND length * interval_s >= threshold('health_travel_time_constant_run_s')",
        is_clock_off=stamped_ahead("observed_at"),
        tests=(
            ("insufficient", "coverage_share < threshold('health_min_coverage_share')"),
            ("high_value", "high_share > threshold('health_high_share')"),
            ("stuck", "constant_share > 0"),
        ),
    ),
    late_after=timedelta(hours=1),
    sources=("DATEX II v3, MeasuredDataPublication, TravelTimeData (CEN/TS 16157-5:2020)",),
    wire={
        "datex2/TravelTimeData": {
            "columns": {
                "route_id": "measurementSiteReference",
                "observed_at": "measurementTimeDefault",
                "travel_time_s": {"from": "duration", "unit": "s", "nulls": [-1]},
            },
            "where": "dataError = 'false'",
        },
        "sensorthings": {
            "columns": {
                "route_id": {
                    "from": ["Datastream.@iot.id", "topic"],
                    "combine": "first",
                    "pattern": r"^(?:.*Datastreams\()?'?([^()'/]+)'?(?:\).*)?$",
                },
                "observed_at": "phenomenonTime",
                "travel_time_s": {"from": "result.s", "unit_from": "unit"},
            }
        },
    },
)
