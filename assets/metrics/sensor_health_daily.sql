-- sensor_health_daily: the tests, their order and their sources are in schemas/metrics/sensor_health_daily.py.
WITH
-- The rows of every feed that declares health, made from its contract (assets/health.py).
samples AS (SELECT * FROM views.health_rows),
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
        max(judged_s) AS judged_s,
        count(is_zero) AS zero_known_n,
        count(*) FILTER (WHERE is_zero) AS zero_n,
        count(*) FILTER (WHERE is_high) AS high_n,
        count(*) FILTER (WHERE has_occupancy_only) AS occupancy_only_n,
        count(*) FILTER (WHERE has_flow_only) AS flow_only_n,
        count(*) FILTER (WHERE has_both) AS both_n,
        count(corrections) AS corrected_n,
        count(*) FILTER (WHERE is_clock_off OR contains(corrections, 'clock')) AS clock_n,
        count(*) FILTER (WHERE contains(corrections, ' x ')) AS unit_n
    FROM samples
    GROUP BY ALL
),
-- How often each value occurred, for the entropy and to know which values can be a long run at all.
value_counts AS (
    SELECT event_date, feed, sensor_id, channel, value, count(*) AS c, max(interval_s) AS interval_s
    FROM samples
    WHERE is_judged AND value IS NOT NULL
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
-- Only a value that would be stuck if all its rows were one run can be, so that few channels are put in order.
suspects AS (
    SELECT event_date, feed, sensor_id, channel, value
    FROM value_counts
    WHERE value <> 0 AND health_is_constant(feed, value, c, interval_s)
),
numbered AS (
    SELECT
        s.event_date,
        s.feed,
        s.sensor_id,
        s.channel,
        s.value,
        s.at_us,
        s.interval_s,
        row_number() OVER (PARTITION BY s.event_date, s.feed, s.sensor_id, s.channel ORDER BY s.at_us) AS position
    FROM samples AS s
    SEMI JOIN suspects USING (event_date, feed, sensor_id, channel)
    WHERE s.is_judged
),
-- Rows of one value that follow each other have the same difference between the two numberings.
runs AS (
    SELECT event_date, feed, sensor_id, channel, value, run, count(*) AS length, max(interval_s) AS interval_s
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
    WHERE health_is_constant(feed, value, length, interval_s)
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
        max(judged_s) AS judged_s,
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
-- Every device that said something, and every installed one that said nothing.
statistics AS (
    SELECT
        event_date,
        feed,
        sensor_id,
        coalesce(k.district, 'unknown') AS district,
        CAST(coalesce(v.n, 0) AS BIGINT) AS n,
        CAST(round(coalesce(v.judged_s * v.channels / v.usual_interval_s, 0)) AS BIGINT) AS expected_n,
        least(coalesce(CAST(v.observed_s AS DOUBLE) / (v.judged_s * v.channels), 0), 1) AS coverage_share,
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
    FULL JOIN views.health_devices AS k USING (event_date, feed, sensor_id)
    LEFT JOIN constants AS c USING (event_date, feed, sensor_id)
    LEFT JOIN entropies AS e USING (event_date, feed, sensor_id)
    WHERE v.sensor_id IS NOT NULL OR k.is_installed
),
-- The cascade of its feed: the first test that a device fails is its verdict.
judged AS (
    SELECT
        *,
        CASE
            WHEN n = 0 THEN 'silent'
            ELSE health_failed(
                feed, n, coverage_share, zero_share, high_share, mismatch_share, flow_only_share, constant_share, entropy, usual_interval_s
            )
        END AS failed
    FROM statistics
)
SELECT
    * EXCLUDE (usual_interval_s, flow_only_share, clock_n, unit_n, failed),
    coalesce(failed, CASE WHEN clock_n > 0 THEN 'clock' WHEN unit_n > 0 THEN 'unit' ELSE 'good' END) AS verdict,
    CASE WHEN verdict = 'good' THEN 1 ELSE 0 END AS health_share,
    CASE WHEN n = 0 THEN 'no_data' END AS null_reason
FROM judged
