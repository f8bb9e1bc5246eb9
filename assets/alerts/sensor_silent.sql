-- A device that used to report has stopped, while others of its source go on.
-- severity: warning
-- every_s: 10
-- window_s: 21600
-- latest_rows: 1
-- of_each: device
-- cool_down_s: 300
-- source: citylake default, 2026: three reports missed in a row
WITH
-- What each device last said, until when that holds, and how long after it may say nothing. Devices that count report by the
-- interval; those that tell a state, when it changes or so often that they are believed.
reports AS (
    SELECT
        'sensor' AS place_kind, sensor_id AS place_id, 'traffic_flow' AS feed, _source, _position,
        epoch_us(observed_at) + interval_s * 1000000 AS end_us,
        CAST(interval_s AS DOUBLE) AS interval_s,
        greatest(threshold('sensor_silent_min_intervals') * interval_s, threshold('sensor_silent_min_s')) AS limit_s
    FROM landed.traffic_flow
    UNION ALL
    SELECT
        'meter', meter_id, 'meter_readings', _source, _position, epoch_us(ended_at), interval_s,
        greatest(threshold('sensor_silent_min_intervals') * interval_s, threshold('sensor_silent_min_s'))
    FROM landed.meter_readings
    UNION ALL
    SELECT
        'car park', p.facility_id, 'parking_occupancy', p._source, p._position, epoch_us(p.observed_at), NULL,
        coalesce(r.report_ttl_s, threshold('parking_report_ttl_s'))
    FROM landed.parking_occupancy AS p
    LEFT JOIN reference.car_parks AS r ON r.facility_id = p.facility_id
    UNION ALL
    SELECT
        'station', b.station_id, 'bike_stations', b._source, b._position, epoch_us(b.reported_at), NULL,
        coalesce(r.report_ttl_s, threshold('bike_report_ttl_s'))
    FROM landed.bike_stations AS b
    LEFT JOIN reference.stations AS r ON r.station_id = b.station_id
    UNION ALL
    SELECT
        'signal', controller_id, 'signal_events', _source, _position, epoch_us(occurred_at), NULL,
        threshold('signal_silence_night_s')
    FROM landed.signal_events
),
latest AS (
    SELECT
        place_kind,
        place_id,
        feed,
        max(end_us) AS end_us,
        arg_max({'interval_s': interval_s, 'limit_s': limit_s, 'source': _source, 'position': _position}, end_us) AS row
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
        l.row.limit_s AS limit_s,
        (f.reached_us - l.end_us) / 1e6 AS silent_s
    FROM latest AS l
    JOIN sources AS f ON f.feed = l.feed AND f.source = l.row.source
)
SELECT
    s.place_kind,
    s.place_id,
    coalesce(d.h3_cell, c.h3_cell, b.h3_cell, g.h3_cell) AS h3_cell,
    make_timestamptz(s.end_us) AS started_at,
    make_timestamptz(s.end_us + CAST(s.limit_s * 1e6 AS BIGINT)) AS event_at,
    s.silent_s AS value,
    s.limit_s AS threshold_value,
    's' AS unit,
    format('{}{} {}{} has been silent for {:.0f} s; it reports every {:.0f} s{}.',
        upper(s.place_kind[1]), s.place_kind[2:], s.place_id, coalesce(' on ' || d.road || coalesce(' ' || d.direction, ''), ''),
        s.silent_s, coalesce(s.interval_s, s.limit_s), CASE WHEN s.interval_s IS NULL THEN ' at least' ELSE '' END) AS message,
    [cause(s.feed, s.row.source, s.row.position)] AS causes
FROM silences AS s
LEFT JOIN reference.sensors AS d ON s.place_kind = 'sensor' AND d.sensor_id = s.place_id
LEFT JOIN reference.car_parks AS c ON s.place_kind = 'car park' AND c.facility_id = s.place_id
LEFT JOIN reference.stations AS b ON s.place_kind = 'station' AND b.station_id = s.place_id
LEFT JOIN reference.signal_controllers AS g ON s.place_kind = 'signal' AND g.controller_id = s.place_id
WHERE s.silent_s > s.limit_s
