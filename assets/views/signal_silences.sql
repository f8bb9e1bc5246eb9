-- Stretches in which a controller said nothing for so long that it cannot be trusted to have been heard: from the last event
-- before to the first one after. Each controller of the day has at least the row before its first event in view.
WITH
-- One pass over all events; silences are longer than a minute, so the first and last event of each minute tell them.
minutes AS (
    SELECT
        event_date,
        controller_id,
        at_us // 60000000 AS minute,
        min(at_us) AS first_us,
        max(at_us) AS last_us,
        bool_or(is_own) AS is_own
    FROM views.signal_events_by_day
    GROUP BY event_date, controller_id, minute
),
controllers AS (
    SELECT
        m.event_date,
        m.controller_id,
        epoch_us(any_value(d.starts_at)) AS starts_us,
        epoch_us(any_value(d.ends_at)) AS ends_us,
        -- Just before the first instant in view, so that no event can be there.
        starts_us - CAST(threshold('signal_lookback_s') * 1000000 AS BIGINT) - 1 AS view_us
    FROM minutes AS m
    JOIN days AS d USING (event_date)
    GROUP BY m.event_date, m.controller_id
    HAVING bool_or(m.is_own)
),
-- The ends of the view stand as if something had been heard there.
heard AS (
    SELECT m.event_date, m.controller_id, m.first_us, m.last_us
    FROM minutes AS m
    JOIN controllers AS c USING (event_date, controller_id)
    UNION ALL
    SELECT event_date, controller_id, view_us, view_us FROM controllers
    UNION ALL
    SELECT event_date, controller_id, ends_us, ends_us FROM controllers
),
pauses AS (
    SELECT
        event_date,
        controller_id,
        lag(last_us) OVER (PARTITION BY event_date, controller_id ORDER BY first_us, last_us) AS from_us,
        first_us AS until_us
    FROM heard
)
SELECT p.event_date, p.controller_id, p.from_us, p.until_us
FROM pauses AS p
JOIN controllers AS c USING (event_date, controller_id)
WHERE
    p.from_us = c.view_us
    -- At night a signal may rest for minutes. The hour is counted from the day's start.
    OR p.until_us - p.from_us > 1000000 * CASE
        WHEN (p.from_us - c.starts_us + 86400000000) // 3600000000 % 24
            BETWEEN threshold('signal_day_start_h') AND threshold('signal_day_end_h') - 1
            THEN threshold('signal_silence_day_s')
        ELSE threshold('signal_silence_night_s')
    END
