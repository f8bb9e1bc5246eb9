-- transit_headways: formulas and sources are in schemas/metrics/transit_headways.py.
WITH
-- Nobody waits at the last stop of a trip.
visits AS (
    SELECT * FROM views.transit_visits WHERE NOT is_last AND stop_id IS NOT NULL
),
-- Longer headways are breaks in service: nobody waits through the night.
actual AS (
    SELECT
        event_date,
        service_date,
        trip_id,
        stop_sequence,
        visited_us - lag(visited_us) OVER (
            PARTITION BY event_date, route_id, direction, stop_id ORDER BY visited_us, service_date, trip_id, stop_sequence
        ) AS gap_us,
        CASE WHEN gap_us <= threshold('transit_headway_max_s') * 1000000 THEN gap_us / 1e6 END AS headway_s
    FROM visits
    WHERE visited_us IS NOT NULL
),
planned AS (
    SELECT
        event_date,
        service_date,
        trip_id,
        stop_sequence,
        scheduled_us - lag(scheduled_us) OVER (
            PARTITION BY event_date, route_id, direction, stop_id ORDER BY scheduled_us, service_date, trip_id, stop_sequence
        ) AS gap_us,
        CASE WHEN gap_us <= threshold('transit_headway_max_s') * 1000000 THEN gap_us / 1e6 END AS headway_s
    FROM visits
    WHERE scheduled_us IS NOT NULL
),
-- Both headways of a visit count in its hour, and their difference where there are both.
headways AS (
    SELECT v.*, a.headway_s, p.headway_s AS scheduled_headway_s, a.headway_s - p.headway_s AS deviation_s
    FROM visits AS v
    LEFT JOIN actual AS a USING (event_date, service_date, trip_id, stop_sequence)
    LEFT JOIN planned AS p USING (event_date, service_date, trip_id, stop_sequence)
    WHERE v.is_of_day
),
parts AS (
    SELECT
        event_date,
        route_id,
        direction,
        stop_id,
        hour,
        count(headway_s) AS n,
        count(visited_us) / count(*) AS coverage_share,
        count(*) FILTER (WHERE visited_us IS NOT NULL AND health_share = 1) AS healthy_n,
        count(visited_us) FILTER (WHERE health_share IS NOT NULL) AS judged_n,
        count(visited_us) AS visits_n,
        count(*) AS expected_n,
        count(scheduled_us) AS timed_n,
        CAST(sum(exact(headway_s)) AS DOUBLE) AS headway_sum_s,
        CAST(sum(exact(headway_s * headway_s)) AS DOUBLE) AS headway_square_sum_s2,
        count(scheduled_headway_s) AS scheduled_n,
        CAST(sum(exact(scheduled_headway_s)) AS DOUBLE) AS scheduled_headway_sum_s,
        CAST(sum(exact(scheduled_headway_s * scheduled_headway_s)) AS DOUBLE) AS scheduled_headway_square_sum_s2,
        count(deviation_s) AS deviation_n,
        CAST(sum(exact(deviation_s)) AS DOUBLE) AS deviation_sum_s,
        CAST(sum(exact(deviation_s * deviation_s)) AS DOUBLE) AS deviation_square_sum_s2,
        CASE WHEN deviation_n > 0
            THEN count(*) FILTER (WHERE headway_s < threshold('transit_bunched_share') * scheduled_headway_s)
        END AS bunched_n
    FROM headways
    GROUP BY event_date, route_id, direction, stop_id, hour
),
judged AS (
    SELECT
        p.* EXCLUDE (hour, healthy_n, judged_n, timed_n),
        h.bin_at,
        h.local_time,
        CAST(p.healthy_n AS DOUBLE) / nullif(p.judged_n, 0) AS health_share,
        -- The first reason that applies. One headway has no spread.
        coalesce(
            coverage_reason(p.visits_n > 0, p.coverage_share),
            CASE
                WHEN p.timed_n = 0 THEN 'no_schedule'
                WHEN coalesce(p.headway_sum_s, 0) = 0 OR coalesce(p.scheduled_headway_sum_s, 0) = 0 OR p.deviation_n < 2 THEN 'too_few'
            END
        ) AS null_reason,
        is_carried(p.visits_n, p.coverage_share) AS is_carried,
        -- Nothing that rounding left of a spread of 0 becomes a number.
        p.deviation_sum_s / nullif(p.deviation_n, 0) AS deviation_mean_s,
        greatest(p.deviation_square_sum_s2 / nullif(p.deviation_n, 0) - deviation_mean_s * deviation_mean_s, 0) AS spread_s2
    FROM parts AS p
    JOIN views.hours AS h USING (event_date, hour)
)
SELECT
    * EXCLUDE (is_carried, deviation_mean_s, spread_s2),
    scheduled_headway_sum_s / nullif(scheduled_n, 0) <= threshold('transit_frequent_max_headway_s') AS is_frequent,
    CASE WHEN is_carried THEN headway_square_sum_s2 / nullif(2 * headway_sum_s, 0) END AS wait_s,
    scheduled_headway_square_sum_s2 / nullif(2 * scheduled_headway_sum_s, 0) AS scheduled_wait_s,
    wait_s - scheduled_wait_s AS excess_wait_s,
    CASE WHEN is_carried AND deviation_n >= 2 THEN sqrt(spread_s2) / nullif(scheduled_headway_sum_s / scheduled_n, 0) END AS headway_cv,
    CASE WHEN is_carried THEN CAST(bunched_n AS DOUBLE) / nullif(deviation_n, 0) END AS bunched_share
FROM judged
