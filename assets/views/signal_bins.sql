-- Every quarter of the day of every controller that said anything on it, with the share of it in which the controller was heard.
WITH
silences AS MATERIALIZED (
    SELECT * FROM views.signal_silences
),
controllers AS (
    SELECT DISTINCT event_date, controller_id FROM silences
),
silent AS (
    SELECT
        s.event_date,
        s.controller_id,
        q.quarter,
        sum(
            least(s.until_us, epoch_us(q.bin_at) + q.seconds * 1000000) - greatest(s.from_us, epoch_us(q.bin_at))
        ) AS silent_us
    FROM silences AS s
    JOIN quarters AS q
        ON q.event_date = s.event_date
        AND s.from_us < epoch_us(q.bin_at) + q.seconds * 1000000
        AND s.until_us > epoch_us(q.bin_at)
    GROUP BY s.event_date, s.controller_id, q.quarter
)
SELECT
    q.event_date,
    c.controller_id,
    q.quarter,
    q.bin_at,
    q.local_time,
    q.seconds,
    coalesce(p.district, 'unknown') AS district,
    1 - coalesce(s.silent_us, 0) / (q.seconds * 1000000) AS coverage_share,
    h.health_share
FROM controllers AS c
JOIN quarters AS q USING (event_date)
LEFT JOIN silent AS s USING (event_date, controller_id, quarter)
LEFT JOIN views.signal_controllers_by_day AS p USING (event_date, controller_id)
LEFT JOIN metrics.sensor_health_daily AS h
    ON h.event_date = q.event_date AND h.sensor_id = c.controller_id AND h.feed = 'signal_events'
