-- signal_terminations: formulas and sources are in schemas/metrics/signal_terminations.py.
WITH
heard AS (
    SELECT
        e.event_date,
        e.controller_id,
        e.parameter AS phase,
        us_between(d.starts_at, e.occurred_at) // 900000000 AS quarter,
        count(*) AS n,
        count(*) FILTER (WHERE e.code = 1) AS greens,
        count(*) FILTER (WHERE e.code = 4) AS gap_outs,
        count(*) FILTER (WHERE e.code = 5) AS max_outs,
        count(*) FILTER (WHERE e.code = 6) AS force_offs
    FROM refined.signal_events AS e
    JOIN days AS d USING (event_date)
    WHERE e.code IN (1, 4, 5, 6)
    GROUP BY e.event_date, e.controller_id, e.parameter, quarter
),
phases AS (
    SELECT event_date, controller_id, phase FROM heard
    UNION
    SELECT event_date, controller_id, phase
    FROM views.signal_channels_by_day
    WHERE function <> 'pedestrian'
),
counted AS (
    SELECT
        b.event_date,
        b.controller_id,
        k.phase,
        b.bin_at,
        b.local_time,
        b.district,
        coalesce(h.n, 0) AS n,
        b.coverage_share,
        b.health_share,
        b.coverage_share > 0 OR h.n > 0 AS is_heard,
        CASE WHEN is_heard THEN coalesce(h.greens, 0) END AS greens,
        CASE WHEN is_heard THEN coalesce(h.gap_outs, 0) END AS gap_outs,
        CASE WHEN is_heard THEN coalesce(h.max_outs, 0) END AS max_outs,
        CASE WHEN is_heard THEN coalesce(h.force_offs, 0) END AS force_offs
    FROM views.signal_bins AS b
    JOIN phases AS k USING (event_date, controller_id)
    LEFT JOIN heard AS h USING (event_date, controller_id, phase, quarter)
),
judged AS (
    SELECT
        * EXCLUDE (is_heard),
        gap_outs + max_outs + force_offs AS terminations,
        coalesce(coverage_reason(is_heard, coverage_share), CASE WHEN terminations = 0 THEN 'no_cycle' END) AS null_reason
    FROM counted
)
SELECT
    *,
    CASE WHEN null_reason IS NULL THEN gap_outs / terminations END AS gap_out_share,
    CASE WHEN null_reason IS NULL THEN max_outs / terminations END AS max_out_share,
    CASE WHEN null_reason IS NULL THEN force_offs / terminations END AS force_off_share
FROM judged
