-- A street light should burn, and has reported since dusk that it does not, or that it is defective.
-- severity: warning
-- every_s: 15
-- window_s: 14400
-- latest_rows: 12
-- cool_down_s: 900
-- source: US Naval Observatory, Rise, Set and Twilight Definitions, 2004: the end of civil twilight
-- source: FIWARE Smart Data Models, Streetlighting/Streetlight 0.0.3: powerState, status
WITH
-- As in views.lamp_places: without a place of its own a lamp takes the middle of its district's, or else of all.
lamps AS (
    SELECT
        lamp_id,
        district,
        h3_cell,
        report_ttl_s,
        sun_place(coalesce(lat, avg(exact(lat)) OVER of_district, avg(exact(lat)) OVER ())) AS sun_lat,
        sun_place(coalesce(lon, avg(exact(lon)) OVER of_district, avg(exact(lon)) OVER ())) AS sun_lon
    FROM reference.lamps
    WINDOW of_district AS (PARTITION BY district)
),
-- The sky from a day ago to the end of this hour, so that each place is worked out once an hour.
skies AS (
    SELECT sun_lat, sun_lon, make_timestamptz(first_us + sky.from_us) AS dark_since
    FROM (
        SELECT
            *,
            unnest(sun_phases(
                first_us, first_us + 90000000000, sun_lat, sun_lon, threshold('sun_dark_max_deg'), threshold('sun_daylight_min_deg')
            )) AS sky
        FROM (
            SELECT DISTINCT
                sun_lat,
                sun_lon,
                (epoch_us(getvariable('now')::TIMESTAMPTZ) // 3600000000 - 24) * 3600000000 AS first_us
            FROM lamps
        )
    )
    WHERE sky.phase = 'dark'
        AND epoch_us(getvariable('now')::TIMESTAMPTZ) - first_us >= sky.from_us
        AND epoch_us(getvariable('now')::TIMESTAMPTZ) - first_us < sky.until_us
),
reports AS (
    SELECT
        lamp_id,
        observed_at,
        _source,
        _position,
        power_w,
        last_value(lamp_is_burning(power_w, power_state, dim_share) IGNORE NULLS) OVER so_far AS is_burning,
        last_value(CASE WHEN status IN ('defective_lamp', 'broken_lantern') THEN status WHEN status IS NOT NULL THEN '' END
            IGNORE NULLS) OVER so_far AS defect,
        CASE WHEN defect <> '' THEN true ELSE NOT is_burning END AS is_out
    FROM landed.streetlights
    WHERE device_kind = 'lamp'
    WINDOW so_far AS (PARTITION BY lamp_id ORDER BY observed_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- The run of reports of an outage that reaches the latest one.
runs AS (
    SELECT
        lamp_id,
        min(observed_at) AS first_at,
        max(observed_at) AS last_at,
        arg_max(defect, observed_at) AS defect,
        arg_max(power_w, observed_at) AS power_w,
        list(cause('streetlights', _source, _position) ORDER BY observed_at DESC) AS causes
    FROM (
        SELECT *, max(observed_at) FILTER (WHERE is_out IS NOT TRUE) OVER (PARTITION BY lamp_id) AS lit_at
        FROM reports
    )
    WHERE lit_at IS NULL OR observed_at > lit_at
    GROUP BY lamp_id
),
-- A report from before dusk says nothing of the dark, and one that is too old nothing of now.
outages AS (
    SELECT
        r.*,
        l.district,
        l.h3_cell,
        greatest(r.first_at, s.dark_since) AS out_since,
        us_between(out_since, getvariable('now')::TIMESTAMPTZ) / 1e6 AS out_s
    FROM runs AS r
    JOIN lamps AS l USING (lamp_id)
    JOIN skies AS s ON s.sun_lat = l.sun_lat AND s.sun_lon = l.sun_lon
    WHERE r.last_at >= s.dark_since
        AND us_between(r.last_at, getvariable('now')::TIMESTAMPTZ) / 1e6 <= coalesce(l.report_ttl_s, threshold('lamp_report_ttl_s'))
)
SELECT
    'lamp' AS place_kind,
    lamp_id AS place_id,
    h3_cell,
    out_since AS started_at,
    last_at AS event_at,
    out_s AS value,
    threshold('lamp_alert_min_s') AS threshold_value,
    's' AS unit,
    format('Street light {} in {} {} for {:.0f} s after dark{}.',
        lamp_id, district, CASE WHEN defect <> '' THEN 'says ' || defect ELSE 'has not burnt' END, out_s,
        coalesce(format('; it draws {:.1f} W', power_w), '')) AS message,
    causes
FROM outages
WHERE out_s >= threshold('lamp_alert_min_s')
