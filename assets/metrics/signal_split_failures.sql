-- signal_split_failures: formulas and sources are in schemas/metrics/signal_split_failures.py.
WITH
-- Detectors at stop bars and the phases they serve, numbered. A number, shifted, and the time since the day's view began make
-- one key: sorting millions of events by it, and running sums over all places at once, cost a fifth of doing it place by place.
presence AS MATERIALIZED (
    SELECT
        event_date,
        controller_id,
        phase,
        detector,
        dense_rank() OVER (ORDER BY event_date, controller_id, detector) AS channel,
        dense_rank() OVER (ORDER BY event_date, controller_id, phase) AS place
    FROM views.signal_channels_by_day
    WHERE function = 'presence'
),
views_of_day AS (
    SELECT
        event_date,
        epoch_us(starts_at) - CAST(threshold('signal_lookback_s') * 1000000 AS BIGINT) AS view_us,
        epoch_us(ends_at) - view_us AS ends_us
    FROM days
),
channels AS (
    SELECT DISTINCT p.event_date, p.controller_id, p.detector, p.channel, v.view_us, v.ends_us
    FROM presence AS p
    JOIN views_of_day AS v USING (event_date)
),
-- On and off within one tenth of a second: no time passes and the state is as before.
switches AS (
    SELECT (c.channel << 38) + e.at_us - c.view_us AS key, min(e.code) AS code
    FROM views.signal_events_by_day AS e
    JOIN channels AS c
        ON c.event_date = e.event_date AND c.controller_id = e.controller_id AND c.detector = e.parameter
    WHERE e.code IN (81, 82)
    GROUP BY key
    HAVING min(e.code) = max(e.code)
),
neighbours AS (
    SELECT
        key,
        code,
        lag(key) OVER detectors AS key_before,
        lead(key) OVER detectors AS next_key,
        lead(code) OVER detectors AS next_code
    FROM switches
    WINDOW detectors AS (ORDER BY key)
),
-- Times since the view began; the neighbour may be of another detector.
around AS (
    SELECT
        key >> 38 AS channel,
        key & ((1::BIGINT << 38) - 1) AS at_us,
        code,
        coalesce(key_before >> 38 <> channel, true) AS is_first,
        CASE WHEN next_key >> 38 = channel THEN next_code END AS next_code,
        CASE WHEN next_key >> 38 = channel THEN next_key & ((1::BIGINT << 38) - 1) END AS next_us
    FROM neighbours
),
-- Occupied from on to off. An event lost between two alike is set half-way; two ons close together are one vehicle after
-- another. What is occupied at last stays so until the day ends; what is first heard of by its off was so from before.
stretches AS (
    SELECT
        channel,
        CASE WHEN code = 82 THEN at_us ELSE next_us - (next_us - at_us) // 2 END AS from_us,
        CASE
            WHEN next_code = 81 OR next_us - at_us <= threshold('signal_lost_off_s') * 1000000 THEN next_us
            ELSE next_us - (next_us - at_us) // 2
        END AS until_us
    FROM around
    WHERE code = 82 OR next_code = 81
    UNION ALL
    SELECT channel, 0, at_us FROM around WHERE is_first AND code = 81
),
cycles AS MATERIALIZED (
    SELECT c.*, p.place, (p.place << 38) - v.view_us AS to_key
    FROM views.signal_cycles AS c
    JOIN (SELECT DISTINCT event_date, controller_id, phase, place FROM presence) AS p USING (event_date, controller_id, phase)
    JOIN views_of_day AS v USING (event_date)
),
-- Detectors come and go, parts of a cycle begin and end. A part has a number that grows with the key: the greatest so far is
-- the part it is, and the cycle it belongs to. Every stretch and every cycle ends within its place.
marks AS (
    SELECT
        (p.place << 38) + unnest([s.from_us, coalesce(s.until_us, v.ends_us)]) AS key,
        unnest([1, -1]) AS step,
        CAST(NULL AS BIGINT) AS part
    FROM stretches AS s
    JOIN presence AS p USING (channel)
    JOIN views_of_day AS v USING (event_date)
    UNION ALL
    SELECT
        to_key + unnest([green_us, yellow_us, red_us, end_us]),
        0,
        (to_key + green_us) * 8 + unnest([1, 2, 3, 4])
    FROM cycles
),
-- Between two marks nothing changes: so many detectors are occupied, in this part of this cycle.
between_marks AS (
    SELECT
        sum(step) OVER (places ROWS UNBOUNDED PRECEDING) AS occupied_detectors,
        max(part) OVER (places ROWS UNBOUNDED PRECEDING) AS part,
        lead(key) OVER places - key AS lasting_us
    FROM marks
    WINDOW places AS (ORDER BY key)
),
occupied AS (
    SELECT
        part // 8 AS green_key,
        CAST(coalesce(sum(lasting_us) FILTER (WHERE part % 8 = 1), 0) AS BIGINT) AS green_occupied_us,
        CAST(coalesce(sum(lasting_us) FILTER (WHERE part % 8 = 3), 0) AS BIGINT) AS red_occupied_us
    FROM between_marks
    WHERE occupied_detectors > 0 AND part % 8 IN (1, 3)
    GROUP BY part // 8
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
        - CAST(round(threshold('signal_split_failure_green_share') * 1e6) AS BIGINT) * (c.yellow_us - c.green_us) AS green_over,
        coalesce(o.red_occupied_us, 0) * 1000000
        - CAST(round(threshold('signal_split_failure_red_share') * 1e6) AS BIGINT) * (c.end_us - c.red_us) AS red_over,
        -- 1: at the threshold is a failure already; 0: only above it.
        CASE
            WHEN threshold('signal_split_failure_at_threshold') > 0 THEN green_over >= 0 AND red_over >= 0
            ELSE green_over > 0 AND red_over > 0
        END AS is_failure
    FROM cycles AS c
    JOIN days AS d USING (event_date)
    LEFT JOIN occupied AS o ON o.green_key = c.to_key + c.green_us
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
    JOIN (SELECT DISTINCT event_date, controller_id, phase FROM presence) AS k USING (event_date, controller_id)
    LEFT JOIN heard AS h USING (event_date, controller_id, phase, quarter)
),
judged AS (
    SELECT
        * EXCLUDE (is_heard),
        coalesce(coverage_reason(is_heard, coverage_share), CASE WHEN cycles = 0 THEN 'no_cycle' END) AS null_reason
    FROM counted
)
SELECT
    *,
    CASE WHEN null_reason IS NULL THEN split_failures / cycles END AS split_failure_share,
    CASE WHEN null_reason IS NULL THEN green_s / cycles END AS mean_green_s,
    CASE WHEN null_reason IS NULL THEN green_occupancy_sum_share / cycles END AS green_occupancy_share,
    CASE WHEN null_reason IS NULL THEN red_occupancy_sum_share / cycles END AS red_occupancy_share
FROM judged
