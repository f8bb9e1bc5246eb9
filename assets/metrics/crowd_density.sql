-- crowd_density: formulas and sources are in schemas/metrics/crowd_density.py.
WITH
-- Whole microseconds and whole people: sums of them are exact in any order.
parts AS (
    SELECT
        event_date,
        camera_id,
        quarter,
        sum(counts_n) AS n,
        sum(held_us) AS counted_us,
        sum(held_us) FILTER (WHERE is_sure) AS sure_us,
        coalesce(sum(held_us) FILTER (WHERE area_m2 IS NOT NULL), 0) AS rated_us,
        sum(held_us * people_count) AS person_us,
        sum(held_us * people_count) FILTER (WHERE area_m2 IS NOT NULL) AS rated_person_us,
        sum(exact(held_us / 1e6 * area_m2)) AS area_m2_s,
        coalesce(sum(held_us) FILTER (WHERE level = 'A'), 0) AS level_a_us,
        coalesce(sum(held_us) FILTER (WHERE level = 'B'), 0) AS level_b_us,
        coalesce(sum(held_us) FILTER (WHERE level = 'C'), 0) AS level_c_us,
        coalesce(sum(held_us) FILTER (WHERE level = 'D'), 0) AS level_d_us,
        coalesce(sum(held_us) FILTER (WHERE level = 'E'), 0) AS level_e_us,
        coalesce(sum(held_us) FILTER (WHERE level = 'F'), 0) AS level_f_us,
        max(people_count) AS people_max,
        max(people_count / area_m2) AS density_max_per_m2
    FROM views.crowd_spells
    GROUP BY event_date, camera_id, quarter
),
-- A camera that counted on the day, or whose last count reaches into it, has a row for each quarter hour.
grid AS (
    SELECT c.event_date, c.camera_id, q.quarter, q.bin_at, q.local_time, q.seconds
    FROM (SELECT DISTINCT event_date, camera_id FROM parts) AS c
    JOIN quarters AS q USING (event_date)
),
observed AS (
    SELECT
        g.event_date,
        g.camera_id,
        g.bin_at,
        g.local_time,
        coalesce(c.district, 'unknown') AS district,
        coalesce(c.crowd, 'walking') AS crowd,
        CAST(coalesce(p.n, 0) AS BIGINT) AS n,
        CAST(coalesce(p.counted_us, 0) AS DOUBLE) / (g.seconds * 1000000) AS coverage_share,
        h.health_share,
        CAST(coalesce(p.counted_us, 0) AS DOUBLE) / 1e6 AS counted_s,
        CAST(coalesce(p.sure_us, 0) AS DOUBLE) / 1e6 AS sure_s,
        CAST(coalesce(p.rated_us, 0) AS DOUBLE) / 1e6 AS rated_s,
        CAST(p.person_us AS DOUBLE) / 1e6 AS person_s,
        CAST(p.rated_person_us AS DOUBLE) / 1e6 AS rated_person_s,
        CAST(p.area_m2_s AS DOUBLE) AS area_m2_s,
        CAST(coalesce(p.level_a_us, 0) AS DOUBLE) / 1e6 AS level_a_s,
        CAST(coalesce(p.level_b_us, 0) AS DOUBLE) / 1e6 AS level_b_s,
        CAST(coalesce(p.level_c_us, 0) AS DOUBLE) / 1e6 AS level_c_s,
        CAST(coalesce(p.level_d_us, 0) AS DOUBLE) / 1e6 AS level_d_s,
        CAST(coalesce(p.level_e_us, 0) AS DOUBLE) / 1e6 AS level_e_s,
        CAST(coalesce(p.level_f_us, 0) AS DOUBLE) / 1e6 AS level_f_s,
        p.people_max,
        p.density_max_per_m2
    FROM grid AS g
    LEFT JOIN parts AS p ON p.event_date = g.event_date AND p.camera_id = g.camera_id AND p.quarter = g.quarter
    LEFT JOIN views.cameras_by_day AS c ON c.event_date = g.event_date AND c.camera_id = g.camera_id
    LEFT JOIN metrics.sensor_health_daily AS h
        ON h.event_date = g.event_date AND h.sensor_id = g.camera_id AND h.feed = 'camera_events'
),
-- The first reason that applies; below the coverage threshold no ratio is shown, the additive parts stay.
judged AS (
    SELECT
        *,
        coalesce(coverage_reason(counted_s > 0, coverage_share), CASE WHEN rated_s = 0 THEN 'no_area' END) AS null_reason,
        coverage_share >= threshold('coverage_min_share') AS is_carried
    FROM observed
)
SELECT
    * EXCLUDE (is_carried),
    CASE WHEN is_carried THEN person_s / nullif(counted_s, 0) END AS mean_people,
    CASE WHEN is_carried THEN rated_person_s / area_m2_s END AS density_per_m2,
    CASE WHEN is_carried THEN fruin_level(rated_person_s, area_m2_s, crowd) END AS level_of_service
FROM judged
