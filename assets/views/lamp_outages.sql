-- Outages of lamps, in microseconds since the day began: dark hours in which a lamp gives no light, or says that it is defective, for
-- longer than a short while. They are cut at midnight, where they may be as short as they are.
WITH
out AS (
    SELECT event_date, lamp_id, at_us, from_us, until_us, is_defective
    FROM views.lamp_pieces
    WHERE phase = 'dark' AND is_out AND until_us > from_us
),
runs AS (
    SELECT *, sum(is_new::INT) OVER (PARTITION BY event_date, lamp_id ORDER BY from_us) AS run
    FROM (
        SELECT *, coalesce(from_us > lag(until_us) OVER (PARTITION BY event_date, lamp_id ORDER BY from_us), true) AS is_new
        FROM out
    )
),
outages AS (
    SELECT
        event_date,
        lamp_id,
        min(from_us) AS from_us,
        max(until_us) AS until_us,
        CASE WHEN arg_min(coalesce(is_defective, false), from_us) THEN 'status' ELSE 'power' END AS said_by,
        min(at_us) AS said_us
    FROM runs
    GROUP BY event_date, lamp_id, run
)
SELECT o.*
FROM outages AS o
JOIN days AS d USING (event_date)
WHERE o.until_us - o.from_us >= threshold('lamp_outage_min_s') * 1000000
    OR o.from_us = 0
    OR o.until_us = us_between(d.starts_at, d.ends_at)
