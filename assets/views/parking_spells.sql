-- What each car park's reports say of an hour: a report holds until the next one, but no longer than it is believed.
WITH
-- A day sees its own reports and those of the day before, whose last one may hold over midnight. Nothing older, so that a day
-- says the same whether it is measured alone or among others.
reports AS (
    SELECT
        d.event_date,
        o.facility_id,
        us_between(d.starts_at, o.observed_at) AS at_us,
        us_between(d.starts_at, d.ends_at) AS day_us,
        o.occupied,
        coalesce(o.capacity, c.capacity) AS capacity,
        coalesce(o.out_of_service, false) AS is_closed,
        CAST(coalesce(c.report_ttl_s, threshold('parking_report_ttl_s')) * 1000000 AS BIGINT) AS ttl_us
    FROM refined.parking_occupancy AS o
    CROSS JOIN (VALUES (0), (1)) AS k (days_on)
    JOIN days AS d ON d.event_date = o.event_date + k.days_on
    LEFT JOIN views.car_parks_by_day AS c ON c.event_date = d.event_date AND c.facility_id = o.facility_id
),
spells AS (
    SELECT
        *,
        greatest(at_us, 0) AS from_us,
        least(at_us + ttl_us, day_us, coalesce(lead(at_us) OVER in_time, day_us)) AS until_us,
        -- The count before this one, unless it is too old to be compared with. Reports without a count lie between at times.
        lag(occupied IGNORE NULLS) OVER in_time AS occupied_before,
        at_us - lag(CASE WHEN occupied IS NOT NULL THEN at_us END IGNORE NULLS) OVER in_time <= ttl_us AS is_comparable
    FROM reports
    WINDOW in_time AS (PARTITION BY event_date, facility_id ORDER BY at_us)
)
-- One row for each hour a report holds in; the hour of the report itself is the first of them, and only there it is counted.
SELECT
    event_date,
    facility_id,
    hour,
    us_in_bin(from_us, until_us, hour, 3600000000) AS held_us,
    occupied,
    capacity,
    is_closed,
    at_us >= 0 AND hour = at_us // 3600000000 AS is_reported,
    CASE WHEN is_reported AND is_comparable THEN occupied - occupied_before END AS change
FROM (
    SELECT *, unnest(bins_of_spell(from_us, until_us, 3600000000)) AS hour
    FROM spells
    WHERE until_us > from_us
)
