-- Traffic piles up at one detector while the next one downstream runs empty: California algorithm 7.
-- severity: critical
-- every_s: 2
-- window_s: 300
-- latest_rows: 30
-- devices: road_km IS NOT NULL
-- cool_down_s: 300
-- source: Payne and Tignor, Freeway incident-detection algorithms based on decision trees with states, TRR 682, 1978
WITH
-- Neighbours on a road in the direction of travel. A detector stands for the stretch between itself and the next one.
chain AS (
    SELECT
        sensor_id AS upstream_id,
        lead(sensor_id) OVER along AS downstream_id,
        road,
        direction,
        road_km,
        lead(road_km) OVER along AS downstream_km,
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
-- Occupancy of whole minutes, lanes weighted by the time they were measured. Lane 0 is the whole carriageway.
minutes AS (
    SELECT
        sensor_id,
        epoch_us(observed_at) // 60000000 AS minute,
        sum(occupancy_share * interval_s) FILTER (WHERE lane > 0) / sum(interval_s) FILTER (WHERE lane > 0) AS lanes_share,
        sum(occupancy_share * interval_s) FILTER (WHERE lane = 0) / sum(interval_s) FILTER (WHERE lane = 0) AS whole_share,
        coalesce(lanes_share, whole_share) AS occupancy_share,
        greatest(bit_count(bit_or(1::BIGINT << lane) FILTER (WHERE lane > 0)), 1) AS lanes,
        coalesce(sum(interval_s) FILTER (WHERE lane > 0), sum(interval_s)) AS observed_s
    FROM landed.traffic_flow
    WHERE occupancy_share IS NOT NULL AND interval_s <= 60
    GROUP BY sensor_id, minute
),
complete AS (
    SELECT sensor_id, minute, occupancy_share
    FROM minutes
    QUALIFY observed_s >= 60 * threshold('coverage_min_share') * max(lanes) OVER (PARTITION BY sensor_id)
),
-- OCC, OCCDF, OCCRDF and DOCC of the paper.
measures AS (
    SELECT
        p.*,
        u.minute,
        u.occupancy_share AS upstream_share,
        d.occupancy_share AS downstream_share,
        u.occupancy_share - d.occupancy_share AS difference_share,
        (u.occupancy_share - d.occupancy_share) / nullif(u.occupancy_share, 0) AS relative_difference
    FROM pairs AS p
    JOIN complete AS u ON u.sensor_id = p.upstream_id
    JOIN complete AS d ON d.sensor_id = p.downstream_id AND d.minute = u.minute
),
-- The three tests of the paper, which must hold in two minutes in a row.
tested AS (
    SELECT *
    FROM measures
    WHERE difference_share >= threshold('incident_occupancy_difference_min_share')
        AND relative_difference >= threshold('incident_occupancy_relative_difference_min')
        AND downstream_share <= threshold('incident_downstream_occupancy_max_share')
),
confirmed AS (
    SELECT l.*, l.minute - 1 AS first_minute
    FROM (SELECT upstream_id, max(minute) AS minute FROM measures GROUP BY upstream_id) AS latest
    JOIN tested AS l USING (upstream_id, minute)
    JOIN tested AS t ON t.upstream_id = l.upstream_id AND t.minute = l.minute - 1
    WHERE l.minute * 60000000 >= epoch_us(getvariable('now')::TIMESTAMPTZ) - threshold('incident_fresh_s') * 1000000
),
caused AS (
    SELECT c.upstream_id, list(cause('traffic_flow', r._source, r._position) ORDER BY r.observed_at DESC, r.lane) AS causes
    FROM confirmed AS c
    JOIN landed.traffic_flow AS r
        ON r.sensor_id IN (c.upstream_id, c.downstream_id)
        AND epoch_us(r.observed_at) // 60000000 IN (c.first_minute, c.minute)
    GROUP BY c.upstream_id
)
SELECT
    'segment' AS place_kind,
    c.upstream_id AS place_id,
    c.h3_cell,
    make_timestamptz(c.first_minute * 60000000) AS started_at,
    make_timestamptz(c.minute * 60000000) AS event_at,
    c.difference_share AS value,
    threshold('incident_occupancy_difference_min_share') AS threshold_value,
    'share' AS unit,
    format('Incident suspected on {}{} between km {:.1f} ({}) and km {:.1f} ({}): {:.0f} % occupied before it, {:.0f} % behind it.',
        c.road, coalesce(' ' || c.direction, ''), c.road_km, c.upstream_id, c.downstream_km, c.downstream_id,
        100 * c.upstream_share, 100 * c.downstream_share) AS message,
    causes
FROM confirmed AS c
JOIN caused USING (upstream_id)
