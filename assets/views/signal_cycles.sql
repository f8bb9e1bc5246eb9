-- Services of a phase that were heard whole: green, then yellow, then the first seconds of red. A service belongs to the day in
-- which those seconds end, so that it is complete when it is counted.
WITH
-- A red told twice is one; a green or yellow told twice is not: something between them was lost.
changes AS (
    SELECT *
    FROM views.signal_lights
    QUALIFY
        state < 3
        OR state IS DISTINCT FROM lag(state) OVER (PARTITION BY event_date, controller_id, phase ORDER BY at_us, state)
),
followed AS (
    SELECT
        event_date,
        controller_id,
        phase,
        state,
        at_us AS green_us,
        lead(at_us, 1) OVER light AS yellow_us,
        lead(state, 1) OVER light AS second_state,
        lead(at_us, 2) OVER light AS red_us,
        lead(state, 2) OVER light AS third_state,
        lead(at_us, 3) OVER light AS next_us,
        lead(state, 3) OVER light AS next_state
    FROM changes
    WINDOW light AS (PARTITION BY event_date, controller_id, phase ORDER BY at_us, state)
)
-- A red that the next green cuts short is judged by what there was of it.
SELECT
    f.event_date,
    f.controller_id,
    f.phase,
    f.green_us,
    f.yellow_us,
    f.red_us,
    least(f.red_us + CAST(threshold('signal_split_failure_red_s') * 1000000 AS BIGINT), f.next_us) AS end_us
FROM followed AS f
JOIN days AS d USING (event_date)
WHERE
    f.state = 1
    AND f.second_state = 2
    AND f.third_state = 3
    AND f.yellow_us > f.green_us
    AND (coalesce(f.next_state, 0) < 4 OR f.next_us >= f.red_us + threshold('signal_split_failure_red_s') * 1000000)
    AND end_us > f.red_us
    AND end_us >= epoch_us(d.starts_at)
    AND end_us < epoch_us(d.ends_at)
