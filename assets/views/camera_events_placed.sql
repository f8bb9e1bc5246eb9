-- What cameras said, and where they stood when they saw it: the reference row in force then; before a camera's first row, that one.
SELECT e.event_date, e.camera_id, e.event_id, e.kind, e.confidence, e.captured_at, e.received_at,
    coalesce(c.district, 'unknown') AS district, c.lat, c.lon
FROM refined.camera_events AS e
LEFT JOIN reference.cameras AS c ON c.camera_id = e.camera_id
QUALIFY row_number() OVER (
    PARTITION BY e.event_date, e.camera_id, e.event_id
    ORDER BY c.valid_from <= e.captured_at DESC, abs(us_between(c.valid_from, e.captured_at))
) = 1
