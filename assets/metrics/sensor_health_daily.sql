-- sensor_health_daily: the tests, their order and their sources are in schemas/metrics/sensor_health_daily.py.
WITH
-- Detectors: a flow is high when its lanes could not pass it; lane 0 stands for all lanes that the reference table gives.
detector_rows AS (
    SELECT
        t.event_date,
        'traffic_flow' AS feed,
        t.sensor_id,
        t.lane::VARCHAR AS channel,
        epoch_us(t.observed_at) AS at_us,
        t.interval_s,
        t.interval_s * coalesce(t.observed_share, 1.0) AS observed_s,
        hour(t.local_time) >= threshold('health_window_start_h') AND hour(t.local_time) < threshold('health_window_end_h') AS is_judged,
        -- The finest of what was measured: an occupancy or a speed hardly repeats by chance, a count often does.
        coalesce(t.occupancy_share, t.mean_speed_kmh, t.vehicle_count) AS value,
        CASE
            WHEN t.vehicle_count IS NOT NULL OR t.occupancy_share IS NOT NULL
                THEN coalesce(t.vehicle_count, 0) = 0 AND coalesce(t.occupancy_share, 0) = 0
        END AS is_zero,
        coalesce(t.occupancy_share > threshold('health_high_occupancy_share'), false)
        OR coalesce(
            t.vehicle_count * 3600.0 / t.interval_s
            > threshold('health_high_flow_veh_h_lane') * CASE WHEN t.lane = 0 THEN s.lanes ELSE 1 END,
            false
        ) AS is_high,
        t.vehicle_count = 0 AND t.occupancy_share > 0 AS has_occupancy_only,
        t.vehicle_count > 0 AND t.occupancy_share = 0 AS has_flow_only,
        t.vehicle_count IS NOT NULL AND t.occupancy_share IS NOT NULL AS has_both,
        t._corrections AS corrections
    FROM refined.traffic_flow AS t
    JOIN days AS d USING (event_date)
    LEFT JOIN views.sensors_by_day AS s ON s.event_date = t.event_date AND s.sensor_id = t.sensor_id
),
-- Meters are judged over the whole day; a reading of quality 'missing' is none.
readings AS (
    SELECT r.*, r.energy_kwh * 3600 / r.interval_s AS load_kw
    FROM refined.meter_readings AS r
    JOIN days AS d USING (event_date)
    WHERE r.quality <> 'missing'
),
third_peaks AS (
    SELECT event_date, meter_id, register, max(load_kw, 3)[3] AS third_kw
    FROM readings
    GROUP BY ALL
),
meter_rows AS (
    SELECT
        r.event_date,
        'meter_readings' AS feed,
        r.meter_id AS sensor_id,
        r.register AS channel,
        epoch_us(r.ended_at) AS at_us,
        r.interval_s,
        r.interval_s::DOUBLE AS observed_s,
        true AS is_judged,
        r.energy_kwh AS value,
        r.energy_kwh = 0 AS is_zero,
        coalesce(r.load_kw - p.third_kw > threshold('health_meter_spike_ratio') * p.third_kw AND p.third_kw > 0, false) AS is_high,
        CAST(NULL AS BOOLEAN) AS has_occupancy_only,
        CAST(NULL AS BOOLEAN) AS has_flow_only,
        false AS has_both,
        r._corrections AS corrections
    FROM readings AS r
    JOIN third_peaks AS p USING (event_date, meter_id, register)
),
samples AS (
    SELECT * FROM detector_rows
    UNION ALL
    SELECT * FROM meter_rows
),
-- One pass over the rows: counts per channel and interval.
channels AS (
    SELECT
        event_date,
        feed,
        sensor_id,
        channel,
        interval_s,
        is_judged,
        count(*) AS n,
        sum(exact(observed_s)) AS observed_s,
        count(is_zero) AS zero_known_n,
        count(*) FILTER (WHERE is_zero) AS zero_n,
        count(*) FILTER (WHERE is_high) AS high_n,
        count(*) FILTER (WHERE has_occupancy_only) AS occupancy_only_n,
        count(*) FILTER (WHERE has_flow_only) AS flow_only_n,
        count(*) FILTER (WHERE has_both) AS both_n,
        count(corrections) AS corrected_n,
        count(*) FILTER (WHERE contains(corrections, 'clock')) AS clock_n,
        count(*) FILTER (WHERE contains(corrections, ' x ')) AS unit_n
    FROM samples
    GROUP BY ALL
),
-- How often each value occurred, for the entropy and to know which values can be a long run at all.
value_counts AS (
    SELECT event_date, feed, sensor_id, channel, value, count(*) AS c
    FROM samples
    WHERE is_judged
    GROUP BY ALL
),
entropies AS (
    SELECT
        event_date,
        feed,
        sensor_id,
        CAST(sum(exact(c * log2(n / c))) AS DOUBLE) / any_value(n) AS entropy
    FROM (
        SELECT event_date, feed, sensor_id, value, sum(c) AS c, sum(sum(c)) OVER (PARTITION BY event_date, feed, sensor_id) AS n
        FROM value_counts
        GROUP BY event_date, feed, sensor_id, value
    )
    GROUP BY event_date, feed, sensor_id
),
-- Only a value that occurs more often than the longest run allowed can be stuck, so that few channels are put in order.
suspects AS (
    SELECT event_date, feed, sensor_id, channel, value
    FROM value_counts
    WHERE value <> 0
        AND c > CASE feed WHEN 'meter_readings' THEN threshold('health_meter_constant_run_rows') ELSE threshold('health_constant_run_rows') END
),
numbered AS (
    SELECT
        s.event_date,
        s.feed,
        s.sensor_id,
        s.channel,
        s.value,
        s.at_us,
        row_number() OVER (PARTITION BY s.event_date, s.feed, s.sensor_id, s.channel ORDER BY s.at_us) AS position
    FROM samples AS s
    SEMI JOIN suspects USING (event_date, feed, sensor_id, channel)
    WHERE s.is_judged
),
-- Rows of one value that follow each other have the same difference between the two numberings.
runs AS (
    SELECT event_date, feed, sensor_id, channel, value, run, count(*) AS length
    FROM (
        SELECT
            n.*,
            n.position - row_number() OVER (PARTITION BY n.event_date, n.feed, n.sensor_id, n.channel, n.value ORDER BY n.at_us) AS run
        FROM numbered AS n
        SEMI JOIN suspects USING (event_date, feed, sensor_id, channel, value)
    )
    GROUP BY ALL
),
constants AS (
    SELECT event_date, feed, sensor_id, sum(length) AS constant_n
    FROM runs
    WHERE length > CASE feed WHEN 'meter_readings' THEN threshold('health_meter_constant_run_rows') ELSE threshold('health_constant_run_rows') END
    GROUP BY ALL
),
-- The device's usual interval is the one of most rows, the shorter one where two tie (an interval is at most 86400 s).
devices AS (
    SELECT
        event_date,
        feed,
        sensor_id,
        count(DISTINCT channel) AS channels,
        arg_max(interval_s, interval_rows * 100000 - interval_s) AS usual_interval_s,
        sum(n) FILTER (WHERE is_judged) AS n,
        sum(observed_s) FILTER (WHERE is_judged) AS observed_s,
        sum(zero_known_n) FILTER (WHERE is_judged) AS zero_known_n,
        sum(zero_n) FILTER (WHERE is_judged) AS zero_n,
        sum(high_n) FILTER (WHERE is_judged) AS high_n,
        sum(occupancy_only_n) FILTER (WHERE is_judged) AS occupancy_only_n,
        sum(flow_only_n) FILTER (WHERE is_judged) AS flow_only_n,
        sum(both_n) FILTER (WHERE is_judged) AS both_n,
        sum(corrected_n) AS corrected_n,
        sum(clock_n) AS clock_n,
        sum(unit_n) AS unit_n
    FROM (SELECT *, sum(n) OVER (PARTITION BY event_date, feed, sensor_id, interval_s) AS interval_rows FROM channels)
    GROUP BY event_date, feed, sensor_id
),
known AS (
    SELECT event_date, 'traffic_flow' AS feed, sensor_id, district, is_installed FROM views.sensors_by_day
    UNION ALL
    SELECT event_date, 'meter_readings' AS feed, meter_id AS sensor_id, district, is_installed FROM views.meters_by_day
),
-- Every device that said something, and every installed one that said nothing.
statistics AS (
    SELECT
        event_date,
        feed,
        sensor_id,
        coalesce(k.district, 'unknown') AS district,
        CAST(coalesce(v.n, 0) AS BIGINT) AS n,
        CASE feed
            WHEN 'meter_readings' THEN d.seconds
            ELSE (threshold('health_window_end_h') - threshold('health_window_start_h')) * 3600
        END AS judged_s,
        CAST(round(coalesce(judged_s * v.channels / v.usual_interval_s, 0)) AS BIGINT) AS expected_n,
        least(coalesce(CAST(v.observed_s AS DOUBLE) / (judged_s * v.channels), 0), 1) AS coverage_share,
        v.usual_interval_s,
        v.zero_n / nullif(v.zero_known_n, 0) AS zero_share,
        v.high_n / nullif(v.n, 0) AS high_share,
        v.occupancy_only_n / nullif(v.both_n, 0) AS mismatch_share,
        v.flow_only_n / nullif(v.both_n, 0) AS flow_only_share,
        CASE WHEN v.n > 0 THEN coalesce(c.constant_n, 0) / v.n END AS constant_share,
        e.entropy,
        CAST(coalesce(v.corrected_n, 0) AS BIGINT) AS corrected_n,
        coalesce(v.clock_n, 0) AS clock_n,
        coalesce(v.unit_n, 0) AS unit_n
    FROM devices AS v
    FULL JOIN known AS k USING (event_date, feed, sensor_id)
    JOIN days AS d USING (event_date)
    LEFT JOIN constants AS c USING (event_date, feed, sensor_id)
    LEFT JOIN entropies AS e USING (event_date, feed, sensor_id)
    WHERE v.sensor_id IS NOT NULL OR k.is_installed
),
-- The cascade: the first test that a device fails is its verdict.
judged AS (
    SELECT
        *,
        CASE
            WHEN n = 0 THEN 'silent'
            WHEN feed = 'meter_readings' THEN CASE
                WHEN coverage_share < threshold('health_meter_min_coverage_share') THEN 'insufficient'
                WHEN constant_share > 0 THEN 'stuck'
                WHEN high_share > 0 THEN 'high_value'
            END
            WHEN coverage_share < threshold('health_min_coverage_share') THEN 'insufficient'
            WHEN zero_share > threshold('health_zero_share') THEN 'stuck'
            WHEN high_share > threshold('health_high_share') THEN 'high_value'
            WHEN mismatch_share > threshold('health_occupancy_without_flow_share') THEN 'intermittent'
            WHEN flow_only_share > threshold('health_flow_without_occupancy_share') THEN 'chatter'
            WHEN constant_share > 0 THEN 'stuck'
            WHEN usual_interval_s <= threshold('health_entropy_max_interval_s') AND entropy < threshold('health_entropy_min_bit') THEN 'stuck'
        END AS failed
    FROM statistics
)
SELECT
    * EXCLUDE (judged_s, usual_interval_s, flow_only_share, clock_n, unit_n, failed),
    coalesce(failed, CASE WHEN clock_n > 0 THEN 'clock' WHEN unit_n > 0 THEN 'unit' ELSE 'good' END) AS verdict,
    CASE WHEN verdict = 'good' THEN 1 ELSE 0 END AS health_share,
    CASE WHEN n = 0 THEN 'no_data' END AS null_reason
FROM judged
