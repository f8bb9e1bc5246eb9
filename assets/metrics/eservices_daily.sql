-- eservices_daily: formulas and sources are in schemas/metrics/eservices_daily.py.
WITH
-- What was submitted on the day. Whole microseconds: sums of them are exact in any order.
submitted AS (
    SELECT
        event_date,
        service,
        district,
        count(*) AS n,
        count(*) FILTER (WHERE channel = 'web') AS web_n,
        count(*) FILTER (WHERE channel = 'app') AS app_n,
        count(*) FILTER (WHERE channel = 'kiosk') AS kiosk_n,
        count(*) FILTER (WHERE channel = 'phone') AS phone_n,
        count(*) FILTER (WHERE channel = 'counter') AS counter_n,
        count(*) FILTER (WHERE channel = 'post') AS post_n,
        count(*) FILTER (WHERE channel = 'unknown') AS unknown_n,
        count(*) FILTER (WHERE outcome <> 'pending') AS ended_n,
        count(*) FILTER (WHERE outcome = 'completed') AS completed_n,
        count(*) FILTER (WHERE outcome = 'rejected') AS rejected_n,
        count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned_n,
        count(*) FILTER (WHERE outcome = 'cancelled') AS cancelled_n,
        count(*) FILTER (WHERE outcome = 'completed' AND channel <> 'unknown') AS channel_completed_n,
        count(*) FILTER (WHERE outcome = 'completed' AND channel IN ('web', 'app', 'kiosk')) AS digital_completed_n,
        count(completed_at) FILTER (WHERE outcome = 'completed') AS timed_n,
        sum(us_between(submitted_at, completed_at)) FILTER (WHERE outcome = 'completed') AS took_us,
        quantile_cont(us_between(submitted_at, completed_at) / 3.6e9, [0.5, 0.9]) FILTER (WHERE outcome = 'completed') AS took_h,
        sum(amount_cents) FILTER (WHERE outcome = 'completed') AS amount_cents
    FROM refined.eservice_transactions
    JOIN days USING (event_date)
    GROUP BY ALL
),
-- What was booked, up to 183 days before (lookback_days), for an hour of the day. A cancelled appointment is nobody's fault.
appointments AS (
    SELECT
        d.event_date,
        t.service,
        t.district,
        count(*) AS appointment_n,
        count(*) FILTER (WHERE t.outcome = 'completed') AS attended_n,
        count(*) FILTER (WHERE t.outcome = 'no_show') AS no_show_n
    FROM refined.eservice_transactions AS t
    JOIN days AS d ON d.event_date = CAST(timezone(getvariable('zone'), t.appointment_at) AS DATE)
    WHERE d.event_date - t.event_date BETWEEN 0 AND 183 AND t.outcome <> 'cancelled'
    GROUP BY ALL
),
-- A day with either has a row; what did not happen is 0.
observed AS (
    SELECT
        event_date,
        service,
        district,
        coalesce(s.n, 0) AS n,
        coalesce(CAST(s.ended_n AS DOUBLE) / s.n, 0) AS coverage_share,
        CAST(s.timed_n AS DOUBLE) / nullif(s.completed_n, 0) AS health_share,
        coalesce(s.web_n, 0) AS web_n,
        coalesce(s.app_n, 0) AS app_n,
        coalesce(s.kiosk_n, 0) AS kiosk_n,
        coalesce(s.phone_n, 0) AS phone_n,
        coalesce(s.counter_n, 0) AS counter_n,
        coalesce(s.post_n, 0) AS post_n,
        coalesce(s.unknown_n, 0) AS unknown_n,
        coalesce(s.ended_n, 0) AS ended_n,
        coalesce(s.completed_n, 0) AS completed_n,
        coalesce(s.rejected_n, 0) AS rejected_n,
        coalesce(s.abandoned_n, 0) AS abandoned_n,
        coalesce(s.cancelled_n, 0) AS cancelled_n,
        coalesce(s.channel_completed_n, 0) AS channel_completed_n,
        coalesce(s.digital_completed_n, 0) AS digital_completed_n,
        coalesce(s.timed_n, 0) AS timed_n,
        CAST(s.took_us AS DOUBLE) / 3.6e9 AS took_sum_h,
        s.took_h,
        CAST(s.amount_cents AS BIGINT) AS amount_cents,
        coalesce(a.appointment_n, 0) AS appointment_n,
        coalesce(a.attended_n, 0) AS attended_n,
        coalesce(a.no_show_n, 0) AS no_show_n
    FROM submitted AS s
    FULL JOIN appointments AS a USING (event_date, service, district)
),
-- The first reason that applies. Where few have ended, those that took long are missing.
judged AS (
    SELECT
        *,
        coalesce(
            coverage_reason(n > 0, coverage_share),
            CASE
                WHEN completed_n = 0 THEN 'no_closing'
                WHEN channel_completed_n = 0 THEN 'no_channel'
                WHEN timed_n = 0 THEN 'no_time'
                WHEN service = 'appointment' AND attended_n + no_show_n = 0 THEN 'no_appointment'
            END
        ) AS null_reason,
        is_carried(n, coverage_share) AS is_carried
    FROM observed
)
SELECT
    * EXCLUDE (is_carried, took_h),
    CASE WHEN is_carried THEN CAST(completed_n AS DOUBLE) / nullif(ended_n, 0) END AS completion_share,
    CASE WHEN is_carried THEN took_h[1] END AS took_p50_h,
    CASE WHEN is_carried THEN took_h[2] END AS took_p90_h,
    CASE WHEN is_carried THEN CAST(digital_completed_n AS DOUBLE) / nullif(channel_completed_n, 0) END AS digital_share,
    CAST(no_show_n AS DOUBLE) / nullif(no_show_n + attended_n, 0) AS no_show_share
FROM judged
