-- The row of each bike station that holds when a day starts; before the first row, the first one.
SELECT
    d.event_date,
    s.station_id,
    s.name,
    s.district,
    s.capacity,
    s.report_ttl_s,
    min(s.valid_from) OVER (PARTITION BY d.event_date, s.station_id) < d.ends_at AS is_installed
FROM reference.stations AS s
CROSS JOIN days AS d
QUALIFY row_number() OVER (
    PARTITION BY d.event_date, s.station_id
    ORDER BY s.valid_from <= d.starts_at DESC, abs(us_between(s.valid_from, d.starts_at))
) = 1
