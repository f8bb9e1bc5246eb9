"""Signal events: what a traffic signal's controller did and heard, event by event.

Where a controller stands is reference/signal_controllers, what its detectors are for signal_detectors; counts are metrics.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described
from schemas.health import DAYTIME, DAYTIME_S, Health

# Quarter hours in which the controller spoke, for each of its detectors: actuations, changes, and the state where nothing
# changed: that of the last change before, or the other one than that of the first change after.
QUARTERS = """
WITH said AS (
    SELECT
        event_date,
        controller_id,
        time_bucket(INTERVAL 15 MINUTE, occurred_at) AS quarter_at,
        CASE WHEN code IN (81, 82) THEN parameter END AS detector,
        count(*) FILTER (WHERE code = 82) AS actuations,
        count(*) FILTER (WHERE code IN (81, 82)) AS changes,
        min(epoch_us(occurred_at) * 2 + CASE WHEN code = 81 THEN 1 ELSE 0 END) % 2 = 1 AS begins_on,
        max(epoch_us(occurred_at) * 2 + CASE WHEN code = 81 THEN 1 ELSE 0 END) % 2 = 0 AS ends_on,
        min(local_time) AS local_time,
        max(epoch_us(occurred_at) - epoch_us(_received_at)) AS ahead_us,
        max(_corrections) AS _corrections
    FROM refined.signal_events
    GROUP BY ALL
),
spoken AS (
    SELECT
        event_date, controller_id, quarter_at, min(local_time) AS local_time, max(ahead_us) AS ahead_us,
        max(_corrections) AS _corrections
    FROM said
    GROUP BY ALL
),
-- those that spoke, and those that the reference table knows: a detector that never speaks is off all day
detectors AS (
    SELECT event_date, controller_id, detector FROM said WHERE detector IS NOT NULL
    UNION
    SELECT event_date, controller_id, detector FROM views.signal_channels_by_day WHERE function <> 'pedestrian'
)
SELECT
    q.event_date,
    q.controller_id,
    q.quarter_at AS occurred_at,
    q.local_time,
    q.ahead_us,
    q._corrections,
    t.detector,
    coalesce(s.actuations, 0) AS actuations,
    coalesce(s.changes, 0) AS changes,
    coalesce(
        last_value(s.ends_on IGNORE NULLS) OVER (day_of ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        first_value(s.begins_on IGNORE NULLS) OVER (day_of ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
    ) AS is_on
FROM spoken AS q
LEFT JOIN detectors AS t USING (event_date, controller_id)
LEFT JOIN said AS s
    ON s.event_date = q.event_date AND s.controller_id = q.controller_id
    AND s.quarter_at = q.quarter_at AND s.detector = t.detector
WINDOW day_of AS (PARTITION BY q.event_date, q.controller_id, t.detector ORDER BY q.quarter_at)
"""

# Tables come with the names of this contract, of MaxView and ODOT's atspm (DeviceId, EventId, ...), or of UDOT's ATSPM (SignalID,
# EventCode, ...). Times without an offset are the controller's wall clock: the source's time_zone makes instants of them.
WIRE = {
    "columns": {
        "controller_id": {"from": ["controller_id", "DeviceId", "SignalID"], "combine": "first"},
        "occurred_at": {"from": ["occurred_at", "TimeStamp", "Timestamp"], "combine": "first"},
        "code": {"from": ["code", "EventId", "EventCode"], "combine": "first"},
        "parameter": {"from": ["parameter", "Parameter", "EventParam"], "combine": "first"},
    }
}

CONTRACT = Contract(
    name="signal_events",
    layer="feed",
    domain="traffic",
    kind="events",
    version=1,
    doc="One high-resolution event of one signal controller: an event code, and the phase, detector or value it is about.",
    columns=(
        Column("controller_id", "string", "controller", nullable=False, pattern=IDENTIFIER),
        Column("occurred_at", "instant", "when it happened, to a tenth of a second", nullable=False),
        Column("code", "int", "event code of the Indiana enumeration", nullable=False, minimum=0, maximum=1023),
        Column(
            "parameter", "int", "phase, detector channel or value, as the code says", nullable=False, minimum=0, maximum=65535
        ),
    ),
    key=("controller_id", "occurred_at", "code", "parameter"),
    event_time="occurred_at",
    # A controller is judged by its detectors, quarter hour by quarter hour, as NTCIP 1202 lets controllers do it themselves: no
    # activity, maximum presence, erratic counts. The value is -2 where a detector was on all along, -1 where it was off.
    health=Health(
        rows=QUARTERS,
        value="CASE WHEN detector IS NULL THEN NULL WHEN changes > 0 THEN actuations WHEN is_on THEN -2 ELSE -1 END",
        channel="coalesce(detector, -1)",
        interval_s="900",
        is_judged=DAYTIME,
        judged_s=DAYTIME_S,
        is_zero="CASE WHEN detector IS NOT NULL THEN changes = 0 END",
        is_high="actuations > threshold('health_signal_erratic_counts_min') * 15",
        is_constant="length * interval_s >= CASE value WHEN -2 THEN threshold('health_signal_max_presence_s') "
        "WHEN -1 THEN threshold('health_signal_no_activity_s') END",
        is_clock_off="ahead_us > threshold('health_clock_ahead_s') * 1000000",
        tests=(
            ("insufficient", "coverage_share < threshold('health_min_coverage_share')"),
            ("stuck", "constant_share > threshold('health_signal_stuck_share')"),
            ("chatter", "high_share > threshold('health_signal_erratic_share')"),
        ),
    ),
    described=Described("signal_controllers", on="controller_id", clock="clock_offset_s"),
    late_after=timedelta(hours=1),
    wire={
        "csv": WIRE,
        "parquet": WIRE,
        "econolite": {
            "columns": {
                "controller_id": {"from": ["Intersection #", "IP Address"], "combine": "first"},
                "occurred_at": "Timestamp",
                "code": "EventCode",
                "parameter": "EventParam",
            }
        },
        "maxtime": {
            "columns": {
                "controller_id": {"from": ["IntersectionNumber", "IP"], "combine": "first"},
                "occurred_at": "TimeStamp",
                "code": "EventTypeID",
                "parameter": "Parameter",
            }
        },
    },
    sources=(
        "Indiana Traffic Signal Hi Resolution Data Logger Enumerations, Purdue University (2012), doi 10.4231/K4RN35SH",
        "Indiana Traffic Signal Hi Resolution Data Logger Enumerations, pooled fund study TPF-5(377), Purdue University (2019)",
    ),
)
