-- traffic_daily: formulas and sources are in schemas/metrics/traffic_daily.py.
WITH
-- Hours of detectors by road; detectors that no reference table places on a road are kept together.
hours AS (
    SELECT m.* EXCLUDE (road), coalesce(m.road, 'unknown') AS road, h.seconds, m.coverage_share * h.seconds AS covered_s
    FROM metrics.traffic_hourly AS m
    JOIN views.hours AS h ON h.event_date = m.event_date AND h.bin_at = m.bin_at
),
parts AS (
    SELECT
        event_date,
        road,
        count(DISTINCT sensor_id) AS sensors,
        CAST(sum(n) AS BIGINT) AS n,
        CAST(sum(seconds) AS DOUBLE) AS expected_s,
        CAST(sum(exact(covered_s)) AS DOUBLE) AS covered_s,
        CAST(sum(exact(covered_s * health_share)) AS DOUBLE)
            / nullif(CAST(sum(exact(covered_s)) FILTER (WHERE health_share IS NOT NULL) AS DOUBLE), 0) AS health_share,
        CAST(sum(exact(volume_veh)) AS DOUBLE) AS volume_veh,
        CAST(sum(exact(speed_weight)) AS DOUBLE) AS speed_weight,
        CAST(sum(exact(speed_sum_kmh)) AS DOUBLE) AS speed_sum_kmh,
        CAST(sum(exact_slowness(slowness_sum_h_km)) AS DOUBLE) AS slowness_sum_h_km,
        CAST(sum(exact(occupied_s)) AS DOUBLE) AS occupied_s,
        CAST(sum(exact(occupancy_observed_s)) AS DOUBLE) AS occupancy_observed_s,
        CAST(sum(exact(vehicle_km)) AS DOUBLE) AS vehicle_km,
        CAST(sum(exact(vehicle_h)) AS DOUBLE) AS vehicle_h,
        CAST(sum(exact(delay_veh_h)) AS DOUBLE) AS delay_veh_h
    FROM hours
    GROUP BY event_date, road
),
-- Only detectors that count anything on the day have a say in which hour was the busiest, and only hours that are covered.
counting AS (
    SELECT *
    FROM hours
    QUALIFY count(volume_veh) OVER (PARTITION BY event_date, sensor_id) > 0
),
peaks AS (
    SELECT
        event_date,
        road,
        bin_at AS peak_hour_at,
        CAST(sum(exact(volume_veh)) AS DOUBLE) AS peak_hour_veh,
        count(volume_veh) AS detectors
    FROM counting
    GROUP BY event_date, road, bin_at
    HAVING sum(exact(covered_s)) >= threshold('coverage_min_share') * sum(seconds)
    QUALIFY row_number() OVER (PARTITION BY event_date, road ORDER BY peak_hour_veh DESC, bin_at) = 1
),
-- Quarters of that hour, over all its detectors.
peak_quarters AS (
    SELECT
        p.event_date,
        p.road,
        m.bin_at,
        CAST(sum(exact(m.volume_veh)) AS DOUBLE) AS volume_veh,
        count(m.volume_veh) FILTER (WHERE m.coverage_share >= threshold('coverage_min_share')) AS detectors
    FROM peaks AS p
    JOIN metrics.traffic_15min AS m
        ON m.event_date = p.event_date AND coalesce(m.road, 'unknown') = p.road
        AND us_between(p.peak_hour_at, m.bin_at) BETWEEN 0 AND 3599999999
    GROUP BY ALL
),
-- The factor needs four quarters of every detector that counted in the hour, and nothing beside them.
busiest_quarters AS (
    SELECT p.event_date, p.road, max(q.volume_veh) AS busiest_quarter_veh
    FROM peaks AS p
    JOIN peak_quarters AS q USING (event_date, road)
    GROUP BY p.event_date, p.road
    HAVING count(*) = 4 AND min(q.detectors) = any_value(p.detectors) AND sum(exact(q.volume_veh)) = any_value(exact(p.peak_hour_veh))
),
observed AS (
    SELECT
        *,
        covered_s / expected_s AS coverage_share,
        speed_weight / nullif(slowness_sum_h_km, 0) AS space_kmh,
        is_carried(n, covered_s / expected_s) AS carried
    FROM parts
)
SELECT
    o.* EXCLUDE (space_kmh, carried),
    CASE WHEN o.carried THEN p.peak_hour_at END AS peak_hour_at,
    CASE WHEN o.carried THEN p.peak_hour_veh END AS peak_hour_veh,
    CASE WHEN o.carried THEN p.peak_hour_veh / nullif(o.volume_veh, 0) END AS peak_hour_share,
    CASE WHEN o.carried THEN p.peak_hour_veh / (4 * nullif(b.busiest_quarter_veh, 0)) END AS peak_hour_factor,
    CASE WHEN o.carried THEN o.space_kmh END AS space_mean_speed_kmh,
    CASE WHEN o.carried THEN o.speed_sum_kmh / nullif(o.speed_weight, 0) END AS time_mean_speed_kmh,
    CASE WHEN o.carried THEN o.occupied_s / o.occupancy_observed_s END AS occupancy_share,
    traffic_null_reason(o.n, o.coverage_share, o.volume_veh, o.space_kmh) AS null_reason
FROM observed AS o
LEFT JOIN peaks AS p USING (event_date, road)
LEFT JOIN busiest_quarters AS b USING (event_date, road)
