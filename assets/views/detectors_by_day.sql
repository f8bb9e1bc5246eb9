-- Traffic detectors of each day as their reference row describes them, and how healthy they were; those without a row too.
SELECT
    event_date,
    sensor_id,
    s.* EXCLUDE (event_date, sensor_id, district),
    coalesce(s.district, 'unknown') AS district,
    h.health_share
FROM views.sensors_by_day AS s
FULL JOIN (
    SELECT event_date, sensor_id, health_share FROM metrics.sensor_health_daily WHERE feed = 'traffic_flow'
) AS h USING (event_date, sensor_id)
