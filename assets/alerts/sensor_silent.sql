-- A device that used to report has stopped, while others of its source go on.
-- severity: warning
-- every_s: 10
-- window_s: 21600
-- latest_rows: 1
-- of_each: device
-- cool_down_s: 300
-- source: citylake default, 2026: three reports missed in a row
WITH
reports AS (
    SELECT
        'sensor' AS place_kind, sensor_id AS place_id, 'traffic_flow' AS feed,
        epoch_us(observed_at) + interval_s * 1000000 AS end_us, interval_s, _source, _position
    FROM landed.traffic_flow
    UNION ALL
    SELECT
        'meter', meter_id, 'meter_readings',
        epoch_us(ended_at), interval_s, _source, _position
    FROM landed.meter_readings
),
latest AS (
    SELECT
        place_kind,
        place_id,
        feed,
        max(end_us) AS end_us,
        arg_max({'interval_s': interval_s, 'source': _source, 'position': _position}, end_us) AS row
    FROM reports
    GROUP BY place_kind, place_id, feed
),
-- How far each source of the feed has come: where nine of ten devices are not beyond. The latest of all would let one clock
-- that runs ahead make every other device late. A source that stands still, or catches up, makes nobody late.
sources AS (
    SELECT feed, row.source AS source, least(quantile_disc(end_us, 0.9), epoch_us(getvariable('now')::TIMESTAMPTZ)) AS reached_us
    FROM latest
    GROUP BY feed, row.source
),
silences AS (
    SELECT
        l.*,
        l.row.interval_s AS interval_s,
        (f.reached_us - l.end_us) / 1e6 AS silent_s,
        greatest(threshold('sensor_silent_min_intervals') * l.row.interval_s, threshold('sensor_silent_min_s')) AS limit_s
    FROM latest AS l
    JOIN sources AS f ON f.feed = l.feed AND f.source = l.row.source
)
SELECT
    s.place_kind,
    s.place_id,
    d.h3_cell,
    make_timestamptz(s.end_us) AS started_at,
    make_timestamptz(s.end_us + CAST(s.limit_s * 1e6 AS BIGINT)) AS event_at,
    s.silent_s AS value,
    s.limit_s AS threshold_value,
    's' AS unit,
    format('{} {}{} has been silent for {:.0f} s; it reports every {} s.',
        CASE s.place_kind WHEN 'sensor' THEN 'Sensor' ELSE 'Meter' END, s.place_id,
        coalesce(' on ' || d.road || coalesce(' ' || d.direction, ''), ''), s.silent_s, s.interval_s) AS message,
    [cause(s.feed, s.row.source, s.row.position)] AS causes
FROM silences AS s
LEFT JOIN reference.sensors AS d ON s.place_kind = 'sensor' AND d.sensor_id = s.place_id
WHERE s.silent_s > s.limit_s
