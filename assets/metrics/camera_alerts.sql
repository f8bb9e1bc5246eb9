-- camera_alerts: formulas and sources are in schemas/metrics/camera_alerts.py.
WITH
-- Districts in which some camera said something on the day: there, no alert of a kind is none, and not unknown.
places AS (
    SELECT DISTINCT e.event_date, e.district
    FROM views.camera_events_placed AS e
    JOIN days AS d ON d.event_date = e.event_date
),
grid AS (
    SELECT p.event_date, p.district, k.kind
    FROM places AS p
    CROSS JOIN (VALUES ('person_down'), ('intrusion'), ('abandoned_object'), ('wrong_way'), ('watchlist_alert')) AS k (kind)
),
alerts AS (
    SELECT
        a.event_date,
        a.district,
        kind,
        confidence,
        is_sure(confidence) AS is_sure,
        h.health_share,
        incident_id,
        seconds_on(captured_at, received_at) AS received_s,
        seconds_on(received_at, dispatched_at) AS dispatched_s
    FROM views.alerts_followed AS a
    LEFT JOIN metrics.sensor_health_daily AS h
        ON h.event_date = a.event_date AND h.sensor_id = a.camera_id AND h.feed = 'camera_events'
)
SELECT
    g.event_date,
    g.kind,
    g.district,
    count(a.kind) AS n,
    CASE WHEN count(a.kind) > 0 THEN count(a.received_s) / count(a.kind) ELSE 0 END AS coverage_share,
    -- 0 or 1 each: the mean of them does not depend on their order
    avg(a.health_share) AS health_share,
    count(*) FILTER (WHERE a.is_sure) AS sure_n,
    count(a.confidence) AS confidence_n,
    CAST(sum(exact(a.confidence)) AS DOUBLE) AS confidence_sum,
    confidence_sum / nullif(confidence_n, 0) AS mean_confidence,
    count(a.received_s) AS capture_to_received_n,
    CAST(sum(exact(a.received_s)) AS DOUBLE) AS capture_to_received_sum_s,
    quantile_cont(a.received_s, 0.5) AS capture_to_received_p50_s,
    quantile_cont(a.received_s, 0.95) AS capture_to_received_p95_s,
    count(a.incident_id) AS call_n,
    count(a.dispatched_s) AS received_to_dispatched_n,
    CAST(sum(exact(a.dispatched_s)) AS DOUBLE) AS received_to_dispatched_sum_s,
    quantile_cont(a.dispatched_s, 0.5) AS received_to_dispatched_p50_s,
    quantile_cont(a.dispatched_s, 0.95) AS received_to_dispatched_p95_s,
    CASE
        WHEN count(a.kind) = 0 THEN 'no_data'
        WHEN capture_to_received_n = 0 THEN 'no_receipt'
        WHEN call_n = 0 THEN 'no_call'
        WHEN received_to_dispatched_n = 0 THEN 'no_dispatch'
    END AS null_reason
FROM grid AS g
LEFT JOIN alerts AS a ON a.event_date = g.event_date AND a.district = g.district AND a.kind = g.kind
GROUP BY g.event_date, g.kind, g.district
