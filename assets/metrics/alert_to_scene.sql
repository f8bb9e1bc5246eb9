-- alert_to_scene: formulas and sources are in schemas/metrics/alert_to_scene.py.
SELECT
    event_date,
    camera_id,
    event_id,
    kind,
    district,
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
    -- instants of the chain that are known must be in its order
    CASE WHEN coalesce(dispatched_at >= call_at, true) AND coalesce(on_scene_at >= coalesce(dispatched_at, call_at), true)
        THEN 1 ELSE 0 END AS health_share,
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
FROM views.alerts_followed
