-- Dark, twilight and daylight of each local day at the places of lamps, in microseconds since the day began; where no lamp has a
-- place, one stretch whose phase is not known.
SELECT event_date, sun_lat, sun_lon, s.from_us, s.until_us, s.phase
FROM (
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
        )) AS s
    FROM (SELECT DISTINCT event_date, sun_lat, sun_lon FROM views.lamp_places)
    JOIN days USING (event_date)
)
