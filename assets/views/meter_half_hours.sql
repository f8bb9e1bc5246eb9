-- Energy per meter, direction and local half hour: every reading spread over the half hours in proportion to time.
WITH
-- A reading of quality 'missing' says that there is no reading. One that began yesterday may end today.
readings AS (
    SELECT
        d.event_date,
        d.seconds,
        r.meter_id,
        r.register,
        r.direction,
        r.energy_kwh,
        r.quality,
        r.interval_s * 1000000 AS interval_us,
        us_between(d.starts_at, r.ended_at) AS end_us
    FROM refined.meter_readings AS r
    JOIN days AS d ON d.event_date = r.event_date
    WHERE r.quality <> 'missing'
    UNION ALL
    SELECT
        d.event_date,
        d.seconds,
        r.meter_id,
        r.register,
        r.direction,
        r.energy_kwh,
        r.quality,
        r.interval_s * 1000000 AS interval_us,
        us_between(d.starts_at, r.ended_at) AS end_us
    FROM refined.meter_readings AS r
    JOIN days AS d ON d.event_date = r.event_date + 1
    WHERE r.quality <> 'missing' AND us_between(d.starts_at, r.ended_at) > 0
),
-- The part of the reading that lies within the day.
within_day AS (
    SELECT *, greatest(end_us - interval_us, 0) AS from_us, least(end_us, seconds * 1000000) AS to_us
    FROM readings
),
overlapped AS (
    SELECT *, unnest(range(from_us // 1800000000, (to_us - 1) // 1800000000 + 1)) AS half_hour
    FROM within_day
    WHERE to_us > from_us
),
spread AS (
    SELECT
        *,
        least(to_us, (half_hour + 1) * 1800000000) - greatest(from_us, half_hour * 1800000000) AS overlap_us,
        energy_kwh * overlap_us / interval_us AS part_kwh
    FROM overlapped
),
register_half_hours AS (
    SELECT
        event_date,
        meter_id,
        direction,
        register,
        half_hour,
        count(*) AS n,
        sum(overlap_us) / 1e6 AS observed_s,
        sum(exact(part_kwh)) AS energy_kwh,
        coalesce(sum(exact(part_kwh)) FILTER (WHERE quality <> 'valid'), 0) AS estimated_kwh
    FROM spread
    GROUP BY ALL
),
-- The register 'total' already holds the others: beside it they would count twice.
registers AS (
    SELECT
        event_date,
        meter_id,
        direction,
        bool_or(register = 'total') AS has_total,
        CASE WHEN has_total THEN 1 ELSE count(DISTINCT register) END AS expected_registers
    FROM register_half_hours
    GROUP BY event_date, meter_id, direction
)
SELECT
    b.event_date,
    b.meter_id,
    b.direction,
    b.half_hour,
    any_value(r.expected_registers) AS expected_registers,
    CAST(sum(b.n) AS BIGINT) AS n,
    sum(least(exact(b.observed_s), 1800)) AS observed_s,
    sum(b.energy_kwh) AS energy_kwh,
    sum(b.estimated_kwh) AS estimated_kwh
FROM register_half_hours AS b
JOIN registers AS r USING (event_date, meter_id, direction)
WHERE NOT r.has_total OR b.register = 'total'
GROUP BY ALL
