-- who_knew_first: formulas and sources are in schemas/metrics/who_knew_first.py.
WITH
-- A lamp goes out on the first day on which it is out after one on which it was not, or of which nothing is known for 14 days
-- (lookback_days and lookahead_days: a day sees no further, whatever else is read).
lamp_days AS (
    SELECT
        event_date,
        lamp_id,
        district,
        lamps_out = 1 AS is_out,
        out_said_at,
        out_said_by,
        least(known_should_burn_h / should_burn_h, 1) AS coverage_share,
        health_share,
        lamps_out = 1 AND NOT coalesce(
            lag(lamps_out) OVER of_lamp = 1 AND event_date - lag(event_date) OVER of_lamp <= 14, false
        ) AS goes_out,
        min(CASE WHEN lamps_out = 0 THEN event_date END) OVER (
            PARTITION BY lamp_id
            ORDER BY event_date
            RANGE BETWEEN INTERVAL 1 DAY FOLLOWING AND INTERVAL 14 DAY FOLLOWING
        ) AS ended_date
    FROM metrics.streetlight_daily
    WHERE known_should_burn_h > 0
    WINDOW of_lamp AS (PARTITION BY lamp_id ORDER BY event_date)
),
outages AS (
    SELECT
        o.*,
        l.lat,
        l.lon,
        o.out_said_at - to_microseconds(CAST(threshold('lamp_report_before_h') * 3.6e9 AS BIGINT)) AS reports_from,
        timezone(getvariable('zone'), CAST(coalesce(o.ended_date, o.event_date + 14) AS TIMESTAMP)) AS reports_until
    FROM lamp_days AS o
    JOIN days USING (event_date)
    LEFT JOIN views.lamps_by_day AS l USING (event_date, lamp_id)
    WHERE o.goes_out
),
-- What people said of street lights, as their first version places it.
reports AS (
    SELECT
        s.request_id,
        s.requested_at,
        s.event_date AS told_date,
        CAST(timezone(getvariable('zone'), s.requested_at) AS DATE) AS event_date,
        s.district,
        s.lat,
        s.lon,
        metres_band(s.lat, threshold('lamp_report_near_m')) AS band
    FROM views.request_spells AS s
    ASOF LEFT JOIN views.request_services AS v ON v.service_code = s.service_code AND v.holds_from <= s.requested_at
    WHERE s.version = 1 AND v.subject = 'street_light'
),
-- The reports near a lamp while it was out, or shortly before it said so.
answers AS (
    SELECT *
    FROM (
        SELECT
            o.event_date,
            o.lamp_id,
            r.request_id,
            r.requested_at,
            metres_between(o.lat, o.lon, r.lat, r.lon) AS distance_m
        FROM outages AS o
        CROSS JOIN (VALUES (-1), (0), (1)) AS k (bands_on)
        JOIN reports AS r ON r.band = metres_band(o.lat, threshold('lamp_report_near_m')) + k.bands_on
        WHERE r.requested_at >= o.reports_from
            AND r.requested_at < o.reports_until
            AND r.told_date <= o.event_date + 14
    )
    WHERE distance_m <= threshold('lamp_report_near_m')
),
first_answers AS (
    SELECT *, count(*) OVER (PARTITION BY event_date, lamp_id) AS reports
    FROM answers
    QUALIFY row_number() OVER (PARTITION BY event_date, lamp_id ORDER BY requested_at, distance_m, request_id) = 1
),
-- Reports of the day, and the lamps near them as telemetry knew them from the day before until three days after.
asked AS (
    SELECT * FROM reports JOIN days USING (event_date)
    WHERE told_date <= event_date + 14
),
near AS (
    SELECT *
    FROM (
        SELECT a.event_date, a.request_id, l.lamp_id, metres_between(a.lat, a.lon, l.lat, l.lon) AS distance_m
        FROM asked AS a
        CROSS JOIN (VALUES (-1), (0), (1)) AS k (bands_on)
        JOIN views.lamps_by_day AS l
            ON l.event_date = a.event_date AND metres_band(l.lat, threshold('lamp_report_near_m')) = a.band + k.bands_on
        WHERE l.is_installed
    )
    WHERE distance_m <= threshold('lamp_report_near_m')
),
watched AS (
    SELECT
        n.event_date,
        n.request_id,
        n.lamp_id,
        n.distance_m,
        count(w.lamp_id) > 0 AS is_watched,
        coalesce(bool_or(w.is_out), false) AS is_out,
        max(w.health_share) AS health_share
    FROM near AS n
    LEFT JOIN lamp_days AS w ON w.lamp_id = n.lamp_id AND w.event_date BETWEEN n.event_date - 1 AND n.event_date + 3
    GROUP BY ALL
),
seen AS (
    SELECT
        event_date,
        request_id,
        arg_min(lamp_id, {'m': distance_m, 'lamp': lamp_id}) AS lamp_id,
        min(distance_m) AS distance_m,
        count(*) AS lamps_near,
        count(*) FILTER (WHERE is_watched) AS lamps_watched,
        bool_or(is_out) AS is_out,
        CAST(sum(exact(health_share)) AS DOUBLE) / nullif(count(health_share), 0) AS health_share
    FROM watched
    GROUP BY ALL
),
cases AS (
    SELECT
        event_date,
        'outage' AS case_kind,
        lamp_id AS case_id,
        lamp_id,
        o.district,
        o.coverage_share,
        o.health_share,
        o.out_said_at AS telemetry_at,
        o.out_said_by AS telemetry_by,
        o.ended_date,
        a.request_id,
        a.requested_at AS reported_at,
        a.distance_m,
        CASE WHEN o.lat IS NOT NULL THEN coalesce(a.reports, 0) END AS reports,
        us_between(o.out_said_at, a.requested_at) AS lead_us,
        CASE
            WHEN o.lat IS NULL THEN 'no_place'
            WHEN a.request_id IS NULL THEN 'never_reported'
        END AS null_reason
    FROM outages AS o
    LEFT JOIN first_answers AS a USING (event_date, lamp_id)
    UNION ALL BY NAME
    -- A report of a lamp that telemetry saw out is told with that outage.
    SELECT
        event_date,
        'report' AS case_kind,
        request_id AS case_id,
        s.lamp_id,
        r.district,
        coalesce(CAST(s.lamps_watched AS DOUBLE) / s.lamps_near, 0) AS coverage_share,
        s.health_share,
        request_id,
        r.requested_at AS reported_at,
        s.distance_m,
        1 AS reports,
        CASE
            WHEN r.lat IS NULL OR r.lon IS NULL THEN 'no_place'
            WHEN coalesce(s.lamps_watched, 0) = 0 THEN 'never_measured'
            ELSE 'contradicted'
        END AS null_reason
    FROM asked AS r
    LEFT JOIN seen AS s USING (event_date, request_id)
    WHERE s.is_out IS NOT TRUE
)
SELECT
    * EXCLUDE (lead_us),
    1 AS n,
    CAST(lead_us AS DOUBLE) / 3.6e9 AS telemetry_lead_h,
    CASE
        WHEN lead_us < 0 THEN 'report'
        WHEN lead_us >= 0 THEN 'telemetry'
        WHEN null_reason = 'never_reported' THEN 'telemetry_alone'
        WHEN null_reason <> 'no_place' THEN 'report_alone'
    END AS knew_first,
    CASE WHEN knew_first IS NOT NULL THEN CAST(knew_first = 'telemetry' AS INT) END AS telemetry_first,
    CASE WHEN knew_first IS NOT NULL THEN CAST(knew_first = 'report' AS INT) END AS report_first,
    CASE WHEN knew_first IS NOT NULL THEN CAST(null_reason IS NOT DISTINCT FROM 'never_reported' AS INT) END AS never_reported,
    CASE WHEN knew_first IS NOT NULL THEN CAST(null_reason IS NOT DISTINCT FROM 'never_measured' AS INT) END AS never_measured,
    CASE WHEN knew_first IS NOT NULL THEN CAST(null_reason IS NOT DISTINCT FROM 'contradicted' AS INT) END AS contradicted
FROM cases
