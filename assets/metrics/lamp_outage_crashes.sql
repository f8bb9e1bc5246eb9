-- lamp_outage_crashes: formulas and sources are in schemas/metrics/lamp_outage_crashes.py.
WITH
-- Crashes as the latest publication tells them. One without a place happened somewhere in the city: dusk is the same for all of it.
crashes AS (
    SELECT
        d.event_date,
        c.crash_id,
        c.district,
        c.lat,
        c.lon,
        us_between(d.starts_at, c.occurred_at) AS at_us,
        d.starts_at,
        d.ends_at,
        sun_place(coalesce(c.lat, m.lat)) AS sun_lat,
        sun_place(coalesce(c.lon, m.lon)) AS sun_lon
    FROM refined.crashes AS c
    JOIN days AS d USING (event_date)
    LEFT JOIN (SELECT event_date, avg(exact(lat)) AS lat, avg(exact(lon)) AS lon FROM views.lamp_places GROUP BY event_date) AS m
        USING (event_date)
    WHERE c.valid_to IS NULL
),
skies AS (
    SELECT
        event_date,
        sun_lat,
        sun_lon,
        unnest(sun_phases(
            epoch_us(starts_at),
            epoch_us(ends_at),
            sun_lat,
            sun_lon,
            threshold('sun_dark_max_deg'),
            threshold('sun_daylight_min_deg')
        )) AS sky
    FROM (SELECT DISTINCT event_date, starts_at, ends_at, sun_lat, sun_lon FROM crashes)
),
after_dark AS (
    SELECT c.event_date, c.crash_id, c.district, c.lat, c.lon, c.at_us, metres_band(c.lat, threshold('lamp_crash_near_m')) AS band
    FROM crashes AS c
    JOIN skies AS s
        ON s.event_date = c.event_date
        AND s.sun_lat IS NOT DISTINCT FROM c.sun_lat
        AND s.sun_lon IS NOT DISTINCT FROM c.sun_lon
    WHERE s.sky.phase = 'dark' AND c.at_us >= s.sky.from_us AND c.at_us < s.sky.until_us
),
-- Bands of latitude as high as the distance: a lamp that is near is in the same one or the next, so that few are measured.
bands AS (
    SELECT event_date, lamp_id, district, lat, lon, metres_band(lat, threshold('lamp_crash_near_m')) + k.up AS band
    FROM views.lamp_places
    CROSS JOIN (VALUES (-1), (0), (1)) AS k (up)
),
near AS (
    SELECT c.event_date, c.crash_id, c.district AS crash_district, c.at_us, l.lamp_id, l.district
    FROM after_dark AS c
    JOIN bands AS l ON l.event_date = c.event_date AND l.band = c.band
    WHERE metres_between(c.lat, c.lon, l.lat, l.lon) <= threshold('lamp_crash_near_m')
),
-- What each lamp did at the instant of the crash; of a lamp of which nothing is known then, nothing is said.
pairs AS (
    SELECT n.*, o.lamp_id IS NOT NULL AS is_out
    FROM near AS n
    JOIN views.lamp_pieces AS s
        ON s.event_date = n.event_date AND s.lamp_id = n.lamp_id
        AND s.from_us <= n.at_us AND s.until_us > n.at_us AND s.is_out IS NOT NULL
    LEFT JOIN views.lamp_outages AS o
        ON o.event_date = n.event_date AND o.lamp_id = n.lamp_id
        AND o.from_us <= n.at_us AND o.until_us > n.at_us
),
-- A crash counts once in its own district; a pair of crash and lamp in the lamp's, where its hours are.
counted AS (
    SELECT event_date, district, 1 AS n, 0 AS crashes_dark, 0 AS crashes_unplaced, 0 AS crashes_near_lamp, 0 AS crashes_near_outage,
        0 AS lit_pairs, 0 AS outage_pairs
    FROM crashes
    UNION ALL
    SELECT event_date, district, 0, 1, CAST(lat IS NULL OR lon IS NULL AS INT), 0, 0, 0, 0 FROM after_dark
    UNION ALL
    SELECT event_date, crash_district, 0, 0, 0, 1, CAST(bool_or(is_out) AS INT), 0, 0
    FROM pairs
    GROUP BY event_date, crash_district, crash_id
    UNION ALL
    SELECT event_date, district, 0, 0, 0, 0, 0, CAST(NOT is_out AS INT), CAST(is_out AS INT) FROM pairs
),
crashed AS (
    SELECT
        event_date,
        district,
        sum(n) AS n,
        sum(crashes_dark) AS crashes_dark,
        sum(crashes_unplaced) AS crashes_unplaced,
        sum(crashes_near_lamp) AS crashes_near_lamp,
        sum(crashes_near_outage) AS crashes_near_outage,
        sum(lit_pairs) AS lit_pairs,
        sum(outage_pairs) AS outage_pairs
    FROM counted
    GROUP BY event_date, district
),
lamps AS (
    SELECT
        event_date,
        district,
        count(*) FILTER (WHERE known_should_burn_h > 0) AS lamps_watched,
        sum(lamps_out) AS lamps_out,
        sum(exact(should_burn_h)) AS should_h,
        sum(exact(known_should_burn_h)) AS known_h,
        sum(exact(outage_h)) AS out_h,
        avg(exact(health_share)) AS health_share
    FROM metrics.streetlight_daily
    JOIN days USING (event_date)
    GROUP BY event_date, district
),
observed AS (
    SELECT
        event_date,
        district,
        coalesce(c.n, 0) AS n,
        coalesce(l.known_h / nullif(CAST(l.should_h AS DOUBLE), 0), 0) AS coverage_share,
        l.health_share,
        coalesce(c.crashes_dark, 0) AS crashes_dark,
        coalesce(c.crashes_unplaced, 0) AS crashes_unplaced,
        coalesce(c.crashes_near_lamp, 0) AS crashes_near_lamp,
        coalesce(c.crashes_near_outage, 0) AS crashes_near_outage,
        coalesce(c.lit_pairs, 0) AS lit_pairs,
        coalesce(c.outage_pairs, 0) AS outage_pairs,
        coalesce(l.lamps_watched, 0) AS lamps_watched,
        coalesce(l.lamps_out, 0) AS lamps_out,
        CAST(coalesce(l.known_h - coalesce(l.out_h, 0), 0) AS DOUBLE) AS lit_lamp_h,
        CAST(coalesce(l.out_h, 0) AS DOUBLE) AS outage_lamp_h
    FROM lamps AS l
    FULL JOIN crashed AS c USING (event_date, district)
),
judged AS (
    SELECT
        *,
        coalesce(
            coverage_reason(lamps_watched > 0, coverage_share),
            CASE WHEN outage_lamp_h = 0 THEN 'no_outage' WHEN lit_lamp_h = 0 THEN 'no_light' END
        ) AS null_reason,
        coverage_share >= threshold('coverage_min_share') AS is_carried
    FROM observed
)
SELECT
    * EXCLUDE (is_carried),
    CASE WHEN is_carried THEN 1000 * lit_pairs / nullif(lit_lamp_h, 0) END AS lit_crash_rate,
    CASE WHEN is_carried THEN 1000 * outage_pairs / nullif(outage_lamp_h, 0) END AS outage_crash_rate
FROM judged
