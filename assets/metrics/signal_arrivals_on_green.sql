-- signal_arrivals_on_green: formulas and sources are in schemas/metrics/signal_arrivals_on_green.py.
WITH
advance AS (
    SELECT event_date, controller_id, detector, phase, CAST(travel_to_stop_bar_s * 1000000 AS BIGINT) AS travel_us
    FROM views.signal_channels_by_day
    WHERE function = 'advance'
),
phases AS (
    SELECT DISTINCT event_date, controller_id, phase FROM advance
),
-- A vehicle arrives when it would be at the stop bar; midnight may be between.
arrivals AS (
    SELECT e.event_date, e.controller_id, a.phase, e.at_us + a.travel_us AS at_us
    FROM views.signal_events_by_day AS e
    JOIN advance AS a
        ON a.event_date = e.event_date AND a.controller_id = e.controller_id AND a.detector = e.parameter
    WHERE e.code = 82
),
-- Each change of the light has a number that grows with time and ends in its state: the greatest so far is the light shown.
-- An arrival in the very instant of a change meets the new light.
met AS (
    SELECT event_date, controller_id, phase, at_us, true AS is_arrival, CAST(NULL AS BIGINT) AS light
    FROM arrivals
    UNION ALL
    SELECT l.event_date, l.controller_id, l.phase, l.at_us, false, l.at_us * 16 + l.state
    FROM views.signal_lights AS l
    SEMI JOIN phases AS p USING (event_date, controller_id, phase)
),
shown AS (
    SELECT
        event_date,
        controller_id,
        phase,
        at_us,
        is_arrival,
        max(light) OVER (PARTITION BY event_date, controller_id, phase ORDER BY at_us) % 16 AS state
    FROM met
),
heard AS (
    SELECT
        s.event_date,
        s.controller_id,
        s.phase,
        (s.at_us - epoch_us(d.starts_at)) // 900000000 AS quarter,
        count(*) AS arrivals,
        count(*) FILTER (WHERE s.state = 1) AS green_arrivals,
        count(*) FILTER (WHERE s.state = 2) AS yellow_arrivals,
        count(*) FILTER (WHERE s.state = 3) AS red_arrivals
    FROM shown AS s
    JOIN days AS d USING (event_date)
    WHERE s.is_arrival AND s.at_us >= epoch_us(d.starts_at) AND s.at_us < epoch_us(d.ends_at)
    GROUP BY s.event_date, s.controller_id, s.phase, quarter
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
        CASE
            WHEN is_heard IS NOT TRUE THEN 'no_data'
            WHEN coverage_share < threshold('coverage_min_share') THEN 'low_coverage'
            WHEN arrivals = 0 THEN 'no_arrival'
            WHEN known_arrivals = 0 THEN 'no_cycle'
        END AS null_reason
    FROM counted
)
SELECT
    *,
    CASE WHEN null_reason IS NULL THEN green_arrivals / known_arrivals END AS arrivals_on_green_share
FROM judged
