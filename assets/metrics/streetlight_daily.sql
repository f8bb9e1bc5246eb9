-- streetlight_daily: formulas and sources are in schemas/metrics/streetlight_daily.py.
WITH
-- Whole microseconds: sums of them are exact in any order. Energy is summed as exact decimals.
parts AS (
    SELECT
        event_date,
        lamp_id,
        count(*) FILTER (WHERE is_first) AS n,
        sum(held_us) FILTER (WHERE is_out IS NOT NULL) AS known_us,
        sum(held_us) FILTER (WHERE is_burning IS NOT NULL) AS burn_known_us,
        sum(held_us) FILTER (WHERE is_burning) AS burn_us,
        sum(held_us) FILTER (WHERE is_burning AND phase = 'daylight') AS day_burn_us,
        sum(held_us) FILTER (WHERE is_out IS NOT NULL AND phase = 'dark') AS known_dark_us,
        count(*) FILTER (WHERE is_switch AND is_first AND phase = 'dark') AS dark_switches,
        sum(drawn_us) AS drawn_us,
        sum(drawn_us) FILTER (WHERE phase = 'dark') AS drawn_dark_us,
        sum(exact(drawn_w * drawn_us / 3.6e9)) FILTER (WHERE drawn_us > 0) AS drawn_wh
    FROM views.lamp_pieces
    GROUP BY event_date, lamp_id
),
nights AS (
    SELECT
        event_date,
        sun_lat,
        sun_lon,
        -- of an unknown sky nothing is dark, and nothing is not
        CASE WHEN count(phase) > 0 THEN coalesce(sum(until_us - from_us) FILTER (WHERE phase = 'dark'), 0) END AS dark_us
    FROM views.lamp_skies
    GROUP BY event_date, sun_lat, sun_lon
),
outages AS (
    SELECT
        event_date,
        lamp_id,
        sum(until_us - from_us) AS out_us,
        min(from_us) AS out_from_us,
        arg_min(said_us, from_us) AS out_said_us,
        arg_min(said_by, from_us) AS out_said_by
    FROM views.lamp_outages
    GROUP BY event_date, lamp_id
),
observed AS (
    SELECT
        l.event_date,
        l.lamp_id,
        l.district,
        l.lamp_type,
        coalesce(p.n, 0) AS n,
        CAST(coalesce(p.known_us, 0) AS DOUBLE) / (d.seconds * 1000000) AS coverage_share,
        h.health_share,
        CAST(k.dark_us AS DOUBLE) / 3.6e9 AS should_burn_h,
        CAST(coalesce(p.known_dark_us, 0) AS DOUBLE) / 3.6e9 AS known_should_burn_h,
        CASE WHEN p.burn_known_us > 0 THEN CAST(coalesce(p.burn_us, 0) AS DOUBLE) / 3.6e9 END AS burn_h,
        CASE WHEN p.burn_known_us > 0 AND k.dark_us IS NOT NULL THEN CAST(coalesce(p.day_burn_us, 0) AS DOUBLE) / 3.6e9 END
            AS day_burn_h,
        CASE WHEN p.known_dark_us > 0 THEN CAST(coalesce(o.out_us, 0) AS DOUBLE) / 3.6e9 END AS outage_h,
        make_timestamptz(epoch_us(d.starts_at) + o.out_from_us) AS out_from_at,
        make_timestamptz(epoch_us(d.starts_at) + o.out_said_us) AS out_said_at,
        o.out_said_by,
        CASE WHEN p.burn_known_us > 0 AND k.dark_us IS NOT NULL THEN p.dark_switches END AS dark_switches,
        CAST(coalesce(p.drawn_us, 0) AS DOUBLE) / 3.6e9 AS metered_h,
        CAST(coalesce(p.drawn_dark_us, 0) AS DOUBLE) / 3.6e9 AS metered_should_burn_h,
        CAST(p.drawn_wh AS DOUBLE) / 1000 AS energy_kwh,
        CASE WHEN p.drawn_us > 0 THEN l.rated_w * metered_should_burn_h / 1000 END AS rated_kwh
    FROM views.lamp_places AS l
    JOIN days AS d USING (event_date)
    JOIN nights AS k
        ON k.event_date = l.event_date
        AND k.sun_lat IS NOT DISTINCT FROM l.sun_lat
        AND k.sun_lon IS NOT DISTINCT FROM l.sun_lon
    LEFT JOIN parts AS p ON p.event_date = l.event_date AND p.lamp_id = l.lamp_id
    LEFT JOIN outages AS o ON o.event_date = l.event_date AND o.lamp_id = l.lamp_id
    LEFT JOIN metrics.sensor_health_daily AS h
        ON h.event_date = l.event_date AND h.sensor_id = l.lamp_id AND h.feed = 'streetlights'
),
-- The first reason that applies. What must be covered is the dark: many circuits have no power by day, and say nothing then.
judged AS (
    SELECT
        *,
        CAST(day_burn_h * 3600 >= threshold('lamp_day_burn_min_s') AS INT) AS day_burners,
        CAST(outage_h * 3600 >= threshold('lamp_outage_min_s') AS INT) AS lamps_out,
        CAST(dark_switches > threshold('lamp_flicker_max_switches') AS INT) AS lamps_flickering,
        lamp_null_reason(n, coverage_share, should_burn_h, known_should_burn_h) AS dark_reason,
        CASE
            WHEN metered_h = 0 THEN 'no_power'
            WHEN metered_should_burn_h < threshold('coverage_min_share') * should_burn_h THEN 'low_coverage'
            WHEN rated_kwh IS NULL OR rated_kwh = 0 THEN 'no_rating'
        END AS energy_reason
    FROM observed
)
SELECT
    * EXCLUDE (dark_reason, energy_reason),
    coalesce(dark_reason, energy_reason) AS null_reason,
    CASE WHEN dark_reason IS NULL THEN 1 - outage_h / known_should_burn_h END AS availability_share,
    CASE WHEN dark_reason IS NULL AND energy_reason IS NULL THEN 1 - energy_kwh / rated_kwh END AS dimming_saving_share
FROM judged
