-- Energy between two successive states of a counter, for each requested day it reaches into. Differences, never the states.
WITH
states AS (
    SELECT event_date AS state_date, meter_id, register, direction, ended_at, reading_kwh, quality = 'valid' AS is_valid
    FROM refined.meter_readings
    WHERE energy_kwh IS NULL AND reading_kwh IS NOT NULL AND quality <> 'missing'
),
steps AS (
    SELECT
        *,
        lag(state_date) OVER successive AS state_date_before,
        lag(ended_at) OVER successive AS began_at,
        lag(reading_kwh) OVER successive AS before_kwh,
        is_valid AND lag(is_valid) OVER successive AS are_valid
    FROM states
    WINDOW successive AS (PARTITION BY meter_id, register, direction ORDER BY ended_at)
),
-- Another serial number than in the row before: from then on another counter counts.
devices AS (
    SELECT
        *,
        serial <> lag(serial) OVER changes AS is_exchange,
        max(CASE WHEN serial <> before_serial THEN valid_from END) OVER (changes ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
            AS exchanged_before_at
    FROM (
        SELECT *, lag(serial) OVER (PARTITION BY meter_id ORDER BY valid_from) AS before_serial
        FROM reference.meters
    )
    WINDOW changes AS (PARTITION BY meter_id ORDER BY valid_from)
),
exchanges AS (SELECT * FROM devices WHERE is_exchange),
known AS (
    SELECT
        s.*,
        v.register_max_kwh AS max_kwh,
        CASE WHEN x.valid_from > s.began_at THEN x.valid_from END AS exchanged_at,
        x.exchanged_before_at,
        x.first_reading_kwh,
        x.removed_reading_kwh
    FROM steps AS s
    ASOF LEFT JOIN devices AS v ON v.meter_id = s.meter_id AND v.valid_from <= s.ended_at
    ASOF LEFT JOIN exchanges AS x ON x.meter_id = s.meter_id AND x.valid_from <= s.ended_at
    WHERE s.began_at IS NOT NULL
),
-- What passed: over an exchange, the rest of the old counter and the beginning of the new one, where both ends are known; over a
-- rollover, up to the counter's range and on from 0. A counter that fell to near 0 was reset: at least what it shows has passed
-- since. One that fell otherwise contradicts itself: nothing is known.
told AS (
    SELECT
        *,
        CASE
            WHEN exchanged_at IS NOT NULL AND exchanged_before_at > began_at THEN 'unknown'
            WHEN exchanged_at IS NOT NULL THEN 'exchange'
            WHEN reading_kwh >= before_kwh THEN 'rise'
            WHEN before_kwh <= max_kwh
                AND before_kwh >= max_kwh * threshold('energy_rollover_min_share')
                AND reading_kwh <= max_kwh * (1 - threshold('energy_rollover_min_share'))
                THEN 'rollover'
            WHEN reading_kwh <= before_kwh * threshold('energy_reset_max_share') THEN 'reset'
            ELSE 'unknown'
        END AS step,
        CASE step
            WHEN 'rise' THEN reading_kwh - before_kwh
            WHEN 'rollover' THEN reading_kwh + max_kwh - before_kwh
            WHEN 'reset' THEN reading_kwh
            WHEN 'exchange' THEN CASE
                WHEN removed_reading_kwh >= before_kwh AND reading_kwh >= first_reading_kwh
                    THEN removed_reading_kwh - before_kwh + reading_kwh - first_reading_kwh
            END
        END AS energy_kwh
    FROM known
),
-- A day sees the states of the days around it, whatever other days are measured with it.
of_day AS (
    SELECT
        d.event_date,
        d.seconds,
        t.meter_id,
        t.register,
        t.direction,
        t.energy_kwh,
        t.are_valid AND t.step <> 'reset' AS is_valid,
        us_between(d.starts_at, t.began_at) AS from_us,
        us_between(d.starts_at, t.ended_at) AS to_us,
        quantile_disc(to_us - from_us, 0.5) OVER (PARTITION BY d.event_date, t.meter_id, t.register, t.direction) AS usual_us
    FROM told AS t
    JOIN (SELECT *, event_date + unnest([-1, 0, 1]) AS seen_date FROM days) AS d ON t.state_date = d.seen_date
    WHERE t.state_date_before >= d.event_date - 28
)
SELECT
    * EXCLUDE (usual_us),
    -- Longer than this counter is usually read: where in that time the energy passed is not known.
    to_us - from_us > usual_us * threshold('energy_counter_gap_ratio') AS is_gap
FROM of_day
WHERE energy_kwh * 3600e6 <= (to_us - from_us) * threshold('energy_meter_max_kw') AND to_us > from_us
