-- travel_time_reliability: formulas and sources are in schemas/metrics/travel_time_reliability.py.
WITH
-- Quarter hours of the month by the regulation's periods of the week.
periods AS (
    SELECT
        event_date,
        quarter,
        seconds,
        hour(local_time) AS hour,
        dayofweek(local_time) IN (0, 6) AS is_weekend,
        CASE
            WHEN hour < 6 OR hour >= 20 THEN 'overnight'
            WHEN is_weekend THEN 'weekend'
            WHEN hour < 10 THEN 'weekday_am'
            WHEN hour < 16 THEN 'weekday_midday'
            ELSE 'weekday_pm'
        END AS period
    FROM quarters
),
expected AS (
    SELECT date_trunc('month', event_date)::DATE AS event_date, period, count(*) AS expected_quarters
    FROM periods
    GROUP BY ALL
),
-- One travel time for each quarter hour in which there is any, so that a quarter has one voice however many journeys it saw.
-- Quarters without any are left out, never filled.
route_quarters AS (
    SELECT
        d.event_date AS day,
        t.route_id,
        us_between(d.starts_at, t.observed_at) // 900000000 AS quarter,
        count(*) AS n,
        CAST(sum(exact(t.travel_time_s)) AS DOUBLE) AS sum_s,
        sum_s / count(*) AS mean_s,
        h.health_share
    FROM refined.travel_time AS t
    JOIN days AS d USING (event_date)
    LEFT JOIN metrics.sensor_health_daily AS h
        ON h.event_date = t.event_date AND h.sensor_id = t.route_id AND h.feed = 'travel_time'
    GROUP BY d.event_date, t.route_id, quarter, h.health_share
),
parts AS (
    SELECT
        date_trunc('month', q.day)::DATE AS event_date,
        q.route_id,
        p.period,
        CAST(sum(q.n) AS BIGINT) AS n,
        CAST(sum(exact(q.sum_s)) AS DOUBLE) AS travel_time_sum_s,
        count(*) AS quarters,
        CAST(sum(exact(q.mean_s)) AS DOUBLE) AS quarter_mean_sum_s,
        avg(q.health_share) AS health_share,
        quantile_cont(q.mean_s, [0.5, 0.8, 0.95]) AS percentiles
    FROM route_quarters AS q
    JOIN periods AS p ON p.event_date = q.day AND p.quarter = q.quarter
    GROUP BY ALL
),
-- A route that reported in the month has a row for each of the five periods.
grid AS (
    SELECT r.event_date, r.route_id, e.period, e.expected_quarters
    FROM (SELECT DISTINCT event_date, route_id FROM parts) AS r
    JOIN expected AS e USING (event_date)
),
-- The route's row that holds when the month starts; before the first row, the first one.
routes AS (
    SELECT m.event_date, r.*
    FROM reference.routes AS r
    CROSS JOIN (SELECT min(event_date) AS event_date, min(starts_at) AS starts_at FROM days GROUP BY date_trunc('month', event_date)) AS m
    QUALIFY row_number() OVER (
        PARTITION BY m.event_date, r.route_id
        ORDER BY r.valid_from <= m.starts_at DESC, abs(us_between(r.valid_from, m.starts_at))
    ) = 1
),
observed AS (
    SELECT
        g.event_date,
        g.route_id,
        g.period,
        r.road,
        coalesce(r.district, 'unknown') AS district,
        coalesce(p.n, 0) AS n,
        coalesce(p.quarters, 0) AS quarters,
        g.expected_quarters,
        coalesce(p.quarters, 0) / g.expected_quarters AS coverage_share,
        p.health_share,
        p.travel_time_sum_s,
        p.quarter_mean_sum_s,
        p.quarter_mean_sum_s / p.quarters AS average_s,
        p.percentiles,
        r.free_flow_s,
        p.quarters >= threshold('travel_time_min_quarters') AND p.quarters >= threshold('travel_time_min_coverage_share') * g.expected_quarters
            AS carried
    FROM grid AS g
    LEFT JOIN parts AS p USING (event_date, route_id, period)
    LEFT JOIN routes AS r USING (event_date, route_id)
)
SELECT
    * EXCLUDE (average_s, percentiles, free_flow_s, carried),
    CASE WHEN carried THEN average_s END AS mean_s,
    CASE WHEN carried THEN percentiles[1] END AS p50_s,
    CASE WHEN carried THEN percentiles[2] END AS p80_s,
    CASE WHEN carried THEN percentiles[3] END AS p95_s,
    free_flow_s,
    mean_s / free_flow_s AS travel_time_index,
    p95_s / free_flow_s AS planning_time_index,
    (p95_s - mean_s) / mean_s AS buffer_index,
    CASE WHEN period <> 'overnight' THEN p80_s / p50_s END AS lottr,
    CASE
        WHEN n = 0 THEN 'no_data'
        WHEN NOT carried THEN 'low_coverage'
        WHEN free_flow_s IS NULL THEN 'no_free_flow'
    END AS null_reason
FROM observed
