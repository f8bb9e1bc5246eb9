-- air_quality_hourly: formulas and sources are in schemas/metrics/air_quality_hourly.py.
WITH
-- A day sees what was measured from its first instant on, and what began the day before: the first eight-hour means of the day
-- reach back into it. Nothing older, so that a day says the same whether it is measured alone or among others.
readings AS (
    SELECT
        d.event_date,
        r.station_id,
        u.q.quantity AS quantity,
        u.q.value AS value,
        r.interval_s,
        us_between(d.starts_at, r.observed_at) - r.interval_s * 1000000 AS began_us,
        greatest(began_us, -7 * 3600000000) AS from_us,
        least(us_between(d.starts_at, r.observed_at), us_between(d.starts_at, d.ends_at)) AS until_us
    FROM refined.air_quality AS r
    CROSS JOIN (VALUES (0), (1)) AS k (days_on)
    JOIN days AS d ON d.event_date = r.event_date + k.days_on
    CROSS JOIN unnest([
        {'quantity': 'pm2_5', 'value': r.pm2_5_ug_m3},
        {'quantity': 'pm10', 'value': r.pm10_ug_m3},
        {'quantity': 'no2', 'value': r.no2_ug_m3},
        {'quantity': 'o3', 'value': r.o3_ug_m3},
        {'quantity': 'noise', 'value': r.noise_dba}
    ]) AS u (q)
    WHERE u.q.value IS NOT NULL
),
-- What of each interval lies in which hour, from the seventh before the day on.
pieces AS (
    SELECT
        * REPLACE (greatest(from_us, hour * 3600000000) AS from_us, least(until_us, (hour + 1) * 3600000000) AS until_us)
    FROM (
        SELECT *, unnest(bins_of_spell(from_us, until_us, 3600000000)) AS hour
        FROM (SELECT * REPLACE (from_us + 25200000000 AS from_us, until_us + 25200000000 AS until_us) FROM readings)
        WHERE until_us > from_us
    )
),
-- Intervals of several streams may overlap: covered is what no earlier one of the hour has covered.
spread AS (
    SELECT
        * REPLACE (hour - 7 AS hour),
        began_us >= (hour - 7) * 3600000000 AS begins_here,
        until_us - from_us AS held_us,
        greatest(until_us - greatest(from_us, coalesce(max(until_us) OVER earlier, from_us)), 0) AS covered_us
    FROM pieces
    WINDOW earlier AS (
        PARTITION BY event_date, station_id, quantity, hour
        ORDER BY from_us, until_us ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),
parts AS (
    SELECT
        event_date,
        station_id,
        quantity,
        hour,
        count(*) FILTER (WHERE begins_here) AS n,
        sum(held_us) AS held_us,
        sum(covered_us) AS covered_us,
        sum(exact(CASE WHEN quantity <> 'noise' THEN value * held_us / 1e6 END)) AS concentration,
        sum(exact(CASE WHEN quantity = 'noise' THEN pow(10, value / 10) * held_us / 1e6 END)) AS energy,
        max(interval_s) AS longest_interval_s
    FROM spread
    GROUP BY event_date, station_id, quantity, hour
),
-- Every hour of the day of each quantity that was measured on it, and the seven before it.
grid AS (
    SELECT s.event_date, s.station_id, s.quantity, h.hour, h.bin_at, h.local_time, h.seconds
    FROM (SELECT DISTINCT event_date, station_id, quantity FROM parts WHERE hour >= 0) AS s
    JOIN (
        SELECT event_date, hour, bin_at, local_time, seconds FROM views.hours
        UNION ALL
        SELECT event_date, unnest(range(-7, 0)), NULL, NULL, 3600 FROM days
    ) AS h USING (event_date)
),
observed AS (
    SELECT
        g.*,
        coalesce(p.n, 0) AS n,
        coalesce(p.covered_us, 0) / (g.seconds * 1000000) AS coverage_share,
        CAST(coalesce(p.held_us, 0) AS DOUBLE) / 1e6 AS measured_s,
        CAST(p.concentration AS DOUBLE) AS concentration_ug_s_m3,
        CAST(p.energy AS DOUBLE) AS sound_energy_s,
        p.longest_interval_s,
        coverage_share >= threshold('air_data_capture_min_share') AS is_carried,
        CASE WHEN is_carried THEN concentration_ug_s_m3 / measured_s END AS mean_ug_m3,
        CASE WHEN is_carried THEN 10 * log10(sound_energy_s / measured_s) END AS laeq_dba,
        -- an interval of a day is no measurement of its hours
        CASE WHEN p.longest_interval_s <= 3600 THEN mean_ug_m3 END AS of_hour_ug_m3
    FROM grid AS g
    LEFT JOIN parts AS p
        ON p.event_date = g.event_date AND p.station_id = g.station_id AND p.quantity = g.quantity AND p.hour = g.hour
),
-- An eight-hour mean belongs to the hour with which it ends.
running AS (
    SELECT
        *,
        CASE WHEN quantity = 'o3' AND count(of_hour_ug_m3) OVER eight >= 8 * threshold('air_data_capture_min_share')
            THEN CAST(sum(exact(of_hour_ug_m3)) OVER eight AS DOUBLE) / count(of_hour_ug_m3) OVER eight
        END AS mean_8h_ug_m3
    FROM observed
    WINDOW eight AS (
        PARTITION BY event_date, station_id, quantity ORDER BY hour ROWS BETWEEN 7 PRECEDING AND CURRENT ROW
    )
),
-- What the whole day's limits are about, the same in each of its hours.
daily AS (
    SELECT
        *,
        CASE WHEN count(mean_ug_m3) OVER whole >= count(*) OVER whole * threshold('air_data_capture_min_share')
            THEN CAST(sum(exact(mean_ug_m3)) OVER whole AS DOUBLE) / count(mean_ug_m3) OVER whole
        END AS day_mean_ug_m3,
        CASE WHEN count(mean_8h_ug_m3) OVER whole >= count(*) OVER whole * threshold('air_data_capture_min_share')
            THEN max(mean_8h_ug_m3) OVER whole
        END AS day_max_8h_ug_m3,
        -- ozone's limit of a day is about its highest eight-hour mean
        CASE quantity WHEN 'o3' THEN day_max_8h_ug_m3 ELSE day_mean_ug_m3 END AS of_day_ug_m3
    FROM running
    WHERE hour >= 0
    WINDOW whole AS (PARTITION BY event_date, station_id, quantity)
)
SELECT
    v.event_date,
    v.station_id,
    v.quantity,
    v.bin_at,
    v.local_time,
    CASE
        WHEN hour(v.local_time) >= threshold('noise_night_start_h') OR hour(v.local_time) < threshold('noise_day_start_h') THEN 'night'
        WHEN hour(v.local_time) >= threshold('noise_evening_start_h') THEN 'evening'
        ELSE 'day'
    END AS period,
    coalesce(s.district, 'unknown') AS district,
    coalesce(s.site, 'unknown') AS site,
    v.n,
    v.coverage_share,
    h.health_share,
    v.measured_s,
    v.concentration_ug_s_m3,
    v.sound_energy_s,
    v.longest_interval_s,
    v.mean_ug_m3,
    v.laeq_dba,
    v.mean_8h_ug_m3,
    v.day_mean_ug_m3,
    v.day_max_8h_ug_m3,
    CASE v.quantity
        WHEN 'no2' THEN v.of_hour_ug_m3 > threshold('air_no2_hour_max_ug_m3')
        WHEN 'o3' THEN v.of_hour_ug_m3 > threshold('air_o3_hour_max_ug_m3')
    END AS is_over_hour_limit,
    CASE v.quantity
        WHEN 'pm10' THEN v.of_day_ug_m3 > threshold('air_pm10_day_max_ug_m3')
        WHEN 'o3' THEN v.of_day_ug_m3 > threshold('air_o3_8h_max_ug_m3')
    END AS is_over_day_limit,
    CASE v.quantity
        WHEN 'pm2_5' THEN v.of_day_ug_m3 > threshold('air_pm2_5_day_2030_ug_m3')
        WHEN 'pm10' THEN v.of_day_ug_m3 > threshold('air_pm10_day_2030_ug_m3')
        WHEN 'no2' THEN v.of_day_ug_m3 > threshold('air_no2_day_2030_ug_m3')
        WHEN 'o3' THEN v.of_day_ug_m3 > threshold('air_o3_8h_max_ug_m3')
    END AS is_over_day_limit_2030,
    CASE v.quantity
        WHEN 'pm2_5' THEN v.of_day_ug_m3 > threshold('air_pm2_5_day_who_ug_m3')
        WHEN 'pm10' THEN v.of_day_ug_m3 > threshold('air_pm10_day_who_ug_m3')
        WHEN 'no2' THEN v.of_day_ug_m3 > threshold('air_no2_day_who_ug_m3')
        WHEN 'o3' THEN v.of_day_ug_m3 > threshold('air_o3_8h_who_ug_m3')
    END AS is_over_day_who,
    CASE WHEN v.coverage_share = 0 THEN 'no_data' WHEN NOT v.is_carried THEN 'low_coverage' END AS null_reason,
    CASE WHEN v.quantity <> 'noise' AND v.of_day_ug_m3 IS NULL THEN 'low_coverage' END AS day_null_reason
FROM daily AS v
LEFT JOIN views.air_stations_by_day AS s ON s.event_date = v.event_date AND s.station_id = v.station_id
LEFT JOIN metrics.sensor_health_daily AS h
    ON h.event_date = v.event_date AND h.sensor_id = v.station_id AND h.feed = 'air_quality'
