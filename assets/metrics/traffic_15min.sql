-- traffic_15min: formulas and sources are in schemas/metrics/traffic_15min.py.
WITH
parts AS (
    SELECT * FROM views.traffic_parts WHERE size_s = 900
),
-- A detector that reported on the day has a row for each of its quarters, so that a gap is a row that says so.
reporting AS (
    SELECT DISTINCT event_date, sensor_id, expected_lanes FROM parts
),
grid AS (
    SELECT r.event_date, r.sensor_id, r.expected_lanes, q.quarter, q.bin_at, q.local_time, q.seconds
    FROM reporting AS r
    JOIN quarters AS q USING (event_date)
),
-- What was observed, before it is decided whether it carries a ratio.
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
        least(coalesce(p.observed_s, 0) / (g.seconds * g.expected_lanes), 1) AS coverage_share,
        s.health_share,
        p.* EXCLUDE (event_date, sensor_id, size_s, bin, expected_lanes, n, observed_s),
        p.speed_weight / nullif(p.slowness_sum_h_km, 0) AS space_kmh,
        p.speed_sum_kmh / nullif(p.speed_weight, 0) AS time_kmh,
        p.volume_veh * s.segment_km AS vehicle_km,
        travelled_h(vehicle_km, space_kmh) AS vehicle_h,
        delay_veh_h(vehicle_km, vehicle_h, s.free_flow_kmh) AS delay_veh_h
    FROM grid AS g
    LEFT JOIN parts AS p ON p.event_date = g.event_date AND p.sensor_id = g.sensor_id AND p.bin = g.quarter
    LEFT JOIN views.detectors_by_day AS s ON s.event_date = g.event_date AND s.sensor_id = g.sensor_id
)
SELECT
    * EXCLUDE (seconds, lanes, effective_length_m, space_kmh, time_kmh),
    unnest(traffic_ratios(
        is_carried(n, coverage_share), seconds, volume_veh, space_kmh, time_kmh, occupied_s / occupancy_observed_s, lanes, effective_length_m
    )),
    traffic_null_reason(n, coverage_share, volume_veh, space_kmh) AS null_reason
FROM observed
