-- transit_on_time: formulas and sources are in schemas/metrics/transit_on_time.py.
WITH
-- Whole microseconds: sums of them are exact in any order. Nobody minds a vehicle that comes to its last stop early.
parts AS (
    SELECT
        event_date,
        route_id,
        direction,
        hour,
        count(deviation_us) AS n,
        count(*) AS expected_n,
        count(scheduled_us) AS scheduled_n,
        count(deviation_us) FILTER (WHERE is_reported) AS reported_n,
        count(*) FILTER (WHERE deviation_us < -threshold('transit_early_max_s') * 1000000 AND NOT is_last) AS early_n,
        count(*) FILTER (WHERE deviation_us > threshold('transit_late_max_s') * 1000000) AS late_n,
        CAST(sum(deviation_us) AS DOUBLE) / 1000000 AS delay_sum_s,
        count(*) FILTER (WHERE deviation_us IS NOT NULL AND health_share = 1) AS healthy_n,
        count(deviation_us) FILTER (WHERE health_share IS NOT NULL) AS judged_n
    FROM views.transit_visits
    WHERE is_of_day AND is_timepoint
    GROUP BY event_date, route_id, direction, hour
),
judged AS (
    SELECT
        p.event_date,
        p.route_id,
        p.direction,
        h.bin_at,
        h.local_time,
        p.n,
        p.n / p.expected_n AS coverage_share,
        CAST(p.healthy_n AS DOUBLE) / nullif(p.judged_n, 0) AS health_share,
        p.expected_n,
        p.reported_n,
        CASE WHEN p.n > 0 THEN p.early_n END AS early_n,
        CASE WHEN p.n > 0 THEN p.late_n END AS late_n,
        CASE WHEN p.n > 0 THEN p.n - p.early_n - p.late_n END AS on_time_n,
        p.delay_sum_s,
        -- The first reason that applies: seen, but by no timetable; not seen; seen too little.
        CASE
            WHEN p.n = 0 AND p.scheduled_n = 0 THEN 'no_schedule'
            WHEN p.n = 0 THEN 'no_data'
            WHEN p.n / p.expected_n < threshold('coverage_min_share') THEN 'low_coverage'
        END AS null_reason
    FROM parts AS p
    JOIN views.hours AS h USING (event_date, hour)
)
SELECT
    *,
    CASE WHEN null_reason IS NULL THEN CAST(on_time_n AS DOUBLE) / n END AS on_time_share,
    CASE WHEN null_reason IS NULL THEN CAST(early_n AS DOUBLE) / n END AS early_share,
    CASE WHEN null_reason IS NULL THEN CAST(late_n AS DOUBLE) / n END AS late_share,
    CASE WHEN null_reason IS NULL THEN delay_sum_s / n END AS delay_mean_s
FROM judged
