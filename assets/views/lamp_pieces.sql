-- What lamps' reports say, cut where the sky changes between dark, twilight and daylight.
WITH
cut AS (
    SELECT
        s.* EXCLUDE (from_us, until_us),
        k.phase,
        k.until_us AS sky_until_us,
        greatest(s.from_us, k.from_us) AS from_us,
        least(s.until_us, k.until_us) AS until_us,
        -- Lamps switch when the sky changes, not when they report: "off" at four and "on" at six says nothing of the first dark
        -- minutes, and the morning's last "on" nothing of the day.
        coalesce(
            s.at_us < k.from_us AND k.from_us > 0 AND s.next_burns <> s.is_burning
            AND (k.phase = 'dark' AND NOT s.is_burning OR k.phase = 'daylight' AND s.is_burning),
            false
        ) AS is_between
    FROM views.lamp_spells AS s
    JOIN views.lamp_places AS p ON p.event_date = s.event_date AND p.lamp_id = s.lamp_id
    JOIN views.lamp_skies AS k
        ON k.event_date = p.event_date
        AND k.sun_lat IS NOT DISTINCT FROM p.sun_lat
        AND k.sun_lon IS NOT DISTINCT FROM p.sun_lon
        AND k.until_us > s.from_us
        AND k.from_us < greatest(s.until_us, coalesce(s.drawn_until_us, 0))
)
SELECT
    * EXCLUDE (is_between, next_burns) REPLACE (
        CASE WHEN NOT is_between THEN is_burning END AS is_burning,
        CASE WHEN NOT is_between OR is_defective THEN is_out END AS is_out
    ),
    greatest(until_us - from_us, 0) AS held_us,
    greatest(least(coalesce(drawn_until_us, from_us), sky_until_us) - from_us, 0) AS drawn_us,
    is_reported AND at_us >= from_us AND at_us < sky_until_us AS is_first
FROM cut
