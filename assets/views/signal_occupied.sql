-- Stretches in which a detector of function 'presence' was occupied, per phase it serves.
WITH
presence AS (
    SELECT event_date, controller_id, detector, phase
    FROM views.signal_channels_by_day
    WHERE function = 'presence'
),
-- On and off within one tenth of a second: no time passes and the state is as before.
switches AS (
    SELECT e.event_date, e.controller_id, e.parameter AS detector, e.at_us, min(e.code) AS code
    FROM views.signal_events_by_day AS e
    SEMI JOIN presence AS p
        ON p.event_date = e.event_date AND p.controller_id = e.controller_id AND p.detector = e.parameter
    WHERE e.code IN (81, 82)
    GROUP BY e.event_date, e.controller_id, e.parameter, e.at_us
    HAVING min(e.code) = max(e.code)
),
around AS (
    SELECT
        *,
        lag(code) OVER detector_day IS NULL AS is_first,
        lead(code) OVER detector_day AS next_code,
        lead(at_us) OVER detector_day AS next_us
    FROM switches
    WINDOW detector_day AS (PARTITION BY event_date, controller_id, detector ORDER BY at_us)
),
-- Where an event was lost between two alike, it is set half-way; two ons close together are one vehicle after another.
stretches AS (
    SELECT
        a.event_date,
        a.controller_id,
        a.detector,
        CASE WHEN a.code = 82 THEN a.at_us ELSE a.next_us - (a.next_us - a.at_us) // 2 END AS from_us,
        CASE
            WHEN a.next_code IS NULL THEN epoch_us(d.ends_at)
            WHEN a.next_code = 81 OR a.next_us - a.at_us <= threshold('signal_lost_off_s') * 1000000 THEN a.next_us
            ELSE a.next_us - (a.next_us - a.at_us) // 2
        END AS until_us
    FROM around AS a
    JOIN days AS d USING (event_date)
    WHERE a.code = 82 OR a.next_code = 81
    UNION ALL
    -- The first thing heard of it is its end: it was occupied from before.
    SELECT
        a.event_date,
        a.controller_id,
        a.detector,
        epoch_us(d.starts_at) - CAST(threshold('signal_lookback_s') * 1000000 AS BIGINT),
        a.at_us
    FROM around AS a
    JOIN days AS d USING (event_date)
    WHERE a.is_first AND a.code = 81
)
SELECT s.event_date, s.controller_id, p.phase, s.from_us, s.until_us
FROM stretches AS s
JOIN presence AS p USING (event_date, controller_id, detector)
WHERE s.until_us > s.from_us
