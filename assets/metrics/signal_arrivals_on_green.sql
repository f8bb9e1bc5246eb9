-- signal_arrivals_on_green: formulas and sources are in schemas/metrics/signal_arrivals_on_green.py.
WITH
-- The phases that have detectors upstream, numbered. A number, shifted, and the time since the day's view began make one key:
-- sorting events by it, and a running maximum over all phases at once, cost a fifth of doing it phase by phase.
advance AS MATERIALIZED (
    SELECT
        c.event_date,
        c.controller_id,
        c.detector,
        c.phase,
        dense_rank() OVER (ORDER BY c.event_date, c.controller_id, c.phase) AS place,
        CAST(c.travel_to_stop_bar_s * 1000000 AS BIGINT) AS travel_us,
        epoch_us(d.starts_at) - CAST(threshold('signal_lookback_s') * 1000000 AS BIGINT) AS view_us
    FROM views.signal_channels_by_day AS c
    JOIN days AS d USING (event_date)
    WHERE c.function = 'advance'
),
phases AS (
    SELECT DISTINCT event_date, controller_id, phase, place, view_us FROM advance
),
-- A vehicle arrives when it would be at the stop bar; midnight may be between. Each change of the light has a number that
-- grows with the key and ends in its state: the greatest so far is the light shown. An arrival in the very instant of a change
-- meets the new light, so it comes after it.
met AS (
    SELECT
        (a.place << 38) + e.at_us + a.travel_us - a.view_us AS key,
        1 AS is_arrival,
        CAST(NULL AS BIGINT) AS light
    FROM views.signal_events_by_day AS e
    JOIN advance AS a
        ON a.event_date = e.event_date AND a.controller_id = e.controller_id AND a.detector = e.parameter
    WHERE e.code = 82
    UNION ALL
    SELECT (p.place << 38) + l.at_us - p.view_us AS key, 0, key * 8 + l.state
    FROM views.signal_lights AS l
    JOIN phases AS p USING (event_date, controller_id, phase)
),
shown AS (
    SELECT key, is_arrival, max(light) OVER (ORDER BY key, is_arrival ROWS UNBOUNDED PRECEDING) AS light
    FROM met
),
-- The light may be that of the place before: then this one's is unknown.
arrivals AS (
    SELECT
        key >> 38 AS place,
        key & ((1::BIGINT << 38) - 1) AS since_view_us,
        CASE WHEN light // 8 >> 38 = place THEN light % 8 END AS state
    FROM shown
    WHERE is_arrival = 1
),
heard AS (
    SELECT
        p.event_date,
        p.controller_id,
        p.phase,
        (a.since_view_us + p.view_us - epoch_us(d.starts_at)) // 900000000 AS quarter,
        count(*) AS arrivals,
        count(*) FILTER (WHERE a.state = 1) AS green_arrivals,
        count(*) FILTER (WHERE a.state = 2) AS yellow_arrivals,
        count(*) FILTER (WHERE a.state = 3) AS red_arrivals
    FROM arrivals AS a
    JOIN phases AS p USING (place)
    JOIN days AS d USING (event_date)
    WHERE
        a.since_view_us + p.view_us >= epoch_us(d.starts_at)
        AND a.since_view_us + p.view_us < epoch_us(d.ends_at)
    GROUP BY p.event_date, p.controller_id, p.phase, quarter
),
counted AS (
    SELECT
        b.event_date,
        b.controller_id,
        k.phase,
        b.bin_at,
        b.local_time,
        b.district,
        coalesce(h.arrivals, 0) AS n,
        b.coverage_share,
        b.health_share,
        b.coverage_share > 0 OR h.arrivals > 0 AS is_heard,
        CASE WHEN is_heard THEN n END AS arrivals,
        CASE WHEN is_heard THEN coalesce(h.green_arrivals, 0) END AS green_arrivals,
        CASE WHEN is_heard THEN coalesce(h.yellow_arrivals, 0) END AS yellow_arrivals,
        CASE WHEN is_heard THEN coalesce(h.red_arrivals, 0) END AS red_arrivals
    FROM views.signal_bins AS b
    JOIN phases AS k USING (event_date, controller_id)
    LEFT JOIN heard AS h USING (event_date, controller_id, phase, quarter)
),
judged AS (
    SELECT
        * EXCLUDE (is_heard),
        green_arrivals + yellow_arrivals + red_arrivals AS known_arrivals,
        coalesce(
            coverage_reason(is_heard, coverage_share),
            CASE WHEN arrivals = 0 THEN 'no_arrival' WHEN known_arrivals = 0 THEN 'no_cycle' END
        ) AS null_reason
    FROM counted
)
SELECT
    *,
    CASE WHEN null_reason IS NULL THEN green_arrivals / known_arrivals END AS arrivals_on_green_share
FROM judged
