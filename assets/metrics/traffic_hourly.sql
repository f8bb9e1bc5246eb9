-- traffic_hourly: formulas and sources are in schemas/metrics/traffic_hourly.py.
WITH
-- Rows of up to 15 minutes come from their quarters, so that distance, time and delay are sums over these.
from_quarters AS (
    SELECT
        m.event_date,
        m.sensor_id,
        q.quarter // 4 AS hour,
        m.n,
        m.coverage_share * q.seconds AS covered_s,
        m.volume_veh,
        m.speed_weight,
        m.speed_sum_kmh,
        m.slowness_sum_h_km,
        m.occupied_s,
        m.occupancy_observed_s,
        m.vehicle_km,
        m.vehicle_h,
        m.delay_veh_h,
        CASE WHEN m.coverage_share >= threshold('coverage_min_share') THEN m.volume_veh END AS quarter_veh
    FROM metrics.traffic_15min AS m
    JOIN quarters AS q ON q.event_date = m.event_date AND q.bin_at = m.bin_at
),
-- Rows of 15 to 60 minutes fit only here.
from_longer AS (
    SELECT
        p.event_date,
        p.sensor_id,
        p.bin AS hour,
        p.n,
        p.observed_s / p.expected_lanes AS covered_s,
        p.volume_veh,
        p.speed_weight,
        p.speed_sum_kmh,
        p.slowness_sum_h_km,
        p.occupied_s,
        p.occupancy_observed_s,
        p.volume_veh * s.segment_km AS vehicle_km,
        travelled_h(vehicle_km, p.speed_weight / nullif(p.slowness_sum_h_km, 0)) AS vehicle_h,
        delay_veh_h(vehicle_km, vehicle_h, s.free_flow_kmh) AS delay_veh_h,
        CAST(NULL AS DOUBLE) AS quarter_veh
    FROM views.traffic_parts AS p
    LEFT JOIN views.sensors_by_day AS s USING (event_date, sensor_id)
    WHERE p.size_s = 3600
),
parts AS (
    SELECT
        event_date,
        sensor_id,
        hour,
        CAST(sum(n) AS BIGINT) AS n,
        CAST(sum(exact(covered_s)) AS DOUBLE) AS covered_s,
        CAST(sum(exact(volume_veh)) AS DOUBLE) AS volume_veh,
        CAST(sum(exact(speed_weight)) AS DOUBLE) AS speed_weight,
        CAST(sum(exact(speed_sum_kmh)) AS DOUBLE) AS speed_sum_kmh,
        CAST(sum(exact_slowness(slowness_sum_h_km)) AS DOUBLE) AS slowness_sum_h_km,
        CAST(sum(exact(occupied_s)) AS DOUBLE) AS occupied_s,
        CAST(sum(exact(occupancy_observed_s)) AS DOUBLE) AS occupancy_observed_s,
        CAST(sum(exact(vehicle_km)) AS DOUBLE) AS vehicle_km,
        CAST(sum(exact(vehicle_h)) AS DOUBLE) AS vehicle_h,
        CAST(sum(exact(delay_veh_h)) AS DOUBLE) AS delay_veh_h,
        -- The peak-hour factor compares the hour with its busiest quarter: it needs all four, and nothing beside them.
        CASE WHEN count(quarter_veh) = 4 AND sum(n) FILTER (WHERE quarter_veh IS NULL) IS NULL THEN max(quarter_veh) END AS busiest_quarter_veh
    FROM (FROM from_quarters UNION ALL BY NAME FROM from_longer)
    GROUP BY event_date, sensor_id, hour
),
grid AS (
    SELECT r.event_date, r.sensor_id, h.hour, h.bin_at, h.local_time, h.seconds
    FROM (SELECT DISTINCT event_date, sensor_id FROM parts) AS r
    JOIN views.hours AS h USING (event_date)
),
observed AS (
    SELECT
        g.event_date,
        g.sensor_id,
        g.bin_at,
        g.local_time,
        g.seconds,
        s.road,
        coalesce(s.district, 'unknown') AS district,
        s.lanes,
        s.effective_length_m,
        coalesce(p.n, 0) AS n,
        least(coalesce(p.covered_s, 0) / g.seconds, 1) AS coverage_share,
        s.health_share,
        p.* EXCLUDE (event_date, sensor_id, hour, n, covered_s),
        p.speed_weight / nullif(p.slowness_sum_h_km, 0) AS space_kmh,
        p.speed_sum_kmh / nullif(p.speed_weight, 0) AS time_kmh
    FROM grid AS g
    LEFT JOIN parts AS p ON p.event_date = g.event_date AND p.sensor_id = g.sensor_id AND p.hour = g.hour
    LEFT JOIN views.detectors_by_day AS s ON s.event_date = g.event_date AND s.sensor_id = g.sensor_id
)
SELECT
    * EXCLUDE (seconds, lanes, effective_length_m, space_kmh, time_kmh, busiest_quarter_veh),
    unnest(traffic_ratios(
        is_carried(n, coverage_share), seconds, volume_veh, space_kmh, time_kmh, occupied_s / occupancy_observed_s, lanes, effective_length_m
    )),
    CASE WHEN is_carried(n, coverage_share) THEN volume_veh / (4 * nullif(busiest_quarter_veh, 0)) END AS peak_hour_factor,
    traffic_null_reason(n, coverage_share, volume_veh, space_kmh) AS null_reason
FROM observed
