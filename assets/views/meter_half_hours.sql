-- Energy per meter, direction and local half hour: what was measured, spread in proportion to time, and what fills its gaps.
-- Times are microseconds since the day began. Raw and refined readings stay as they are.
WITH
counters AS MATERIALIZED (SELECT * FROM views.meter_counters),
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
        us_between(d.starts_at, r.ended_at) AS to_us,
        false AS is_gap
    FROM refined.meter_readings AS r
    JOIN days AS d ON d.event_date = r.event_date
    WHERE r.energy_kwh IS NOT NULL AND r.quality <> 'missing'
    UNION ALL
    SELECT
        d.event_date,
        d.seconds * 1000000 AS day_us,
        r.meter_id,
        r.register,
        r.direction,
        r.energy_kwh,
        r.quality = 'valid' AS is_valid,
        us_between(d.starts_at, r.ended_at) - r.interval_s * 1000000 AS from_us,
        us_between(d.starts_at, r.ended_at) AS to_us,
        false AS is_gap
    FROM refined.meter_readings AS r
    JOIN days AS d ON d.event_date = r.event_date + 1
    WHERE r.energy_kwh IS NOT NULL AND r.quality <> 'missing' AND us_between(d.starts_at, r.ended_at) > 0
    UNION ALL
    SELECT event_date, seconds * 1000000 AS day_us, meter_id, register, direction, energy_kwh, is_valid, from_us, to_us, is_gap
    FROM counters
    WHERE from_us < day_us AND to_us > 0
),
-- Most lie within one half hour; only the others are cut at its edges.
parts AS (
    SELECT *, from_us // 1800000000 AS half_hour, to_us - from_us AS overlap_us
    FROM intervals
    WHERE from_us >= 0 AND from_us < day_us AND from_us // 1800000000 = (to_us - 1) // 1800000000
    UNION ALL
    SELECT *, least(to_us, day_us, (half_hour + 1) * 1800000000) - greatest(from_us, half_hour * 1800000000) AS overlap_us
    FROM (
        SELECT *, unnest(range(greatest(from_us, 0) // 1800000000, (least(to_us, day_us) - 1) // 1800000000 + 1)) AS half_hour
        FROM intervals
        WHERE from_us < day_us AND (from_us < 0 OR from_us // 1800000000 <> (to_us - 1) // 1800000000)
    )
),
register_half_hours AS MATERIALIZED (
    SELECT
        event_date,
        meter_id,
        direction,
        register,
        half_hour,
        count(*) FILTER (WHERE NOT is_gap) AS n,
        least(coalesce(sum(overlap_us) FILTER (WHERE NOT is_gap), 0), 1800000000) AS observed_us,
        coalesce(sum(overlap_us) FILTER (WHERE is_gap), 0) AS spread_us,
        sum(exact_kwh(energy_kwh * overlap_us / (to_us - from_us))) AS energy_kwh,
        sum(exact_kwh(energy_kwh * overlap_us / (to_us - from_us))) FILTER (WHERE is_gap OR NOT is_valid) AS estimated_kwh,
        sum(exact_kwh(energy_kwh * overlap_us / (to_us - from_us))) FILTER (WHERE is_gap) AS spread_kwh
    FROM parts
    GROUP BY event_date, meter_id, direction, register, half_hour
),
-- Registers of the day, and those that spoke the day before and the day after it alone.
reported AS (
    SELECT event_date, meter_id, direction, register, sum(observed_us + spread_us) AS known_us
    FROM register_half_hours
    GROUP BY event_date, meter_id, direction, register
),
-- Only registers with gaps are looked at interval by interval, and only they need days before.
gappy AS MATERIALIZED (
    SELECT r.event_date, r.meter_id, r.direction, r.register
    FROM reported AS r
    JOIN days AS d USING (event_date)
    WHERE r.known_us < d.seconds * 1000000
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
    FROM refined.meter_readings AS r
    JOIN days AS d ON r.event_date BETWEEN d.event_date - 1 AND d.event_date + 1
    SEMI JOIN gappy AS g
        ON g.event_date = d.event_date AND g.meter_id = r.meter_id AND g.direction = r.direction AND g.register = r.register
    WHERE r.energy_kwh IS NOT NULL AND r.quality <> 'missing'
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
        from_us - known_us <= threshold('energy_gap_linear_max_s') * 1000000 AND before IS NOT NULL AS is_short,
        greatest(coalesce(known_us, 0), 0) AS gap_from_us,
        least(from_us, day_us) AS gap_to_us
    FROM followed
    WHERE from_us > coalesce(known_us, 0) AND coalesce(known_us, 0) < day_us AND from_us > 0
),
gap_parts AS (
    SELECT
        *,
        greatest(gap_from_us, half_hour * 1800000000) AS part_from_us,
        least(gap_to_us, (half_hour + 1) * 1800000000) AS part_to_us
    FROM (
        SELECT *, unnest(range(gap_from_us // 1800000000, (gap_to_us - 1) // 1800000000 + 1)) AS half_hour
        FROM gaps
    )
),
-- Like days: the same weekday of the weeks before. Their mean power by the half hour of the wall clock, from valid readings.
wanted AS (
    SELECT DISTINCT event_date, meter_id, direction, register
    FROM gap_parts
    WHERE NOT is_short
),
like_readings AS (
    SELECT
        w.event_date,
        r.meter_id,
        r.direction,
        r.register,
        r.energy_kwh,
        r.interval_s * 1000000 AS interval_us,
        us_between(date_trunc('day', r.local_time)::TIMESTAMPTZ, r.local_time::TIMESTAMPTZ) AS from_us
    FROM refined.meter_readings AS r
    JOIN wanted AS w
        ON r.event_date IN (w.event_date - 7, w.event_date - 14, w.event_date - 21, w.event_date - 28)
        AND r.event_date >= w.event_date - CAST(threshold('energy_like_weeks') * 7 AS INTEGER)
        AND w.meter_id = r.meter_id AND w.direction = r.direction AND w.register = r.register
    WHERE r.energy_kwh IS NOT NULL AND r.quality = 'valid'
),
likenesses AS (
    SELECT
        event_date,
        meter_id,
        direction,
        register,
        slot,
        sum(exact_kwh(energy_kwh * overlap_us / interval_us)) / CAST(sum(overlap_us) AS DOUBLE) AS kwh_us
    FROM (
        SELECT
            *,
            least(from_us + interval_us, (slot + 1) * 1800000000) - greatest(from_us, slot * 1800000000) AS overlap_us
        FROM (
            SELECT *, unnest(range(from_us // 1800000000, (from_us + interval_us - 1) // 1800000000 + 1)) AS slot
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
        g.is_short,
        g.part_to_us - g.part_from_us AS estimated_us,
        exact_kwh(
            CASE
                WHEN g.is_short THEN estimated_us / 3600e6 * (
                    g.before.kw
                    + (g.after.kw - g.before.kw) * ((g.part_from_us + g.part_to_us) / 2 - g.before.mid_us)
                        / (g.after.mid_us - g.before.mid_us)
                )
                ELSE estimated_us * l.kwh_us
            END
        ) AS energy_kwh
    FROM gap_parts AS g
    JOIN slots AS s USING (event_date, half_hour)
    LEFT JOIN likenesses AS l
        ON NOT g.is_short AND l.event_date = g.event_date AND l.meter_id = g.meter_id
        AND l.direction = g.direction AND l.register = g.register AND l.slot = s.slot
    WHERE g.is_short OR l.kwh_us IS NOT NULL
),
every AS (
    SELECT
        event_date,
        meter_id,
        direction,
        register,
        half_hour,
        n,
        observed_us,
        spread_us AS estimated_us,
        energy_kwh,
        coalesce(estimated_kwh, 0) AS estimated_kwh,
        coalesce(spread_kwh, 0) AS spread_kwh,
        0 AS interpolated_kwh,
        0 AS like_days_kwh
    FROM register_half_hours
    UNION ALL
    SELECT
        event_date,
        meter_id,
        direction,
        register,
        half_hour,
        0 AS n,
        0 AS observed_us,
        estimated_us,
        energy_kwh,
        energy_kwh AS estimated_kwh,
        0 AS spread_kwh,
        CASE WHEN is_short THEN energy_kwh ELSE 0 END AS interpolated_kwh,
        CASE WHEN is_short THEN 0 ELSE energy_kwh END AS like_days_kwh
    FROM estimates
),
-- The register 'total' already holds the others: beside it they would count twice.
registers AS (
    SELECT
        event_date,
        meter_id,
        direction,
        bool_or(register = 'total') AS has_total,
        CASE WHEN has_total THEN 1 ELSE count(*) END AS expected_registers
    FROM reported
    GROUP BY event_date, meter_id, direction
)
SELECT
    e.event_date,
    e.meter_id,
    e.direction,
    e.half_hour,
    any_value(r.expected_registers) AS expected_registers,
    CAST(sum(e.n) AS BIGINT) AS n,
    CAST(sum(e.observed_us) AS BIGINT) AS observed_us,
    CAST(sum(e.estimated_us) AS BIGINT) AS estimated_us,
    sum(e.energy_kwh) AS energy_kwh,
    sum(e.estimated_kwh) AS estimated_kwh,
    sum(e.spread_kwh) AS spread_kwh,
    sum(e.interpolated_kwh) AS interpolated_kwh,
    sum(e.like_days_kwh) AS like_days_kwh
FROM every AS e
JOIN registers AS r USING (event_date, meter_id, direction)
WHERE NOT r.has_total OR e.register = 'total'
GROUP BY e.event_date, e.meter_id, e.direction, e.half_hour
