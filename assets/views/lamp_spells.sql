-- What each lamp's reports say, and from when until when, in microseconds since the day began: a report holds until the next one,
-- but no longer than it is believed. Spells of one lamp never overlap.
WITH
-- A day sees its own reports and those of the day before, whose last one may hold over midnight. Nothing older, so that a day
-- says the same whether it is measured alone or among others.
reports AS (
    SELECT
        d.event_date,
        o.lamp_id,
        us_between(d.starts_at, o.observed_at) AS at_us,
        us_between(d.starts_at, d.ends_at) AS day_us,
        p.ttl_us,
        p.rated_w,
        lamp_is_burning(o.power_w, o.power_state, o.dim_share) AS is_burning,
        o.status IN ('defective_lamp', 'broken_lantern') AS is_defective,
        -- what is not measured is told by the level, or by the rating where the lamp is on and nothing dims it
        coalesce(
            o.power_w,
            CASE
                WHEN o.power_state = 'off' THEN 0
                WHEN o.dim_share IS NOT NULL THEN o.dim_share * p.rated_w
                WHEN o.power_state = 'on' THEN p.rated_w
            END
        ) AS watts,
        o.energy_total_kwh AS counter_kwh
    FROM refined.streetlights AS o
    CROSS JOIN (VALUES (0), (1)) AS k (days_on)
    JOIN days AS d ON d.event_date = o.event_date + k.days_on
    JOIN views.lamp_places AS p ON p.event_date = d.event_date AND p.lamp_id = o.lamp_id
    WHERE o.device_kind = 'lamp'
),
-- A report that leaves something out, such as a notification of what changed, lets what was said before hold on.
carried AS (
    SELECT
        *,
        coalesce(lead(at_us) OVER in_time, day_us) AS next_us,
        last_value(CASE WHEN is_burning IS NOT NULL THEN {'at': at_us, 'is': is_burning, 'w': watts} END IGNORE NULLS) OVER so_far
            AS burning,
        last_value(CASE WHEN is_defective IS NOT NULL THEN {'at': at_us, 'is': is_defective} END IGNORE NULLS) OVER so_far AS wrong,
        last_value(CASE WHEN counter_kwh IS NOT NULL THEN {'at': at_us, 'kwh': counter_kwh} END IGNORE NULLS) OVER so_far AS counted,
        first_value(CASE WHEN counter_kwh IS NOT NULL THEN {'at': at_us, 'kwh': counter_kwh} END IGNORE NULLS) OVER from_next
            AS counts
    FROM reports
    WINDOW
        in_time AS (PARTITION BY event_date, lamp_id ORDER BY at_us),
        so_far AS (PARTITION BY event_date, lamp_id ORDER BY at_us ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        from_next AS (PARTITION BY event_date, lamp_id ORDER BY at_us ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
),
settled AS (
    SELECT
        *,
        CASE WHEN burning.at >= at_us - ttl_us THEN burning.is END AS burns,
        CASE WHEN burning.at >= at_us - ttl_us THEN burning.w END AS burning_w,
        CASE WHEN wrong.at >= at_us - ttl_us THEN wrong.is END AS is_wrong,
        -- a counter that fell began at 0 again; one that rises faster than the lamp can draw is another one
        (counts.kwh - CASE WHEN counts.kwh >= counted.kwh THEN counted.kwh ELSE 0 END) * 3.6e12 / (counts.at - counted.at)
            AS risen_w,
        CASE WHEN risen_w <= coalesce(rated_w * threshold('lamp_counter_max_ratio'), risen_w) THEN risen_w END AS counter_w
    FROM carried
)
SELECT
    event_date,
    lamp_id,
    at_us,
    greatest(at_us, 0) AS from_us,
    least(at_us + ttl_us, next_us) AS until_us,
    burns AS is_burning,
    is_wrong AS is_defective,
    -- what says so is the lamp's own word before what it draws
    CASE WHEN is_wrong THEN true WHEN burns IS NOT NULL THEN NOT burns WHEN is_wrong IS NOT NULL THEN false END AS is_out,
    coalesce(burns <> lag(burns) OVER in_time AND at_us - lag(at_us) OVER in_time <= ttl_us, false) AS is_switch,
    CASE WHEN next_us - at_us <= ttl_us THEN lead(burns) OVER in_time END AS next_burns,
    at_us >= 0 AS is_reported,
    -- between two readings of the counter the energy is known however long nothing was said
    coalesce(counter_w, burning_w) AS drawn_w,
    CASE WHEN counter_w IS NOT NULL THEN next_us WHEN burning_w IS NOT NULL THEN until_us END AS drawn_until_us
FROM settled
WINDOW in_time AS (PARTITION BY event_date, lamp_id ORDER BY at_us)
QUALIFY greatest(until_us, coalesce(drawn_until_us, 0)) > greatest(at_us, 0)
