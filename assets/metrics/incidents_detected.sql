-- incidents_detected: formulas and sources are in schemas/metrics/incidents_detected.py.
WITH
-- Neighbours on a road in the direction of travel. A detector stands for the stretch between itself and the next one, and
-- that stretch may have thresholds of its own.
chain AS (
    SELECT
        s.event_date,
        s.sensor_id AS upstream_id,
        lead(s.sensor_id) OVER along AS downstream_id,
        s.road,
        s.direction,
        s.district,
        s.road_km,
        lead(s.road_km) OVER along AS downstream_km,
        coalesce(s.incident_difference_min_share, threshold('incident_occupancy_difference_min_share')) AS t1,
        coalesce(s.incident_relative_difference_min, threshold('incident_occupancy_relative_difference_min')) AS t2,
        coalesce(s.incident_downstream_max_share, threshold('incident_downstream_occupancy_max_share')) AS t3,
        (h.health_share + lead(h.health_share) OVER along) / 2 AS health_share
    FROM views.sensors_by_day AS s
    LEFT JOIN metrics.sensor_health_daily AS h
        ON h.event_date = s.event_date AND h.sensor_id = s.sensor_id AND h.feed = 'traffic_flow'
    WHERE s.road IS NOT NULL AND s.road_km IS NOT NULL
        AND coalesce(s.free_flow_kmh >= threshold('incident_free_flow_min_kmh'), true)
    WINDOW along AS (PARTITION BY s.event_date, s.road, coalesce(s.direction, '') ORDER BY s.road_km, s.sensor_id)
),
pairs AS (
    SELECT *
    FROM chain
    WHERE downstream_km - road_km <= threshold('incident_spacing_max_km')
),
minutes AS (
    SELECT
        t.event_date,
        t.sensor_id,
        epoch_us(t.observed_at) // 60000000 AS minute,
        date_trunc('minute', min(t.local_time)) AS local_time,
        count(*) AS n,
        minute_occupancy(t.lane, t.occupancy_share, t.interval_s) AS occupancy_share,
        minute_observed_s(t.lane, t.interval_s) AS observed_s,
        minute_lanes(t.lane) AS lanes
    FROM refined.traffic_flow AS t
    SEMI JOIN (
        SELECT event_date, upstream_id AS sensor_id FROM pairs
        UNION ALL
        SELECT event_date, downstream_id AS sensor_id FROM pairs
    ) AS p ON p.event_date = t.event_date AND p.sensor_id = t.sensor_id
    WHERE t.occupancy_share IS NOT NULL AND t.interval_s <= 60
    GROUP BY t.event_date, t.sensor_id, minute
),
-- A minute counts where enough of the detector's lanes were measured.
complete AS (
    SELECT *, 60 * max(lanes) OVER (PARTITION BY event_date, sensor_id) AS expected_s
    FROM minutes
    QUALIFY observed_s >= threshold('coverage_min_share') * expected_s
),
-- Materialized, so that the planner joins neighbours before minutes: minutes alone would pair every detector with every other.
upstream AS MATERIALIZED (
    SELECT p.*, u.minute, u.local_time, u.occupancy_share, u.n, u.observed_s, u.expected_s
    FROM pairs AS p
    JOIN complete AS u ON u.event_date = p.event_date AND u.sensor_id = p.upstream_id
),
-- Minutes in which the road downstream is so much emptier; those that follow each other without a gap are one run.
lasting AS (
    SELECT
        u.* EXCLUDE (occupancy_share, n, observed_s, expected_s),
        u.occupancy_share AS upstream_share,
        d.occupancy_share AS downstream_share,
        u.n + d.n AS n,
        least(u.observed_s, u.expected_s) + least(d.observed_s, d.expected_s) AS observed_s,
        u.expected_s + d.expected_s AS expected_s,
        is_tentative(u.occupancy_share, d.occupancy_share, u.t1, u.t2, u.t3) AS is_tentative,
        u.minute - row_number() OVER (PARTITION BY u.event_date, u.upstream_id ORDER BY u.minute) AS run
    FROM upstream AS u
    JOIN complete AS d ON d.event_date = u.event_date AND d.sensor_id = u.downstream_id AND d.minute = u.minute
    WHERE is_lasting(u.occupancy_share, d.occupancy_share, u.t2)
),
-- The incident starts in the first minute of the run that passes all tests, and is confirmed where the run goes on after it.
incidents AS (
    SELECT *, min(minute) FILTER (WHERE is_tentative) OVER (PARTITION BY event_date, upstream_id, run) AS first_minute
    FROM lasting
    QUALIFY minute >= first_minute AND max(minute) OVER (PARTITION BY event_date, upstream_id, run) > first_minute
)
SELECT
    event_date,
    upstream_id,
    downstream_id,
    road,
    direction,
    district,
    make_timestamptz(first_minute * 60000000) AS started_at,
    make_timestamptz((max(minute) + 1) * 60000000) AS ended_at,
    min(local_time) AS local_time,
    CAST(sum(n) AS BIGINT) AS n,
    CAST(sum(observed_s) AS DOUBLE) / CAST(sum(expected_s) AS DOUBLE) AS coverage_share,
    any_value(health_share) AS health_share,
    60 * count(*) AS duration_s,
    road_km,
    downstream_km,
    max(upstream_share - downstream_share) AS max_difference_share,
    max(upstream_share) AS max_upstream_share,
    min(downstream_share) AS min_downstream_share,
    t1 AS difference_min_share,
    t2 AS relative_difference_min,
    t3 AS downstream_max_share,
    CAST(NULL AS VARCHAR) AS null_reason
FROM incidents
GROUP BY
    event_date, upstream_id, downstream_id, road, direction, district, first_minute, run, road_km, downstream_km, t1, t2, t3
