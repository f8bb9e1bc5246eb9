-- signal_actuations: formulas and sources are in schemas/metrics/signal_actuations.py.
WITH
heard AS (
    SELECT
        e.event_date,
        e.controller_id,
        e.parameter AS detector,
        us_between(d.starts_at, e.occurred_at) // 900000000 AS quarter,
        count(*) AS n,
        count(*) FILTER (WHERE e.code = 82) AS actuations
    FROM refined.signal_events AS e
    JOIN days AS d USING (event_date)
    WHERE e.code IN (81, 82)
    GROUP BY e.event_date, e.controller_id, e.parameter, quarter
),
-- Known are the detectors that spoke on the day, and those the reference table knows: a dead one has rows of zeros.
detectors AS (
    SELECT event_date, controller_id, detector FROM heard
    UNION
    SELECT event_date, controller_id, detector
    FROM views.signal_channels_by_day
    WHERE function <> 'pedestrian'
),
counted AS (
    SELECT
        b.event_date,
        b.controller_id,
        k.detector,
        b.bin_at,
        b.local_time,
        b.district,
        coalesce(h.n, 0) AS n,
        b.coverage_share,
        b.health_share,
        -- Of a controller that was not heard at all, nothing is known: that is no zero.
        CASE WHEN b.coverage_share > 0 OR h.n > 0 THEN coalesce(h.actuations, 0) END AS actuations,
        b.seconds
    FROM views.signal_bins AS b
    JOIN detectors AS k USING (event_date, controller_id)
    LEFT JOIN heard AS h USING (event_date, controller_id, detector, quarter)
)
SELECT
    * EXCLUDE (seconds),
    coverage_reason(actuations IS NOT NULL, coverage_share) AS null_reason,
    CASE WHEN null_reason IS NULL THEN actuations * 3600 / seconds END AS actuations_per_h
FROM counted
