-- Traffic piles up at one detector while the next one downstream runs empty: California algorithm 7.
-- severity: critical
-- every_s: 2
-- window_s: 300
-- latest_rows: 30
-- devices: road_km IS NOT NULL
-- cool_down_s: 300
-- source: Payne and Tignor, Freeway incident-detection algorithms based on decision trees with states, TRR 682, 1978
WITH
-- Neighbours on a road in the direction of travel. A detector stands for the stretch between itself and the next one, and
-- that stretch may have thresholds of its own.
chain AS (
    SELECT
        sensor_id AS upstream_id,
        lead(sensor_id) OVER along AS downstream_id,
        road,
        direction,
        road_km,
        lead(road_km) OVER along AS downstream_km,
        coalesce(incident_difference_min_share, threshold('incident_occupancy_difference_min_share')) AS t1,
        coalesce(incident_relative_difference_min, threshold('incident_occupancy_relative_difference_min')) AS t2,
        coalesce(incident_downstream_max_share, threshold('incident_downstream_occupancy_max_share')) AS t3,
        h3_cell
    FROM reference.sensors
    WHERE road IS NOT NULL AND road_km IS NOT NULL
        AND coalesce(free_flow_kmh >= threshold('incident_free_flow_min_kmh'), true)
    WINDOW along AS (PARTITION BY road, coalesce(direction, '') ORDER BY road_km, sensor_id)
),
pairs AS (
    SELECT *
    FROM chain
    WHERE downstream_km - road_km <= threshold('incident_spacing_max_km')
),
minutes AS (
    SELECT
        sensor_id,
        epoch_us(observed_at) // 60000000 AS minute,
        minute_occupancy(lane, occupancy_share, interval_s) AS occupancy_share,
        minute_lanes(lane) AS lanes,
        minute_observed_s(lane, interval_s) AS observed_s
    FROM landed.traffic_flow
    WHERE occupancy_share IS NOT NULL AND interval_s <= 60
    GROUP BY sensor_id, minute
),
complete AS (
    SELECT sensor_id, minute, occupancy_share
    FROM minutes
    QUALIFY observed_s >= 60 * threshold('coverage_min_share') * max(lanes) OVER (PARTITION BY sensor_id)
),
-- Materialized, so that the planner joins neighbours before minutes: minutes alone would pair every detector with every other.
upstream AS MATERIALIZED (
    SELECT p.*, u.minute, u.occupancy_share AS upstream_share
    FROM pairs AS p
    JOIN complete AS u ON u.sensor_id = p.upstream_id
),
measures AS (
    SELECT u.*, d.occupancy_share AS downstream_share
    FROM upstream AS u
    JOIN complete AS d ON d.sensor_id = u.downstream_id AND d.minute = u.minute
),
-- Minutes in which the road downstream is so much emptier; those that follow each other without a gap are one run.
lasting AS (
    SELECT
        *,
        is_tentative(upstream_share, downstream_share, t1, t2, t3) AS is_tentative,
        minute - row_number() OVER (PARTITION BY upstream_id ORDER BY minute) AS run
    FROM measures
    WHERE is_lasting(upstream_share, downstream_share, t2)
),
runs AS (
    SELECT *, min(minute) FILTER (WHERE is_tentative) OVER (PARTITION BY upstream_id, run) AS first_minute
    FROM lasting
),
-- It is so now where the run reaches the latest minute, and one before it passed all tests: that was tentative, this confirms.
confirmed AS (
    SELECT r.*
    FROM runs AS r
    JOIN (SELECT upstream_id, max(minute) AS minute FROM measures GROUP BY upstream_id) AS latest USING (upstream_id, minute)
    WHERE r.first_minute < r.minute
        AND r.minute * 60000000 >= epoch_us(getvariable('now')::TIMESTAMPTZ) - threshold('incident_fresh_s') * 1000000
),
caused AS (
    SELECT c.upstream_id, list(cause('traffic_flow', r._source, r._position) ORDER BY r.observed_at DESC, r.lane) AS causes
    FROM confirmed AS c
    JOIN landed.traffic_flow AS r
        ON r.sensor_id IN (c.upstream_id, c.downstream_id)
        AND epoch_us(r.observed_at) // 60000000 IN (c.minute - 1, c.minute)
    GROUP BY c.upstream_id
)
SELECT
    'segment' AS place_kind,
    c.upstream_id AS place_id,
    c.h3_cell,
    make_timestamptz(c.first_minute * 60000000) AS started_at,
    make_timestamptz(c.minute * 60000000) AS event_at,
    c.upstream_share - c.downstream_share AS value,
    c.t1 AS threshold_value,
    'share' AS unit,
    format('Incident suspected on {}{} between km {:.1f} ({}) and km {:.1f} ({}): {:.0f} % occupied before it, {:.0f} % behind it.',
        c.road, coalesce(' ' || c.direction, ''), c.road_km, c.upstream_id, c.downstream_km, c.downstream_id,
        100 * c.upstream_share, 100 * c.downstream_share) AS message,
    causes
FROM confirmed AS c
JOIN caused USING (upstream_id)
