-- Lamps known or reporting by day: what is known of them, and the place whose sun tells when they should burn. A lamp without a
-- place of its own takes the middle of its district's lamps, or else of all.
WITH
reports AS (
    SELECT d.event_date, o.lamp_id, max(us_between(d.starts_at, o.observed_at)) AS last_us
    FROM refined.streetlights AS o
    CROSS JOIN (VALUES (0), (1)) AS k (days_on)
    JOIN days AS d ON d.event_date = o.event_date + k.days_on
    WHERE o.device_kind = 'lamp'
    GROUP BY d.event_date, o.lamp_id
),
lamps AS (
    SELECT
        event_date,
        lamp_id,
        coalesce(l.district, 'unknown') AS district,
        l.lamp_type,
        l.rated_w,
        l.lat,
        l.lon,
        CAST(coalesce(l.report_ttl_s, threshold('lamp_report_ttl_s')) * 1000000 AS BIGINT) AS ttl_us,
        coalesce(r.last_us > -ttl_us, false) AS is_reporting
    FROM reports AS r
    FULL JOIN views.lamps_by_day AS l USING (event_date, lamp_id)
    WHERE is_reporting OR l.is_installed
),
-- On a day without any report there is nothing to tell of those that are silent.
told AS (
    SELECT *
    FROM lamps
    QUALIFY bool_or(is_reporting) OVER (PARTITION BY event_date)
)
SELECT
    * EXCLUDE (is_reporting),
    sun_place(coalesce(lat, avg(exact(lat)) OVER of_district, avg(exact(lat)) OVER of_city)) AS sun_lat,
    sun_place(coalesce(lon, avg(exact(lon)) OVER of_district, avg(exact(lon)) OVER of_city)) AS sun_lon
FROM told
WINDOW of_district AS (PARTITION BY event_date, district), of_city AS (PARTITION BY event_date)
