-- signal_ped_delay: formulas and sources are in schemas/metrics/signal_ped_delay.py.
WITH
-- A push button that the reference table does not know belongs to the phase of its own number.
buttons AS (
    SELECT event_date, controller_id, detector, phase
    FROM views.signal_channels_by_day
    WHERE function = 'pedestrian'
),
told AS MATERIALIZED (
    SELECT event_date, controller_id, at_us, code, parameter, is_own
    FROM views.signal_events_by_day
    WHERE code IN (21, 22, 45, 90, 173, 181, 182, 184)
),
asked AS (
    SELECT t.event_date, t.controller_id, coalesce(b.phase, t.parameter) AS phase, t.at_us, t.code, t.is_own
    FROM told AS t
    LEFT JOIN buttons AS b
        ON t.code = 90 AND b.event_date = t.event_date AND b.controller_id = t.controller_id AND b.detector = t.parameter
    WHERE t.code <= 90
),
phases AS (
    SELECT event_date, controller_id, phase FROM asked WHERE is_own
    UNION
    SELECT event_date, controller_id, phase FROM buttons
),
-- Of several presses within seconds only the first is a person's: the others are the same one's, or too close to tell.
presses AS (
    SELECT
        event_date,
        controller_id,
        phase,
        at_us,
        is_own,
        at_us - lag(at_us) OVER (PARTITION BY event_date, controller_id, phase ORDER BY at_us) AS after_us,
        after_us IS NULL OR after_us > threshold('signal_ped_unique_s') * 1000000 AS is_unique
    FROM (SELECT DISTINCT event_date, controller_id, phase, at_us, is_own FROM asked WHERE code = 90)
),
-- What ends a wait, or makes it unmeasurable: walk, its end, and a controller that fell silent, flashed, or set its clock.
turns AS (
    SELECT event_date, controller_id, phase, at_us, code FROM asked
    UNION ALL
    SELECT a.event_date, a.controller_id, a.phase, t.at_us, 999 AS code
    FROM phases AS a
    JOIN (
        SELECT event_date, controller_id, at_us FROM told WHERE code > 90
        UNION ALL
        SELECT event_date, controller_id, from_us FROM views.signal_silences
    ) AS t USING (event_date, controller_id)
),
stretches AS (
    SELECT
        *,
        count(*) FILTER (WHERE code IN (21, 22, 999)) OVER (
            PARTITION BY event_date, controller_id, phase ORDER BY at_us, code
        ) AS stretch
    FROM turns
),
begun AS (
    SELECT
        event_date,
        controller_id,
        phase,
        stretch,
        max(at_us) FILTER (WHERE code = 21) AS walk_us,
        min(at_us) FILTER (WHERE code IN (45, 90)) AS asked_us
    FROM stretches
    GROUP BY event_date, controller_id, phase, stretch
),
-- Who asks while the walk is shown need not wait; who asks after it waits for the next.
waits AS (
    SELECT
        event_date,
        controller_id,
        phase,
        walk_us,
        CASE WHEN lag(walk_us) OVER phase_day IS NULL THEN walk_us - lag(asked_us) OVER phase_day END AS wait_us
    FROM begun
    WINDOW phase_day AS (PARTITION BY event_date, controller_id, phase ORDER BY stretch)
),
-- Every event and every wait in the quarter in which it happened or ended.
happened AS (
    SELECT event_date, controller_id, phase, at_us, code, false AS is_unique, CAST(NULL AS BIGINT) AS wait_us
    FROM asked
    WHERE is_own AND code <> 22
    UNION ALL
    SELECT event_date, controller_id, phase, at_us, 0, is_unique, NULL FROM presses WHERE is_own
    UNION ALL
    SELECT w.event_date, w.controller_id, w.phase, w.walk_us, 0, false, w.wait_us
    FROM waits AS w
    JOIN days AS d USING (event_date)
    WHERE w.wait_us IS NOT NULL AND w.walk_us >= epoch_us(d.starts_at)
),
heard AS (
    SELECT
        h.event_date,
        h.controller_id,
        h.phase,
        (h.at_us - epoch_us(d.starts_at)) // 900000000 AS quarter,
        count(*) FILTER (WHERE h.code > 0) AS n,
        count(*) FILTER (WHERE h.code = 21) AS walks,
        count(*) FILTER (WHERE h.code = 45) AS calls,
        count(*) FILTER (WHERE h.code = 90) AS presses,
        count(*) FILTER (WHERE h.is_unique) AS unique_presses,
        count(h.wait_us) AS waits,
        CAST(sum(h.wait_us) AS DOUBLE) / 1e6 AS wait_s,
        max(h.wait_us) / 1e6 AS max_wait_s
    FROM happened AS h
    JOIN days AS d USING (event_date)
    GROUP BY h.event_date, h.controller_id, h.phase, quarter
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
        CASE WHEN is_heard THEN coalesce(h.walks, 0) END AS walks,
        CASE WHEN is_heard THEN coalesce(h.calls, 0) END AS calls,
        CASE WHEN is_heard THEN coalesce(h.presses, 0) END AS presses,
        CASE WHEN is_heard THEN coalesce(h.unique_presses, 0) END AS unique_presses,
        CASE WHEN is_heard THEN coalesce(h.waits, 0) END AS waits,
        CASE WHEN is_heard THEN coalesce(h.wait_s, 0) END AS wait_s,
        h.max_wait_s
    FROM views.signal_bins AS b
    JOIN phases AS k USING (event_date, controller_id)
    LEFT JOIN heard AS h USING (event_date, controller_id, phase, quarter)
),
judged AS (
    SELECT
        * EXCLUDE (is_heard),
        coalesce(coverage_reason(is_heard, coverage_share), CASE WHEN waits = 0 THEN 'no_call' END) AS null_reason
    FROM counted
)
SELECT
    *,
    CASE WHEN null_reason IS NULL THEN wait_s / waits END AS mean_wait_s
FROM judged
