-- bike_availability: formulas and sources are in schemas/metrics/bike_availability.py.
WITH
-- Whole microseconds, vehicles and docks: sums of them are exact in any order.
parts AS (
    SELECT
        event_date,
        station_id,
        hour,
        count(*) FILTER (WHERE is_reported) AS n,
        sum(held_us) AS known_us,
        sum(held_us) FILTER (WHERE vehicles_available IS NOT NULL) AS vehicles_us,
        sum(held_us) FILTER (WHERE docks_available IS NOT NULL) AS docks_us,
        sum(held_us) FILTER (WHERE is_renting AND vehicles_available IS NOT NULL) AS renting_us,
        sum(held_us) FILTER (WHERE is_returning AND docks_available IS NOT NULL) AS returning_us,
        sum(held_us) FILTER (WHERE is_renting AND vehicles_available <= threshold('bike_empty_max_vehicles')) AS empty_us,
        sum(held_us) FILTER (WHERE is_returning AND docks_available <= threshold('bike_full_max_docks')) AS full_us,
        sum(held_us) FILTER (WHERE NOT is_renting) AS not_renting_us,
        sum(held_us) FILTER (WHERE NOT is_returning) AS not_returning_us,
        sum(held_us * vehicles_available) AS vehicle_us,
        sum(held_us * docks_available) AS dock_us
    FROM views.bike_spells
    GROUP BY ALL
),
-- A station that reported on the day, or whose last report reaches into it, has a row for each hour.
grid AS (
    SELECT r.event_date, r.station_id, h.hour, h.bin_at, h.local_time, h.seconds
    FROM (SELECT DISTINCT event_date, station_id FROM parts) AS r
    JOIN views.hours AS h USING (event_date)
),
observed AS (
    SELECT
        g.event_date,
        g.station_id,
        g.bin_at,
        g.local_time,
        s.name,
        coalesce(s.district, 'unknown') AS district,
        coalesce(p.n, 0) AS n,
        CAST(coalesce(p.known_us, 0) AS DOUBLE) / (g.seconds * 1000000) AS coverage_share,
        h.health_share,
        s.capacity,
        CAST(coalesce(p.vehicles_us, 0) AS DOUBLE) / 60000000 AS vehicles_known_min,
        CAST(coalesce(p.docks_us, 0) AS DOUBLE) / 60000000 AS docks_known_min,
        CAST(coalesce(p.renting_us, 0) AS DOUBLE) / 60000000 AS renting_min,
        CAST(coalesce(p.returning_us, 0) AS DOUBLE) / 60000000 AS returning_min,
        CAST(coalesce(p.not_renting_us, 0) AS DOUBLE) / 60000000 AS not_renting_min,
        CAST(coalesce(p.not_returning_us, 0) AS DOUBLE) / 60000000 AS not_returning_min,
        -- Of time in which nothing is known it is not known how long the station was empty; otherwise never is 0.
        CASE WHEN p.renting_us > 0 THEN CAST(coalesce(p.empty_us, 0) AS DOUBLE) / 60000000 END AS empty_min,
        CASE WHEN p.returning_us > 0 THEN CAST(coalesce(p.full_us, 0) AS DOUBLE) / 60000000 END AS full_min,
        CAST(p.vehicle_us AS DOUBLE) / 3600000000 AS vehicle_h,
        CAST(p.dock_us AS DOUBLE) / 3600000000 AS dock_h
    FROM grid AS g
    LEFT JOIN parts AS p ON p.event_date = g.event_date AND p.station_id = g.station_id AND p.hour = g.hour
    LEFT JOIN views.stations_by_day AS s ON s.event_date = g.event_date AND s.station_id = g.station_id
    LEFT JOIN metrics.sensor_health_daily AS h
        ON h.event_date = g.event_date AND h.sensor_id = g.station_id AND h.feed = 'bike_stations'
),
-- The first reason that applies; below the coverage threshold no ratio is shown, the additive parts stay.
judged AS (
    SELECT
        *,
        coalesce(
            coverage_reason(coverage_share > 0, coverage_share),
            CASE
                WHEN vehicles_known_min = 0 THEN 'no_count'
                WHEN renting_min = 0 THEN 'out_of_service'
                WHEN docks_known_min = 0 THEN 'no_docks'
                WHEN returning_min = 0 THEN 'out_of_service'
            END
        ) AS null_reason,
        coverage_share >= threshold('coverage_min_share') AS is_carried
    FROM observed
)
SELECT
    * EXCLUDE (is_carried),
    CASE WHEN is_carried THEN empty_min / nullif(renting_min, 0) END AS empty_share,
    CASE WHEN is_carried THEN full_min / nullif(returning_min, 0) END AS full_share,
    CASE WHEN is_carried THEN vehicle_h / nullif(vehicles_known_min / 60, 0) END AS vehicles_mean,
    CASE WHEN is_carried THEN dock_h / nullif(docks_known_min / 60, 0) END AS docks_mean
FROM judged
