-- A camera's analytics conclude that a vehicle travels against the traffic.
-- severity: critical
-- every_s: 1
-- window_s: 1800
-- latest_rows: 1
-- cool_down_s: 300
-- source: citylake default, 2026: every event that the analytics are sure of; more of one camera meanwhile belong to the same alert
SELECT
    'camera' AS place_kind,
    e.camera_id AS place_id,
    any_value(c.h3_cell) AS h3_cell,
    min(e.captured_at) AS started_at,
    max(e.captured_at) AS event_at,
    max(e.confidence) AS value,
    threshold('camera_min_confidence') AS threshold_value,
    'share' AS unit,
    seen_before_camera('A vehicle travels the wrong way', e.camera_id, any_value(c.district), max(e.confidence)) AS message,
    list(cause('camera_events', e._source, e._position) ORDER BY e.captured_at DESC, e.event_id) AS causes
FROM landed.camera_events AS e
LEFT JOIN reference.cameras AS c ON c.camera_id = e.camera_id
WHERE e.kind = 'wrong_way' AND is_sure(e.confidence) AND is_news(e.captured_at, e._received_at)
GROUP BY e.camera_id
