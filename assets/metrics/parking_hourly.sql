-- parking_hourly: formulas and sources are in schemas/metrics/parking_hourly.py.
WITH
-- Whole microseconds and whole cars: sums of them are exact in any order.
parts AS (
    SELECT
        event_date,
        facility_id,
        hour,
        count(*) FILTER (WHERE is_reported) AS n,
        coalesce(sum(held_us) FILTER (WHERE is_closed OR occupied IS NOT NULL), 0) AS known_us,
        coalesce(sum(held_us) FILTER (WHERE is_closed), 0) AS closed_us,
        coalesce(sum(held_us) FILTER (WHERE NOT is_closed AND occupied IS NOT NULL), 0) AS counted_us,
        coalesce(sum(held_us) FILTER (WHERE NOT is_closed AND occupied IS NOT NULL AND capacity > 0), 0) AS rated_us,
        sum(held_us * occupied) FILTER (WHERE NOT is_closed) AS occupied_us,
        sum(held_us * occupied) FILTER (WHERE NOT is_closed AND capacity > 0) AS rated_occupied_us,
        sum(held_us * capacity) FILTER (WHERE NOT is_closed AND occupied IS NOT NULL AND capacity > 0) AS capacity_us,
        sum(held_us)
            FILTER (WHERE NOT is_closed AND capacity > 0 AND occupied >= capacity * threshold('parking_full_min_share'))
            AS full_us,
        max(occupied) FILTER (WHERE NOT is_closed) AS occupied_max,
        -- greatest() passes over NULL: a change that is not known must stay so.
        sum(CASE WHEN change IS NOT NULL THEN greatest(change, 0) END) AS arrivals,
        sum(CASE WHEN change IS NOT NULL THEN greatest(-change, 0) END) AS departures
    FROM views.parking_spells
    GROUP BY ALL
),
-- A car park that reported on the day, or whose last report reaches into it, has a row for each hour.
grid AS (
    SELECT r.event_date, r.facility_id, h.hour, h.bin_at, h.local_time, h.seconds
    FROM (SELECT DISTINCT event_date, facility_id FROM parts) AS r
    JOIN views.hours AS h USING (event_date)
),
observed AS (
    SELECT
        g.event_date,
        g.facility_id,
        g.bin_at,
        g.local_time,
        c.name,
        coalesce(c.district, 'unknown') AS district,
        coalesce(p.n, 0) AS n,
        CAST(coalesce(p.known_us, 0) AS DOUBLE) / (g.seconds * 1000000) AS coverage_share,
        h.health_share,
        CAST(coalesce(p.counted_us, 0) AS DOUBLE) / 60000000 AS counted_min,
        CAST(coalesce(p.rated_us, 0) AS DOUBLE) / 60000000 AS rated_min,
        CAST(coalesce(p.closed_us, 0) AS DOUBLE) / 60000000 AS closed_min,
        CASE WHEN p.rated_us > 0 THEN CAST(coalesce(p.full_us, 0) AS DOUBLE) / 60000000 END AS full_min,
        CAST(p.occupied_us AS DOUBLE) / 3600000000 AS occupied_space_h,
        CAST(p.rated_occupied_us AS DOUBLE) / 3600000000 AS rated_occupied_space_h,
        CAST(p.capacity_us AS DOUBLE) / 3600000000 AS capacity_space_h,
        CAST(p.arrivals AS DOUBLE) AS arrivals_veh,
        CAST(p.departures AS DOUBLE) AS departures_veh,
        p.occupied_max
    FROM grid AS g
    LEFT JOIN parts AS p ON p.event_date = g.event_date AND p.facility_id = g.facility_id AND p.hour = g.hour
    LEFT JOIN views.car_parks_by_day AS c ON c.event_date = g.event_date AND c.facility_id = g.facility_id
    LEFT JOIN metrics.sensor_health_daily AS h
        ON h.event_date = g.event_date AND h.sensor_id = g.facility_id AND h.feed = 'parking_occupancy'
),
-- The first reason that applies; below the coverage threshold no ratio is shown, the additive parts stay.
judged AS (
    SELECT
        *,
        CASE
            WHEN coverage_share = 0 AND n = 0 THEN 'no_data'
            WHEN coverage_share = 0 THEN 'no_count'
            WHEN coverage_share < threshold('coverage_min_share') THEN 'low_coverage'
            WHEN counted_min = 0 THEN 'out_of_service'
            WHEN rated_min = 0 THEN 'no_capacity'
        END AS null_reason,
        coverage_share >= threshold('coverage_min_share') AS is_carried
    FROM observed
)
SELECT
    * EXCLUDE (is_carried),
    CASE WHEN is_carried THEN occupied_space_h / nullif(counted_min / 60, 0) END AS occupied_spaces,
    CASE WHEN is_carried THEN capacity_space_h / nullif(rated_min / 60, 0) END AS capacity_spaces,
    CASE WHEN is_carried THEN rated_occupied_space_h / capacity_space_h END AS occupancy_share,
    CASE WHEN is_carried THEN full_min / rated_min END AS full_share,
    arrivals_veh / capacity_spaces AS turnover_veh_space
FROM judged
