-- energy_daily: formulas and sources are in schemas/metrics/energy_daily.py.
WITH
-- The day of a class and district is the sum of its half hours; its peak is the highest of those that carry a load.
days_of_class AS (
    SELECT
        m.event_date,
        m.meter_class,
        m.district,
        m.direction,
        CAST(sum(m.n) AS BIGINT) AS n,
        CAST(sum(exact(m.coverage_share)) AS DOUBLE) / count(*) AS coverage_share,
        CAST(sum(exact(m.health_share * m.coverage_share)) AS DOUBLE)
            / nullif(CAST(sum(exact(m.coverage_share)) FILTER (WHERE m.health_share IS NOT NULL) AS DOUBLE), 0) AS health_share,
        CAST(sum(exact(m.estimated_share)) AS DOUBLE) / count(*) AS estimated_share,
        max(m.expected_meters) AS meters,
        CAST(sum(exact(m.energy_kwh)) AS DOUBLE) AS energy_kwh,
        CAST(sum(exact(m.estimated_kwh)) AS DOUBLE) AS estimated_kwh,
        max(m.load_kw) AS highest_kw,
        -- Half hours too thin to carry a load: where one of them is above the peak, the peak is not known well enough for a factor.
        coalesce(max(m.energy_kwh * 2) FILTER (WHERE m.load_kw IS NULL), 0) <= max(m.load_kw) AS is_peak_sure,
        quantile_cont(m.load_kw, 0.05) AS fifth_percentile_kw
    FROM metrics.energy_load_30min AS m
    JOIN days USING (event_date)
    GROUP BY ALL
),
-- When the peak was: the first half hour that reached it. What the row shows of single half hours is the peak and the base load.
peaks AS (
    SELECT
        m.event_date,
        m.meter_class,
        m.district,
        m.direction,
        min(m.bin_at) FILTER (WHERE m.load_kw = d.highest_kw) AS peak_at,
        max(m.highest_meter_share) AS highest_meter_share
    FROM metrics.energy_load_30min AS m
    JOIN days_of_class AS d USING (event_date, meter_class, district, direction)
    WHERE m.load_kw = d.highest_kw OR m.load_kw <= d.fifth_percentile_kw
    GROUP BY m.event_date, m.meter_class, m.district, m.direction
),
-- Each meter's own peak, whenever it was: what coincidence and diversity compare the common peak with.
meter_days AS (
    SELECT event_date, meter_id, direction, max(energy_kwh) * 2 AS peak_kw, sum(energy_kwh) AS energy_kwh
    FROM views.meter_half_hours
    GROUP BY event_date, meter_id, direction
),
sums_of_meters AS (
    SELECT
        p.event_date,
        coalesce(r.meter_class, 'unknown') AS meter_class,
        coalesce(r.district, 'unknown') AS district,
        p.direction,
        CAST(sum(p.peak_kw) AS DOUBLE) AS sum_of_peaks_kw,
        coalesce(CAST(max(p.energy_kwh) AS DOUBLE) / nullif(CAST(sum(p.energy_kwh) AS DOUBLE), 0), 0) AS highest_meter_share
    FROM meter_days AS p
    LEFT JOIN views.meters_by_day AS r USING (event_date, meter_id)
    GROUP BY ALL
),
judged AS (
    SELECT
        d.*,
        t.seconds / 3600.0 AS hours,
        s.sum_of_peaks_kw,
        greatest(s.highest_meter_share, p.highest_meter_share) AS highest_meter_share,
        p.peak_at AS highest_at,
        CASE
            WHEN d.n = 0 AND d.energy_kwh IS NULL THEN 'no_data'
            WHEN d.coverage_share < threshold('coverage_min_share') OR d.highest_kw IS NULL THEN 'low_coverage'
        END AS null_reason
    FROM days_of_class AS d
    JOIN days AS t USING (event_date)
    LEFT JOIN peaks AS p USING (event_date, meter_class, district, direction)
    LEFT JOIN sums_of_meters AS s USING (event_date, meter_class, district, direction)
)
SELECT
    * EXCLUDE (highest_kw, highest_at, is_peak_sure, fifth_percentile_kw),
    1 - coverage_share AS missing_share,
    CASE WHEN null_reason IS NULL THEN highest_kw END AS peak_kw,
    CASE WHEN null_reason IS NULL THEN highest_at END AS peak_at,
    CASE WHEN is_peak_sure THEN energy_kwh / nullif(peak_kw * hours, 0) END AS load_factor,
    CASE WHEN null_reason IS NULL THEN fifth_percentile_kw END AS base_load_kw,
    peak_kw / nullif(sum_of_peaks_kw, 0) AS coincidence_share,
    sum_of_peaks_kw / nullif(peak_kw, 0) AS diversity_factor
FROM judged
