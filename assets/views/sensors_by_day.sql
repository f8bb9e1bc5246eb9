-- The row of each traffic detector that holds when a day starts; before the first row, the first one.
SELECT
    d.event_date,
    s.sensor_id,
    s.road,
    s.direction,
    s.district,
    s.lanes,
    s.free_flow_kmh,
    s.segment_km,
    s.road_km,
    s.effective_length_m,
    s.incident_difference_min_share,
    s.incident_relative_difference_min,
    s.incident_downstream_max_share,
    min(s.valid_from) OVER (PARTITION BY d.event_date, s.sensor_id) < d.ends_at AS is_installed
FROM reference.sensors AS s
CROSS JOIN days AS d
QUALIFY row_number() OVER (
    PARTITION BY d.event_date, s.sensor_id
    ORDER BY s.valid_from <= d.starts_at DESC, abs(us_between(s.valid_from, d.starts_at))
) = 1
