-- A crowd before a camera is so dense, count after count, that it endangers those in it.
-- severity: critical
-- every_s: 2
-- window_s: 3600
-- latest_rows: 60
-- of_each: device
-- cool_down_s: 300
-- source: Still, Introduction to Crowd Science, 2014
-- source: Fruin, Pedestrian Planning and Design, 1971
WITH
-- Counts that may follow each other: no older than so many lifetimes of a count.
counts AS (
    SELECT
        e.camera_id,
        e.captured_at,
        e.people_count,
        e.people_count / coalesce(e.area_m2, c.area_m2) AS density,
        density >= threshold('crowd_dangerous_min_per_m2') AS is_dense,
        c.district,
        c.h3_cell,
        cause('camera_events', e._source, e._position) AS cause
    FROM landed.camera_events AS e
    LEFT JOIN reference.cameras AS c ON c.camera_id = e.camera_id
    WHERE e.kind = 'crowd_count'
        AND is_sure(e.confidence)
        AND coalesce(e.area_m2, c.area_m2) IS NOT NULL
        AND us_between(e.captured_at, getvariable('now')::TIMESTAMPTZ)
            <= threshold('crowd_dangerous_min_counts') * threshold('crowd_count_ttl_s') * 1e6
),
-- Those since the last that was not so dense.
run AS (
    SELECT *
    FROM (SELECT *, max(captured_at) FILTER (WHERE NOT is_dense) OVER (PARTITION BY camera_id) AS thin_at FROM counts)
    WHERE is_dense AND (thin_at IS NULL OR captured_at > thin_at)
)
SELECT
    'camera' AS place_kind,
    camera_id AS place_id,
    any_value(h3_cell) AS h3_cell,
    min(captured_at) AS started_at,
    max(captured_at) AS event_at,
    arg_max(density, captured_at) AS value,
    threshold('crowd_dangerous_min_per_m2') AS threshold_value,
    'people/m2' AS unit,
    format('{} people before camera {}{} are {:.1f} to the square metre; from {:.1f} on crowds can be dangerous.',
        arg_max(people_count, captured_at), camera_id, coalesce(' in ' || any_value(district), ''),
        arg_max(density, captured_at), threshold('crowd_dangerous_min_per_m2')) AS message,
    list(cause ORDER BY captured_at DESC) AS causes
FROM run
GROUP BY camera_id
HAVING count(*) >= threshold('crowd_dangerous_min_counts')
    AND us_between(max(captured_at), getvariable('now')::TIMESTAMPTZ) <= threshold('crowd_count_ttl_s') * 1e6
