-- alert_to_scene: formulas and sources are in schemas/metrics/alert_to_scene.py.
SELECT
    a.event_date,
    a.camera_id,
    event_id,
    kind,
    a.district,
    captured_at,
    received_at,
    incident_id,
    CASE WHEN incident_id IS NOT NULL THEN 'place_and_time' END AS method,
    distance_m,
    call_at,
    dispatched_at,
    on_scene_at,
    1 AS n,
    ((call_at IS NOT NULL)::INT + (dispatched_at IS NOT NULL)::INT + (on_scene_at IS NOT NULL)::INT) / 3 AS coverage_share,
    h.health_share,
    -- of those that are known
    coalesce(dispatched_at >= call_at, true) AND coalesce(on_scene_at >= coalesce(dispatched_at, call_at), true) AS is_in_order,
    seconds_on(captured_at, received_at) AS capture_to_received_s,
    seconds_on(captured_at, call_at) AS capture_to_call_s,
    seconds_on(call_at, dispatched_at) AS call_to_dispatched_s,
    seconds_on(dispatched_at, on_scene_at) AS dispatched_to_scene_s,
    seconds_on(captured_at, on_scene_at) AS capture_to_scene_s,
    CASE
        WHEN NOT has_place THEN 'no_place'
        WHEN incident_id IS NULL THEN 'no_call'
        WHEN dispatched_at IS NULL THEN 'no_dispatch'
        WHEN on_scene_at IS NULL THEN 'no_arrival'
    END AS null_reason
FROM views.alerts_followed AS a
LEFT JOIN metrics.sensor_health_daily AS h
    ON h.event_date = a.event_date AND h.sensor_id = a.camera_id AND h.feed = 'camera_events'
