-- Additive parts of traffic per detector and bin, all lanes together. `size_s` is the bin a row fits into: 900 for rows of
-- up to a quarter, 3600 for rows of up to an hour. A row belongs to the bin in which it starts; longer rows fit nowhere.
WITH
-- Speeds: weighted by the vehicles counted, by 1 where the source has no count. A speed under 1 m/h (0.001 km/h) is no
-- speed of a vehicle that passed, and would make slowness infinite; both means leave it out, so that Wardrop's order holds.
samples AS (
    SELECT
        t.event_date,
        t.sensor_id,
        t.lane,
        CASE WHEN t.interval_s <= 900 THEN 900::BIGINT ELSE 3600::BIGINT END AS size_s,
        us_between(d.starts_at, t.observed_at) // (size_s * 1000000) AS bin,
        t.interval_s,
        t.interval_s * coalesce(t.observed_share, 1.0) AS observed_s,
        t.vehicle_count,
        t.occupancy_share,
        CASE WHEN t.mean_speed_kmh >= 0.001 THEN t.mean_speed_kmh END AS v,
        CASE WHEN t.mean_speed_kmh >= 0.001 THEN coalesce(t.vehicle_count, 1) END AS w
    FROM refined.traffic_flow AS t
    JOIN days AS d USING (event_date)
    WHERE t.interval_s <= 3600
),
-- One pass over the rows; everything later works on these few.
lane_bins AS (
    SELECT
        event_date,
        sensor_id,
        lane,
        size_s,
        bin,
        count(*) AS n,
        sum(exact(observed_s)) AS observed_s,
        sum(vehicle_count) AS volume_veh,
        sum(w) AS speed_weight,
        sum(exact(w * v)) AS speed_sum_kmh,
        sum(exact_slowness(w / v)) AS slowness_sum_h_km,
        sum(exact(occupancy_share * interval_s)) AS occupied_s,
        sum(interval_s) FILTER (WHERE occupancy_share IS NOT NULL) AS occupancy_observed_s
    FROM samples
    GROUP BY ALL
),
lane_days AS (
    SELECT event_date, sensor_id, size_s, lane, sum(observed_s) AS observed_s
    FROM lane_bins
    GROUP BY ALL
),
-- Lane 0 is the whole carriageway. A detector that reports it beside single lanes would count every vehicle twice: on such
-- a day the side that was observed longer counts.
sides AS (
    SELECT
        event_date,
        sensor_id,
        size_s,
        coalesce(max(observed_s) FILTER (WHERE lane = 0), -1) >= coalesce(max(observed_s) FILTER (WHERE lane > 0), -1) AS is_whole,
        CASE WHEN is_whole THEN 1 ELSE count(*) FILTER (WHERE lane > 0) END AS expected_lanes
    FROM lane_days
    GROUP BY event_date, sensor_id, size_s
)
SELECT
    b.event_date,
    b.sensor_id,
    b.size_s,
    b.bin,
    any_value(s.expected_lanes) AS expected_lanes,
    CAST(sum(b.n) AS BIGINT) AS n,
    CAST(sum(b.observed_s) AS DOUBLE) AS observed_s,
    CAST(sum(b.volume_veh) AS DOUBLE) AS volume_veh,
    CAST(sum(b.speed_weight) AS DOUBLE) AS speed_weight,
    CAST(sum(b.speed_sum_kmh) AS DOUBLE) AS speed_sum_kmh,
    CAST(sum(b.slowness_sum_h_km) AS DOUBLE) AS slowness_sum_h_km,
    CAST(sum(b.occupied_s) AS DOUBLE) AS occupied_s,
    CAST(sum(b.occupancy_observed_s) AS DOUBLE) AS occupancy_observed_s
FROM lane_bins AS b
JOIN sides AS s USING (event_date, sensor_id, size_s)
WHERE (b.lane = 0) = s.is_whole
GROUP BY ALL
