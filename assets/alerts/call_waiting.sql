-- A call was received, and no unit was dispatched within the time that its priority allows.
-- severity: critical
-- every_s: 1
-- window_s: 7200
-- latest_rows: 1
-- cool_down_s: 0
-- source: NFPA 1710, section 4.1.2.3.3 (alarm processing), 2016 edition
-- source: NFPA 1225, section 15.4, 2021 edition
WITH
-- All that is known of an incident: the desk's first row has no unit yet, later ones have one each.
incidents AS (
    SELECT
        incident_id,
        min(received_at) AS received_at,
        arg_max(lower(priority), _received_at) AS priority,
        arg_max(call_type, _received_at) AS call_type,
        arg_max(district, _received_at) AS district,
        max(h3_cell) AS h3_cell,
        -- an incident that was cleared without a unit waits no more
        bool_or(coalesce(dispatched_at, en_route_at, on_scene_at, cleared_at) IS NOT NULL) AS is_served,
        list(cause('emergency_calls', _source, _position) ORDER BY _received_at DESC) AS causes
    FROM landed.emergency_calls
    GROUP BY incident_id
),
waits AS (
    SELECT
        *,
        CASE priority
            WHEN 'emergency' THEN threshold('call_waiting_emergency_s')
            WHEN 'urgent' THEN threshold('call_waiting_urgent_s')
            WHEN 'routine' THEN threshold('call_waiting_routine_s')
            ELSE threshold('call_waiting_unknown_s')
        END AS limit_s,
        us_between(received_at, getvariable('now')::TIMESTAMPTZ) / 1e6 AS waited_s
    FROM incidents
    WHERE NOT is_served
)
SELECT
    'incident' AS place_kind,
    incident_id AS place_id,
    h3_cell,
    received_at AS started_at,
    received_at + to_microseconds(CAST(limit_s * 1e6 AS BIGINT)) AS event_at,
    waited_s AS value,
    limit_s AS threshold_value,
    's' AS unit,
    format('Call {} ({}, {}) in {} has waited {:.0f} s without a unit; {:.0f} s are allowed.',
        incident_id, call_type, priority, district, waited_s, limit_s) AS message,
    causes
FROM waits
WHERE waited_s > limit_s
