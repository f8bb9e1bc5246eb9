-- energy_load_30min: formulas and sources are in schemas/metrics/energy_load_30min.py.
WITH
half_hours AS (
    SELECT
        event_date,
        quarter // 2 AS half_hour,
        min(bin_at) AS bin_at,
        arg_min(local_time, quarter) AS local_time,
        CAST(sum(seconds) AS BIGINT) AS seconds
    FROM quarters
    GROUP BY event_date, quarter // 2
),
-- A meter's class and district hold for the whole day; one that no reference table knows is 'unknown', not lost.
meters AS (
    SELECT
        m.*,
        coalesce(r.meter_class, 'unknown') AS meter_class,
        coalesce(r.district, 'unknown') AS district,
        h.health_share
    FROM views.meter_half_hours AS m
    LEFT JOIN views.meters_by_day AS r USING (event_date, meter_id)
    LEFT JOIN metrics.sensor_health_daily AS h
        ON h.event_date = m.event_date AND h.sensor_id = m.meter_id AND h.feed = 'meter_readings'
),
-- Expected in every half hour: the meters that reported on the day.
expected AS (
    SELECT
        event_date,
        meter_class,
        district,
        direction,
        count(*) AS expected_meters,
        sum(expected_registers) AS expected_registers
    FROM (SELECT DISTINCT event_date, meter_class, district, direction, meter_id, expected_registers FROM meters)
    GROUP BY event_date, meter_class, district, direction
),
measured AS (
    SELECT
        event_date,
        meter_class,
        district,
        direction,
        half_hour,
        CAST(sum(n) AS BIGINT) AS n,
        count(*) AS meters,
        CAST(sum(observed_us) AS DOUBLE) AS observed_us,
        CAST(sum(estimated_us) AS DOUBLE) AS estimated_us,
        CAST(sum(exact(observed_us * health_share)) AS DOUBLE)
            / nullif(CAST(sum(observed_us) FILTER (WHERE health_share IS NOT NULL) AS DOUBLE), 0) AS health_share,
        CAST(sum(energy_kwh) AS DOUBLE) AS energy_kwh,
        coalesce(CAST(sum(estimated_kwh) AS DOUBLE), 0) AS estimated_kwh,
        coalesce(CAST(sum(interpolated_kwh) AS DOUBLE), 0) AS interpolated_kwh,
        coalesce(CAST(sum(like_days_kwh) AS DOUBLE), 0) AS like_days_kwh,
        coalesce(CAST(sum(spread_kwh) AS DOUBLE), 0) AS spread_kwh,
        coalesce(CAST(max(energy_kwh) AS DOUBLE) / nullif(CAST(sum(energy_kwh) AS DOUBLE), 0), 0) AS highest_meter_share
    FROM meters
    GROUP BY event_date, meter_class, district, direction, half_hour
),
observed AS (
    SELECT
        e.event_date,
        e.meter_class,
        e.district,
        e.direction,
        h.bin_at,
        h.local_time,
        coalesce(m.n, 0) AS n,
        least(coalesce(m.observed_us, 0) / (h.seconds * 1e6 * e.expected_registers), 1) AS coverage_share,
        least(coalesce(m.estimated_us, 0) / (h.seconds * 1e6 * e.expected_registers), 1) AS estimated_share,
        m.health_share,
        coalesce(m.meters, 0) AS meters,
        e.expected_meters,
        m.highest_meter_share,
        m.energy_kwh,
        m.estimated_kwh,
        m.interpolated_kwh,
        m.like_days_kwh,
        m.spread_kwh,
        h.seconds
    FROM expected AS e
    JOIN half_hours AS h USING (event_date)
    LEFT JOIN measured AS m USING (event_date, meter_class, district, direction, half_hour)
)
SELECT
    * EXCLUDE (seconds),
    coverage_reason(n > 0 OR energy_kwh IS NOT NULL, coverage_share) AS null_reason,
    CASE WHEN null_reason IS NULL THEN energy_kwh * 3600 / seconds END AS load_kw
FROM observed
