-- Energy per meter, direction and local half hour: what was measured, spread in proportion to time, and what fills its gaps.
-- Times are microseconds since the day began. Raw and refined readings stay as they are.
WITH
counters AS MATERIALIZED (SELECT * FROM views.meter_counters),
days_around AS (
    SELECT event_date, starts_at, seconds, away, event_date + away AS read_date
    FROM days
    CROSS JOIN (SELECT unnest([-1, 0, 1]) AS away)
),
-- What each register measured in the day. One that began yesterday may end today; one of quality 'missing' is none.
intervals AS (
    SELECT
        d.event_date,
        d.seconds * 1000000 AS day_us,
        r.meter_id,
        r.register,
        r.direction,
        r.energy_kwh,
        r.quality = 'valid' AS is_valid,
        us_between(d.starts_at, r.ended_at) - r.interval_s * 1000000 AS from_us,
        us_between(d.starts_at, r.ended_at) AS to_us
    FROM refined.meter_readings AS r
    JOIN (SELECT * FROM days_around WHERE away < 1) AS d ON d.read_date = r.event_date
    WHERE r.energy_kwh IS NOT NULL AND r.quality <> 'missing' AND us_between(d.starts_at, r.ended_at) > 0
    UNION ALL
    SELECT event_date, seconds * 1000000 AS day_us, meter_id, register, direction, energy_kwh, is_valid, from_us, to_us
    FROM counters
    WHERE NOT is_gap AND from_us < day_us AND to_us > 0
),
-- Most lie within one half hour; only the others are cut at its edges.
parts AS (
    SELECT *, from_us // 1800000000 AS half_hour, to_us - from_us AS overlap_us
    FROM intervals
    WHERE from_us >= 0 AND from_us < day_us AND from_us // 1800000000 = (to_us - 1) // 1800000000
    UNION ALL
    SELECT *, us_in_bin(from_us, least(to_us, day_us), half_hour, 1800000000) AS overlap_us
    FROM (
        SELECT *, unnest(bins_of_spell(greatest(from_us, 0), least(to_us, day_us), 1800000000)) AS half_hour
        FROM intervals
        WHERE from_us < day_us AND (from_us < 0 OR from_us // 1800000000 <> (to_us - 1) // 1800000000)
    )
),
measured AS MATERIALIZED (
    SELECT
        event_date,
        meter_id,
        direction,
        register,
        half_hour,
        count(*) AS n,
        least(sum(overlap_us), 1800000000) AS observed_us,
        sum(exact_kwh(energy_kwh * overlap_us / (to_us - from_us))) AS energy_kwh,
        sum(exact_kwh(energy_kwh * overlap_us / (to_us - from_us))) FILTER (WHERE NOT is_valid) AS not_valid_kwh
    FROM parts
    GROUP BY event_date, meter_id, direction, register, half_hour
),
-- Where a counter ran on over a gap, its difference is spread evenly.
spread AS (
    SELECT
        *,
        us_in_bin(from_us, least(to_us, day_us), half_hour, 1800000000) AS estimated_us,
        exact_kwh(energy_kwh * estimated_us / (to_us - from_us)) AS spread_kwh
    FROM (
        SELECT
            *,
            seconds * 1000000 AS day_us,
            unnest(bins_of_spell(greatest(from_us, 0), least(to_us, day_us), 1800000000)) AS half_hour
        FROM counters
        WHERE is_gap AND from_us < seconds * 1000000 AND to_us > 0
    )
),
spoke AS (
    SELECT event_date, meter_id, direction, register, sum(known_us) AS known_us
    FROM (
        SELECT event_date, meter_id, direction, register, observed_us AS known_us FROM measured
        UNION ALL
        SELECT event_date, meter_id, direction, register, estimated_us FROM spread
    )
    GROUP BY event_date, meter_id, direction, register
),
-- A meter that spoke the day before and the day after, but not on the day, has a gap as long as the day.
reported AS (
    SELECT * FROM spoke
    UNION ALL
    SELECT event_date, meter_id, direction, register, 0 AS known_us
    FROM (
        SELECT d.event_date, r.meter_id, r.direction, r.register
        FROM refined.meter_readings AS r
        JOIN (SELECT * FROM days_around WHERE away <> 0) AS d ON d.read_date = r.event_date
        WHERE r.energy_kwh IS NOT NULL AND r.quality <> 'missing'
        GROUP BY d.event_date, r.meter_id, r.direction, r.register
        HAVING min(d.away) < max(d.away)
    )
    ANTI JOIN spoke USING (event_date, meter_id, direction)
),
-- Only registers with gaps are looked at interval by interval, with the days around, and only they need days before.
gappy AS MATERIALIZED (
    SELECT r.event_date, r.meter_id, r.direction, r.register
    FROM reported AS r
    JOIN days AS d USING (event_date)
    WHERE r.known_us < d.seconds * 1000000
),
-- Picked by meter first, in a way that DuckDB cannot turn round: it would keep all readings in memory to look few meters up.
picked AS MATERIALIZED (
    SELECT r.event_date AS read_date, r.meter_id, r.register, r.direction, r.energy_kwh, r.ended_at, r.interval_s
    FROM refined.meter_readings AS r
    JOIN (SELECT DISTINCT read_date FROM days_around) AS d ON d.read_date = r.event_date
    WHERE r.energy_kwh IS NOT NULL AND r.quality <> 'missing' AND coalesce(r.meter_id IN (SELECT meter_id FROM gappy), false)
),
around AS (
    SELECT
        d.event_date,
        d.seconds * 1000000 AS day_us,
        r.meter_id,
        r.register,
        r.direction,
        r.energy_kwh,
        us_between(d.starts_at, r.ended_at) - r.interval_s * 1000000 AS from_us,
        us_between(d.starts_at, r.ended_at) AS to_us
    FROM picked AS r
    JOIN days_around AS d USING (read_date)
    SEMI JOIN gappy AS g
        ON g.event_date = d.event_date AND g.meter_id = r.meter_id AND g.direction = r.direction AND g.register = r.register
    UNION ALL
    SELECT c.event_date, c.seconds * 1000000 AS day_us, c.meter_id, c.register, c.direction, c.energy_kwh, c.from_us, c.to_us
    FROM counters AS c
    SEMI JOIN gappy AS g USING (event_date, meter_id, direction, register)
),
-- Before each interval: how far the register was known by then, and by which interval.
followed AS (
    SELECT
        *,
        max(to_us) OVER earlier AS known_us,
        arg_max({'mid_us': (from_us + to_us) / 2, 'kw': energy_kwh * 3600e6 / (to_us - from_us)}, to_us) OVER earlier AS before,
        {'mid_us': (from_us + to_us) / 2, 'kw': energy_kwh * 3600e6 / (to_us - from_us)} AS after
    FROM around
    WINDOW earlier AS (
        PARTITION BY event_date, meter_id, direction, register
        ORDER BY from_us, to_us
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),
-- Only what a later interval closes is a gap: the time after the last one may still be told. One of which the begin is not known
-- is a long one.
gaps AS (
    SELECT
        * EXCLUDE (from_us, to_us, known_us),
        coalesce(from_us - known_us <= threshold('energy_gap_linear_max_s') * 1000000, false) AS is_short,
        greatest(coalesce(known_us, 0), 0) AS gap_from_us,
        least(from_us, day_us) AS gap_to_us
    FROM followed
    WHERE from_us > coalesce(known_us, 0) AND coalesce(known_us, 0) < day_us AND from_us > 0
),
gap_parts AS MATERIALIZED (
    SELECT
        *,
        greatest(gap_from_us, half_hour * 1800000000) AS part_from_us,
        least(gap_to_us, (half_hour + 1) * 1800000000) AS part_to_us
    FROM (
        SELECT *, unnest(bins_of_spell(gap_from_us, gap_to_us, 1800000000)) AS half_hour
        FROM gaps
    )
),
-- Like days: the same weekday of the weeks before. Their mean power by the half hour of the wall clock, from valid readings.
wanted AS (
    SELECT *, event_date - 7 * week AS like_date
    FROM (SELECT DISTINCT event_date, meter_id, direction, register FROM gap_parts WHERE NOT is_short)
    CROSS JOIN (SELECT unnest([1, 2, 3, 4]) AS week)
    WHERE week <= threshold('energy_like_weeks')
),
like_readings AS (
    SELECT
        w.event_date,
        r.meter_id,
        r.direction,
        r.register,
        r.energy_kwh,
        r.interval_s * 1000000 AS interval_us,
        epoch_us(r.local_time) - epoch_us(date_trunc('day', r.local_time)) AS from_us
    FROM refined.meter_readings AS r
    JOIN wanted AS w
        ON w.like_date = r.event_date AND w.meter_id = r.meter_id AND w.direction = r.direction AND w.register = r.register
    WHERE r.energy_kwh IS NOT NULL AND r.quality = 'valid'
),
likenesses AS (
    SELECT
        event_date,
        meter_id,
        direction,
        register,
        slot,
        CAST(sum(exact_kwh(energy_kwh * overlap_us / interval_us)) AS DOUBLE) / sum(overlap_us) AS kwh_us
    FROM (
        SELECT *, us_in_bin(from_us, from_us + interval_us, slot, 1800000000) AS overlap_us
        FROM (
            SELECT *, unnest(bins_of_spell(from_us, from_us + interval_us, 1800000000)) AS slot
            FROM like_readings
        )
    )
    GROUP BY event_date, meter_id, direction, register, slot
),
slots AS (
    SELECT event_date, quarter // 2 AS half_hour, hour(min(local_time)) * 2 + minute(min(local_time)) // 30 AS slot
    FROM quarters
    GROUP BY event_date, quarter // 2
),
-- A short gap is a straight line from the middle of the interval before to the middle of the one after; a part of it has the
-- power of its own middle.
estimates AS (
    SELECT
        g.event_date,
        g.meter_id,
        g.direction,
        g.register,
        g.half_hour,
        g.part_to_us - g.part_from_us AS estimated_us,
        exact_kwh(CASE
            WHEN g.is_short THEN estimated_us / 3600e6 * (
                g.before.kw
                + (g.after.kw - g.before.kw) * ((g.part_from_us + g.part_to_us) / 2 - g.before.mid_us)
                    / (g.after.mid_us - g.before.mid_us)
            )
        END) AS interpolated_kwh,
        exact_kwh(CASE WHEN NOT g.is_short THEN estimated_us * l.kwh_us END) AS like_days_kwh
    FROM gap_parts AS g
    JOIN slots AS s USING (event_date, half_hour)
    LEFT JOIN likenesses AS l
        ON l.event_date = g.event_date AND l.meter_id = g.meter_id AND l.direction = g.direction AND l.register = g.register
        AND l.slot = s.slot
    WHERE g.is_short OR l.kwh_us IS NOT NULL
),
-- The register 'total' already holds the others: beside it they would count twice.
registers AS (
    SELECT
        event_date,
        meter_id,
        direction,
        bool_or(register = 'total') AS has_total,
        count(*) AS registers,
        CASE WHEN has_total THEN 1 ELSE registers END AS expected_registers
    FROM reported
    GROUP BY event_date, meter_id, direction
),
-- Where there are several registers or estimates, half hours are put together; of the others, which are most, they stand as they are.
mixed AS MATERIALIZED (
    SELECT r.event_date, r.meter_id, r.direction, r.has_total, r.expected_registers
    FROM registers AS r
    WHERE r.registers > 1
        OR (r.event_date, r.meter_id, r.direction) IN (SELECT (event_date, meter_id, direction) FROM estimates)
        OR (r.event_date, r.meter_id, r.direction) IN (SELECT (event_date, meter_id, direction) FROM spread)
),
every AS (
    SELECT event_date, meter_id, direction, register, half_hour, n, observed_us, 0 AS estimated_us, energy_kwh AS measured_kwh,
        not_valid_kwh, NULL AS spread_kwh, NULL AS interpolated_kwh, NULL AS like_days_kwh
    FROM measured
    UNION ALL
    SELECT event_date, meter_id, direction, register, half_hour, 0, 0, estimated_us, NULL, NULL, spread_kwh, NULL, NULL
    FROM spread
    UNION ALL
    SELECT event_date, meter_id, direction, register, half_hour, 0, 0, estimated_us, NULL, NULL, NULL, interpolated_kwh, like_days_kwh
    FROM estimates
)
SELECT
    event_date,
    meter_id,
    direction,
    half_hour,
    1 AS expected_registers,
    n,
    observed_us,
    0 AS estimated_us,
    energy_kwh,
    not_valid_kwh AS estimated_kwh,
    NULL AS spread_kwh,
    NULL AS interpolated_kwh,
    NULL AS like_days_kwh
FROM measured
ANTI JOIN mixed USING (event_date, meter_id, direction)
UNION ALL
SELECT
    e.event_date,
    e.meter_id,
    e.direction,
    e.half_hour,
    any_value(m.expected_registers),
    CAST(sum(e.n) AS BIGINT),
    sum(e.observed_us),
    sum(e.estimated_us),
    sum(coalesce(e.measured_kwh, 0) + coalesce(e.spread_kwh, 0) + coalesce(e.interpolated_kwh, 0) + coalesce(e.like_days_kwh, 0)),
    sum(coalesce(e.not_valid_kwh, 0) + coalesce(e.spread_kwh, 0) + coalesce(e.interpolated_kwh, 0) + coalesce(e.like_days_kwh, 0)),
    sum(e.spread_kwh),
    sum(e.interpolated_kwh),
    sum(e.like_days_kwh)
FROM every AS e
JOIN mixed AS m USING (event_date, meter_id, direction)
WHERE NOT m.has_total OR e.register = 'total'
GROUP BY e.event_date, e.meter_id, e.direction, e.half_hour
