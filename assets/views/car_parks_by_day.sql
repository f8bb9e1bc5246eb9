-- The row of each car park that holds when a day starts; before the first row, the first one.
SELECT
    d.event_date,
    c.facility_id,
    c.name,
    c.district,
    c.capacity,
    c.report_ttl_s,
    min(c.valid_from) OVER (PARTITION BY d.event_date, c.facility_id) < d.ends_at AS is_installed
FROM reference.car_parks AS c
CROSS JOIN days AS d
QUALIFY row_number() OVER (
    PARTITION BY d.event_date, c.facility_id
    ORDER BY c.valid_from <= d.starts_at DESC, abs(us_between(c.valid_from, d.starts_at))
) = 1
