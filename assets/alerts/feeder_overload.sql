-- The meters of a feeder drew more power in their latest interval than the feeder is rated for.
-- severity: warning
-- every_s: 10
-- window_s: 5400
-- latest_rows: 2
-- devices: feeder_id IS NOT NULL
-- cool_down_s: 1800
-- source: IEEE C57.91, guide for loading mineral-oil-immersed transformers, 2011 edition
WITH
-- The register 'total' already holds the others. What customers feed in relieves the feeder.
meters AS (
    SELECT
        meter_id,
        ended_at,
        max(interval_s) AS interval_s,
        sum(CASE direction WHEN 'received' THEN -energy_kwh ELSE energy_kwh END * 3600 / interval_s) AS every_kw,
        sum(CASE direction WHEN 'received' THEN -energy_kwh ELSE energy_kwh END * 3600 / interval_s)
            FILTER (WHERE register = 'total') AS total_kw,
        coalesce(total_kw, every_kw) AS power_kw
    FROM landed.meter_readings
    WHERE quality <> 'missing' AND energy_kwh IS NOT NULL
    GROUP BY meter_id, ended_at
),
expected AS (
    SELECT feeder_id, count(*) AS meters
    FROM reference.meters
    WHERE feeder_id IS NOT NULL
    GROUP BY feeder_id
),
-- The meters that reported stand for those that did not, where there are enough of them and the others had their time.
loads AS (
    SELECT
        m.feeder_id,
        r.ended_at,
        max(r.interval_s) AS interval_s,
        count(*) / any_value(e.meters) AS coverage_share,
        sum(r.power_kw) / coverage_share AS load_kw
    FROM meters AS r
    JOIN reference.meters AS m USING (meter_id)
    JOIN expected AS e USING (feeder_id)
    GROUP BY m.feeder_id, r.ended_at
    HAVING coverage_share >= 1
        OR (
            coverage_share >= threshold('coverage_min_share')
            AND us_between(r.ended_at, getvariable('now')::TIMESTAMPTZ)
                >= least(threshold('feeder_settle_s'), max(r.interval_s) / 2) * 1000000
        )
),
latest AS (
    SELECT *
    FROM loads
    QUALIFY row_number() OVER (PARTITION BY feeder_id ORDER BY ended_at DESC) = 1
),
overloads AS (
    SELECT l.*, f.rated_kw * threshold('feeder_overload_min_share') AS limit_kw, f.rated_kw, f.district, f.h3_cell
    FROM latest AS l
    JOIN reference.feeders AS f USING (feeder_id)
    WHERE l.load_kw > limit_kw
),
-- The readings behind it, the largest first.
caused AS (
    SELECT o.feeder_id, list(cause('meter_readings', r._source, r._position) ORDER BY r.energy_kwh DESC, r.meter_id) AS causes
    FROM overloads AS o
    JOIN reference.meters AS m USING (feeder_id)
    JOIN landed.meter_readings AS r ON r.meter_id = m.meter_id AND r.ended_at = o.ended_at
    WHERE r.quality <> 'missing'
    GROUP BY o.feeder_id
)
SELECT
    'feeder' AS place_kind,
    o.feeder_id AS place_id,
    o.h3_cell,
    o.ended_at - to_seconds(o.interval_s) AS started_at,
    o.ended_at AS event_at,
    o.load_kw AS value,
    o.limit_kw AS threshold_value,
    'kW' AS unit,
    format('Feeder {} in {} carries {:.1f} kW; it is rated for {:.1f} kW ({:.0f} % of its meters reported).',
        o.feeder_id, o.district, o.load_kw, o.rated_kw, 100 * o.coverage_share) AS message,
    caused.causes
FROM overloads AS o
JOIN caused USING (feeder_id)
