-- service_requests_daily: formulas and sources are in schemas/metrics/service_requests_daily.py.
WITH
-- The promise: what the register says of the request, else what the city says of the service when it was asked for.
states AS MATERIALIZED (
    SELECT
        s.*,
        coalesce(s.expected_at, s.requested_at + to_microseconds(CAST(v.sla_h * 3.6e9 AS BIGINT))) AS due_at,
        s.requested_at + to_microseconds(CAST(threshold('service_close_window_d') * 8.64e10 AS BIGINT)) AS window_ends_at
    FROM views.request_states AS s
    ASOF LEFT JOIN views.request_services AS v ON v.service_code = s.service_code AND v.holds_from <= s.requested_at
),
-- What holds when a day ends, of requests that are open, were closed on the day, or were asked for within the window.
at_end AS (
    SELECT
        d.event_date,
        s.district,
        s.service_code,
        s.is_open,
        s.is_in_order,
        s.is_from_opening,
        s.due_at < d.ends_at AS is_overdue,
        d.ends_at <= s.window_ends_at AS is_in_window,
        us_between(s.requested_at, d.ends_at) AS age_us,
        us_between(s.requested_at, CASE WHEN s.is_open THEN d.ends_at ELSE s.ended_at END) AS took_us
    FROM states AS s
    JOIN days AS d
        ON s.holds_from < d.ends_at
        AND d.ends_at <= CASE
            WHEN s.is_open THEN s.holds_until
            ELSE least(
                s.holds_until,
                greatest(s.window_ends_at, timezone(getvariable('zone'), CAST(s.holds_from_date + 1 AS TIMESTAMP)))
            )
        END
),
stock AS (
    SELECT
        event_date,
        district,
        service_code,
        count(*) AS n,
        avg(CAST(is_from_opening AS INTEGER)) AS coverage_share,
        avg(CAST(is_in_order AS INTEGER)) AS health_share,
        count(*) FILTER (WHERE is_open) AS backlog,
        count(*) FILTER (WHERE is_open AND is_overdue) AS overdue,
        sum(age_us) FILTER (WHERE is_open) AS age_us,
        quantile_cont(age_us / 3.6e9, 0.5) FILTER (WHERE is_open) AS backlog_age_p50_h,
        count(*) FILTER (WHERE is_in_window) AS window_n,
        count(*) FILTER (WHERE is_in_window AND NOT is_open) AS window_closed_n
    FROM at_end
    GROUP BY ALL
),
-- Kaplan and Meier: of the requests that had not closed before they were as old as this, and were looked at for so long, how
-- many closed at this age. Those still open when the day ends are censored then.
ages AS (
    SELECT event_date, district, service_code, took_us, count(*) AS leaving, count(*) FILTER (WHERE NOT is_open) AS closing
    FROM at_end
    WHERE is_in_window
    GROUP BY ALL
),
risks AS (
    SELECT *, sum(leaving) OVER (PARTITION BY event_date, district, service_code ORDER BY took_us DESC) AS at_risk FROM ages
),
-- The product of the shares that stay open, as a sum of logarithms in decimals, which is exact in any order. Where none stays
-- open the curve is at 0: any large number says so.
curve AS (
    SELECT
        event_date,
        district,
        service_code,
        took_us,
        sum(CASE WHEN closing = at_risk THEN 1000 ELSE CAST(-ln((at_risk - closing) / at_risk) AS DECIMAL(38, 15)) END)
            OVER (PARTITION BY event_date, district, service_code ORDER BY took_us) AS fallen
    FROM risks
    WHERE closing > 0
),
close_times AS (
    SELECT
        event_date,
        district,
        service_code,
        -- the least that the decimals tell apart from the quantile itself
        min(took_us) FILTER (WHERE fallen >= ln(2) - 1e-9) / 3.6e9 AS close_p50_h,
        min(took_us) FILTER (WHERE fallen >= ln(10) - 1e-9) / 3.6e9 AS close_p90_h
    FROM curve
    GROUP BY ALL
),
-- What happened on a day, under the district and service that the register said of it then.
events AS (
    SELECT
        holds_from_date AS event_date,
        district,
        service_code,
        count(*) FILTER (WHERE event = 'opened') AS opened,
        count(*) FILTER (WHERE event = 'closed') AS closed,
        count(*) FILTER (WHERE event = 'reopened') AS reopened,
        count(*) FILTER (WHERE event = 'closed' AND ended_at <= due_at) AS sla_met_n,
        count(*) FILTER (WHERE is_response) AS first_response_n,
        sum(us_between(requested_at, holds_from)) FILTER (WHERE is_response) AS first_response_us,
        quantile_cont(us_between(requested_at, holds_from) / 3.6e9, 0.5) FILTER (WHERE is_response) AS first_response_p50_h
    FROM states
    WHERE event IS NOT NULL OR is_response
    GROUP BY ALL
),
-- A promise is broken when it passes while the request is open, and not only when the request is closed at last.
broken AS (
    SELECT CAST(timezone(getvariable('zone'), due_at) AS DATE) AS event_date, district, service_code, count(*) AS sla_missed_n
    FROM states
    WHERE is_open AND due_at >= holds_from AND due_at < holds_until
    GROUP BY ALL
),
observed AS (
    SELECT
        event_date,
        district,
        service_code,
        coalesce(s.n, 0) AS n,
        coalesce(s.coverage_share, 0) AS coverage_share,
        s.health_share,
        coalesce(e.opened, 0) AS opened,
        coalesce(e.closed, 0) AS closed,
        coalesce(e.reopened, 0) AS reopened,
        coalesce(s.backlog, 0) AS backlog,
        coalesce(s.overdue, 0) AS overdue,
        CAST(coalesce(s.age_us, 0) AS DOUBLE) / 3.6e9 AS backlog_age_sum_h,
        s.backlog_age_p50_h,
        coalesce(s.window_n, 0) AS window_n,
        coalesce(s.window_closed_n, 0) AS window_closed_n,
        c.close_p50_h,
        c.close_p90_h,
        coalesce(e.sla_met_n, 0) AS sla_met_n,
        coalesce(b.sla_missed_n, 0) AS sla_missed_n,
        coalesce(e.first_response_n, 0) AS first_response_n,
        CAST(coalesce(e.first_response_us, 0) AS DOUBLE) / 3.6e9 AS first_response_sum_h,
        e.first_response_p50_h,
        coalesce(s.coverage_share >= threshold('coverage_min_share'), false) AS is_carried
    FROM stock AS s
    FULL JOIN (SELECT e.* FROM events AS e JOIN days USING (event_date)) AS e USING (event_date, district, service_code)
    FULL JOIN (SELECT b.* FROM broken AS b JOIN days USING (event_date)) AS b USING (event_date, district, service_code)
    LEFT JOIN close_times AS c USING (event_date, district, service_code)
)
SELECT
    * EXCLUDE (is_carried) REPLACE (CASE WHEN is_carried THEN first_response_p50_h END AS first_response_p50_h),
    CAST(sla_met_n AS DOUBLE) / nullif(sla_met_n + sla_missed_n, 0) AS sla_met_share,
    CASE WHEN is_carried THEN CAST(reopened AS DOUBLE) / nullif(closed, 0) END AS reopen_rate,
    -- The first reason that applies, in the order of the columns.
    CASE
        WHEN window_n = 0 THEN 'no_request'
        WHEN close_p90_h IS NULL THEN 'not_reached'
        WHEN backlog = 0 THEN 'no_backlog'
        WHEN sla_met_n + sla_missed_n = 0 THEN 'no_promise'
        WHEN NOT is_carried THEN 'low_coverage'
        WHEN first_response_n = 0 THEN 'no_response'
        WHEN closed = 0 THEN 'no_closing'
    END AS null_reason
FROM observed
