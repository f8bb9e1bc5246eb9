-- The row of each meter that holds when a day starts; before the first row, the first one.
SELECT
    d.event_date,
    m.meter_id,
    m.meter_class,
    m.district,
    min(m.valid_from) OVER (PARTITION BY d.event_date, m.meter_id) < d.ends_at AS is_installed
FROM reference.meters AS m
CROSS JOIN days AS d
QUALIFY row_number() OVER (
    PARTITION BY d.event_date, m.meter_id
    ORDER BY m.valid_from <= d.starts_at DESC, abs(us_between(m.valid_from, d.starts_at))
) = 1
