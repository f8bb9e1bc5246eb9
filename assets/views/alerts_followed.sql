-- Alerts of cameras, each with the call that followed it, if any: near enough, soon enough, and of that alert alone.
WITH
-- Alerts and calls of the day after take part as well: a call shortly after midnight may answer an alert before it.
alerts AS (
    SELECT * FROM views.camera_events_placed WHERE kind <> 'crowd_count'
),
candidates AS (
    SELECT
        a.event_date,
        a.camera_id,
        a.event_id,
        a.captured_at,
        i.event_date AS call_date,
        i.incident_id,
        i.call_at,
        i.dispatched_at,
        i.on_scene_at,
        metres_between(a.lat, a.lon, i.place.lat, i.place.lon) AS distance_m
    FROM alerts AS a
    LEFT JOIN views.call_incidents AS i
        ON i.call_at >= a.captured_at
        AND i.call_at <= a.captured_at + to_microseconds(CAST(threshold('camera_call_after_max_s') * 1e6 AS BIGINT))
    WHERE distance_m <= threshold('camera_call_near_m')
),
-- A call answers one alert, the last before it; of several that answer one alert the first is the one that followed.
answers AS (
    SELECT *
    FROM candidates
    QUALIFY row_number() OVER (
        PARTITION BY call_date, incident_id ORDER BY captured_at DESC, distance_m, camera_id, event_id
    ) = 1
),
followed AS (
    SELECT *
    FROM answers
    QUALIFY row_number() OVER (
        PARTITION BY event_date, camera_id, event_id ORDER BY call_at, distance_m, incident_id
    ) = 1
)
SELECT
    a.* EXCLUDE (lat, lon),
    a.lat IS NOT NULL AND a.lon IS NOT NULL AS has_place,
    f.incident_id,
    f.call_at,
    f.dispatched_at,
    f.on_scene_at,
    f.distance_m
FROM alerts AS a
JOIN days AS d ON d.event_date = a.event_date
LEFT JOIN followed AS f ON f.event_date = a.event_date AND f.camera_id = a.camera_id AND f.event_id = a.event_id
