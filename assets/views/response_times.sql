-- Response times of incidents, over each day and over each month: a row per period, district and priority. Formulas and sources are in
-- schemas/metrics/response_times_daily.py. Percentiles are taken of the period's incidents, never of other percentiles.
WITH
-- Microseconds of each phase; NULL where an instant is missing. A phase that runs backwards is a fault of the clocks or of the typing, not
-- a short phase: it is left out.
phases AS (
    SELECT
        event_date,
        district,
        priority,
        on_scene_at,
        us_on(call_at, dispatched_at) AS call_processing_us,
        us_on(dispatched_at, en_route_at) AS turnout_us,
        us_on(en_route_at, on_scene_at) AS travel_us,
        us_on(call_at, on_scene_at) AS total_us,
        -- The known instants in the order of the response: each must not be before any earlier one.
        list_filter([call_at, dispatched_at, en_route_at, on_scene_at, cleared_at], lambda x: x IS NOT NULL) AS known,
        known = list_sort(known) AS is_in_order
    FROM views.call_incidents
    JOIN days USING (event_date)
),
of_periods AS (
    SELECT 'day' AS period, * FROM phases
    UNION ALL BY NAME
    SELECT 'month' AS period, * REPLACE (date_trunc('month', event_date)::DATE AS event_date) FROM phases
)
SELECT
    period,
    event_date,
    district,
    priority,
    count(*) AS n,
    count(on_scene_at) / count(*) AS coverage_share,
    count(*) FILTER (WHERE is_in_order) / count(*) AS health_share,
    count(call_processing_us) AS call_processing_n,
    CAST(sum(call_processing_us) AS DOUBLE) / 1e6 AS call_processing_sum_s,
    quantile_cont(call_processing_us / 1e6, 0.5) AS call_processing_p50_s,
    quantile_cont(call_processing_us / 1e6, 0.9) AS call_processing_p90_s,
    count(*) FILTER (WHERE call_processing_us <= threshold('call_processing_target_s') * 1e6) AS call_processing_within_n,
    call_processing_within_n::DOUBLE / nullif(call_processing_n, 0) AS call_processing_within_share,
    count(turnout_us) AS turnout_n,
    CAST(sum(turnout_us) AS DOUBLE) / 1e6 AS turnout_sum_s,
    quantile_cont(turnout_us / 1e6, 0.5) AS turnout_p50_s,
    quantile_cont(turnout_us / 1e6, 0.9) AS turnout_p90_s,
    count(*) FILTER (WHERE turnout_us <= threshold('turnout_target_s') * 1e6) AS turnout_within_n,
    turnout_within_n::DOUBLE / nullif(turnout_n, 0) AS turnout_within_share,
    count(travel_us) AS travel_n,
    CAST(sum(travel_us) AS DOUBLE) / 1e6 AS travel_sum_s,
    quantile_cont(travel_us / 1e6, 0.5) AS travel_p50_s,
    quantile_cont(travel_us / 1e6, 0.9) AS travel_p90_s,
    count(*) FILTER (WHERE travel_us <= threshold('travel_target_s') * 1e6) AS travel_within_n,
    travel_within_n::DOUBLE / nullif(travel_n, 0) AS travel_within_share,
    count(total_us) AS total_n,
    CAST(sum(total_us) AS DOUBLE) / 1e6 AS total_sum_s,
    quantile_cont(total_us / 1e6, 0.5) AS total_p50_s,
    quantile_cont(total_us / 1e6, 0.9) AS total_p90_s,
    count(*) FILTER (WHERE total_us <= threshold('total_target_s') * 1e6) AS total_within_n,
    total_within_n::DOUBLE / nullif(total_n, 0) AS total_within_share,
    CASE WHEN total_n = 0 THEN 'no_arrival' END AS null_reason
FROM of_periods
GROUP BY period, event_date, district, priority
