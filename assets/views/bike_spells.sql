-- What each bike station's reports say of an hour: a report holds until the next one, but no longer than it is believed.
WITH
-- A day sees its own reports and those of the day before, whose last one may hold over midnight. Nothing older, so that a day
-- says the same whether it is measured alone or among others.
reports AS (
    SELECT
        d.event_date,
        o.station_id,
        us_between(d.starts_at, o.reported_at) AS at_us,
        us_between(d.starts_at, d.ends_at) AS day_us,
        o.vehicles_available,
        o.docks_available,
        -- Flags that are not sent say nothing against it.
        coalesce(o.is_installed, true) AND coalesce(o.is_renting, true) AS is_renting,
        coalesce(o.is_installed, true) AND coalesce(o.is_returning, true) AS is_returning,
        CAST(coalesce(s.report_ttl_s, threshold('bike_report_ttl_s')) * 1000000 AS BIGINT) AS ttl_us
    FROM refined.bike_stations AS o
    CROSS JOIN (VALUES (0), (1)) AS k (days_on)
    JOIN days AS d ON d.event_date = o.event_date + k.days_on
    LEFT JOIN views.stations_by_day AS s ON s.event_date = d.event_date AND s.station_id = o.station_id
),
spells AS (
    SELECT
        *,
        greatest(at_us, 0) AS from_us,
        least(at_us + ttl_us, day_us, coalesce(lead(at_us) OVER in_time, day_us)) AS until_us
    FROM reports
    WINDOW in_time AS (PARTITION BY event_date, station_id ORDER BY at_us)
)
-- One row for each hour a report holds in; the hour of the report itself is the first of them, and only there it is counted.
SELECT
    event_date,
    station_id,
    hour,
    us_in_bin(from_us, until_us, hour, 3600000000) AS held_us,
    vehicles_available,
    docks_available,
    is_renting,
    is_returning,
    at_us >= 0 AND hour = at_us // 3600000000 AS is_reported
FROM (
    SELECT *, unnest(bins_of_spell(from_us, until_us, 3600000000)) AS hour
    FROM spells
    WHERE until_us > from_us
)
