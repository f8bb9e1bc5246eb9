-- streetlight_district_daily: formulas are in schemas/metrics/streetlight_district_daily.py.
WITH
-- Hours and energy are summed as exact decimals; a saving is told of the lamps that have one.
summed AS (
    SELECT
        event_date,
        district,
        sum(n) AS n,
        avg(exact(health_share)) AS health_share,
        count(*) AS lamps,
        count(*) FILTER (WHERE known_should_burn_h > 0) AS lamps_watched,
        sum(day_burners) AS day_burners,
        sum(lamps_out) AS lamps_out,
        sum(lamps_flickering) AS lamps_flickering,
        CAST(sum(exact(burn_h)) AS DOUBLE) AS burn_h,
        CAST(sum(exact(should_burn_h)) AS DOUBLE) AS should_burn_h,
        CAST(sum(exact(known_should_burn_h)) AS DOUBLE) AS known_should_burn_h,
        CAST(sum(exact(day_burn_h)) AS DOUBLE) AS day_burn_h,
        CAST(sum(exact(outage_h)) AS DOUBLE) AS outage_h,
        CAST(sum(exact(energy_kwh)) AS DOUBLE) AS energy_kwh,
        CAST(sum(exact(energy_kwh)) FILTER (WHERE dimming_saving_share IS NOT NULL) AS DOUBLE) AS saving_energy_kwh,
        CAST(sum(exact(rated_kwh)) FILTER (WHERE dimming_saving_share IS NOT NULL) AS DOUBLE) AS saving_rated_kwh,
        max(metered_h) AS metered_h
    FROM metrics.streetlight_daily
    JOIN days USING (event_date)
    GROUP BY event_date, district
),
-- The first reason that applies.
judged AS (
    SELECT
        * EXCLUDE (metered_h),
        least(coalesce(known_should_burn_h / nullif(should_burn_h, 0), 0), 1) AS coverage_share,
        lamp_null_reason(n + lamps_watched, 0, should_burn_h, known_should_burn_h) AS dark_reason,
        CASE WHEN metered_h = 0 THEN 'no_power' WHEN saving_rated_kwh IS NULL THEN 'no_rating' END AS energy_reason
    FROM summed
)
SELECT
    * EXCLUDE (dark_reason, energy_reason),
    coalesce(dark_reason, energy_reason) AS null_reason,
    CASE WHEN dark_reason IS NULL THEN 1 - outage_h / known_should_burn_h END AS availability_share,
    CASE WHEN dark_reason IS NULL THEN 1 - saving_energy_kwh / saving_rated_kwh END AS dimming_saving_share
FROM judged
