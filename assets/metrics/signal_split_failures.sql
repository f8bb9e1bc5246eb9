-- signal_split_failures: formulas and sources are in schemas/metrics/signal_split_failures.py.
WITH
phases AS (
    SELECT DISTINCT event_date, controller_id, phase
    FROM views.signal_channels_by_day
    WHERE function = 'presence'
),
cycles AS MATERIALIZED (
    SELECT c.*
    FROM views.signal_cycles AS c
    SEMI JOIN phases AS p USING (event_date, controller_id, phase)
),
-- Detectors come and go, parts of a cycle begin and end. A part has a number that grows with time: the greatest so far is the
-- part it is, and the cycle it belongs to.
marks AS (
    SELECT event_date, controller_id, phase, from_us AS at_us, 1 AS step, CAST(NULL AS BIGINT) AS part
    FROM views.signal_occupied
    UNION ALL
    SELECT event_date, controller_id, phase, until_us, -1, NULL FROM views.signal_occupied
    UNION ALL
    SELECT event_date, controller_id, phase, green_us, 0, green_us * 8 + 1 FROM cycles
    UNION ALL
    SELECT event_date, controller_id, phase, yellow_us, 0, green_us * 8 + 2 FROM cycles
    UNION ALL
    SELECT event_date, controller_id, phase, red_us, 0, green_us * 8 + 3 FROM cycles
    UNION ALL
    SELECT event_date, controller_id, phase, end_us, 0, green_us * 8 + 4 FROM cycles
),
-- Between two marks nothing changes: so many detectors are occupied, in this part of this cycle.
between_marks AS (
    SELECT
        event_date,
        controller_id,
        phase,
        sum(step) OVER phase_day AS occupied_detectors,
        max(part) OVER phase_day AS part,
        lead(at_us) OVER phase_day - at_us AS lasting_us
    FROM marks
    WINDOW phase_day AS (PARTITION BY event_date, controller_id, phase ORDER BY at_us)
),
occupied AS (
    SELECT
        event_date,
        controller_id,
        phase,
        part // 8 AS green_us,
        CAST(coalesce(sum(lasting_us) FILTER (WHERE part % 8 = 1), 0) AS BIGINT) AS green_occupied_us,
        CAST(coalesce(sum(lasting_us) FILTER (WHERE part % 8 = 3), 0) AS BIGINT) AS red_occupied_us
    FROM between_marks
    WHERE occupied_detectors > 0 AND part % 8 IN (1, 3)
    GROUP BY event_date, controller_id, phase, part // 8
),
-- Millionths, in whole numbers: a share of exactly the threshold is at it, whatever floats make of it.
served AS (
    SELECT
        c.event_date,
        c.controller_id,
        c.phase,
        (c.end_us - epoch_us(d.starts_at)) // 900000000 AS quarter,
        c.yellow_us - c.green_us AS green_us,
        coalesce(o.green_occupied_us, 0) / (c.yellow_us - c.green_us) AS green_share,
        coalesce(o.red_occupied_us, 0) / (c.end_us - c.red_us) AS red_share,
        coalesce(o.green_occupied_us, 0) * 1000000
        - CAST(round(threshold('signal_split_failure_green_share') * 1000000) AS BIGINT) * (c.yellow_us - c.green_us) AS green_over,
        coalesce(o.red_occupied_us, 0) * 1000000
        - CAST(round(threshold('signal_split_failure_red_share') * 1000000) AS BIGINT) * (c.end_us - c.red_us) AS red_over,
        -- 1: at the threshold is a failure already; 0: only above it.
        CASE
            WHEN threshold('signal_split_failure_at_threshold') > 0 THEN green_over >= 0 AND red_over >= 0
            ELSE green_over > 0 AND red_over > 0
        END AS is_failure
    FROM cycles AS c
    JOIN days AS d USING (event_date)
    LEFT JOIN occupied AS o USING (event_date, controller_id, phase, green_us)
),
heard AS (
    SELECT
        event_date,
        controller_id,
        phase,
        quarter,
        count(*) AS cycles,
        count(*) FILTER (WHERE is_failure) AS split_failures,
        CAST(sum(green_us) AS DOUBLE) / 1e6 AS green_s,
        CAST(sum(exact(green_share)) AS DOUBLE) AS green_occupancy_sum_share,
        CAST(sum(exact(red_share)) AS DOUBLE) AS red_occupancy_sum_share
    FROM served
    GROUP BY event_date, controller_id, phase, quarter
),
counted AS (
    SELECT
        b.event_date,
        b.controller_id,
        k.phase,
        b.bin_at,
        b.local_time,
        b.district,
        coalesce(h.cycles, 0) AS n,
        b.coverage_share,
        b.health_share,
        b.coverage_share > 0 OR h.cycles > 0 AS is_heard,
        CASE WHEN is_heard THEN n END AS cycles,
        CASE WHEN is_heard THEN coalesce(h.split_failures, 0) END AS split_failures,
        CASE WHEN is_heard THEN coalesce(h.green_s, 0) END AS green_s,
        CASE WHEN is_heard THEN coalesce(h.green_occupancy_sum_share, 0) END AS green_occupancy_sum_share,
        CASE WHEN is_heard THEN coalesce(h.red_occupancy_sum_share, 0) END AS red_occupancy_sum_share
    FROM views.signal_bins AS b
    JOIN phases AS k USING (event_date, controller_id)
    LEFT JOIN heard AS h USING (event_date, controller_id, phase, quarter)
),
judged AS (
    SELECT
        * EXCLUDE (is_heard),
        CASE
            WHEN is_heard IS NOT TRUE THEN 'no_data'
            WHEN coverage_share < threshold('coverage_min_share') THEN 'low_coverage'
            WHEN cycles = 0 THEN 'no_cycle'
        END AS null_reason
    FROM counted
)
SELECT
    *,
    CASE WHEN null_reason IS NULL THEN split_failures / cycles END AS split_failure_share,
    CASE WHEN null_reason IS NULL THEN green_s / cycles END AS mean_green_s,
    CASE WHEN null_reason IS NULL THEN green_occupancy_sum_share / cycles END AS green_occupancy_share,
    CASE WHEN null_reason IS NULL THEN red_occupancy_sum_share / cycles END AS red_occupancy_share
FROM judged
