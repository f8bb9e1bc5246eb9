-- energy_load_duration: formulas and sources are in schemas/metrics/energy_load_duration.py.
WITH
-- Points of the curve, a convention of presentation.
points AS (
    SELECT unnest([0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1]::DOUBLE[]) AS exceedance_share
),
expected AS (
    SELECT date_trunc('month', event_date)::DATE AS event_date, count(DISTINCT (event_date, quarter // 2)) AS expected_half_hours
    FROM quarters
    GROUP BY ALL
),
-- The months of the half hours. Those too thin to carry a load say nothing of the curve, and count as not covered.
curves AS (
    SELECT
        date_trunc('month', m.event_date)::DATE AS event_date,
        m.meter_class,
        m.district,
        m.direction,
        CAST(sum(m.n) AS BIGINT) AS n,
        CAST(sum(exact(m.coverage_share)) AS DOUBLE) AS covered,
        CAST(sum(exact(m.health_share * m.coverage_share)) AS DOUBLE)
            / nullif(CAST(sum(exact(m.coverage_share)) FILTER (WHERE m.health_share IS NOT NULL) AS DOUBLE), 0) AS health_share,
        count(m.load_kw) AS half_hours,
        min(m.meters) FILTER (WHERE m.load_kw IS NOT NULL) AS meters,
        max(m.highest_meter_share) FILTER (WHERE m.load_kw IS NOT NULL) AS highest_meter_share,
        CAST(sum(exact(m.energy_kwh)) FILTER (WHERE m.load_kw IS NOT NULL) AS DOUBLE) AS energy_kwh,
        CAST(sum(exact(m.estimated_kwh)) FILTER (WHERE m.load_kw IS NOT NULL) AS DOUBLE) AS estimated_kwh,
        CAST(sum(exact(m.load_kw)) AS DOUBLE) / count(m.load_kw) AS mean_kw,
        list(m.load_kw ORDER BY m.load_kw) FILTER (WHERE m.load_kw IS NOT NULL) AS loads_kw
    FROM metrics.energy_load_30min AS m
    JOIN days USING (event_date)
    GROUP BY ALL
),
-- Linear between the two loads around the place of the percentile in the ordered list.
placed AS (
    SELECT
        c.*,
        e.expected_half_hours,
        p.exceedance_share,
        least(c.covered / e.expected_half_hours, 1) AS coverage_share,
        (1 - p.exceedance_share) * (c.half_hours - 1) AS place,
        coverage_reason(c.n > 0, least(c.covered, c.half_hours) / e.expected_half_hours) AS null_reason
    FROM curves AS c
    JOIN expected AS e USING (event_date)
    CROSS JOIN points AS p
)
SELECT
    * EXCLUDE (covered, mean_kw, loads_kw, place),
    CASE WHEN null_reason IS NULL THEN mean_kw END AS mean_load_kw,
    CASE
        WHEN null_reason IS NULL
            THEN loads_kw[floor(place)::BIGINT + 1]
                + (place - floor(place)) * (loads_kw[ceil(place)::BIGINT + 1] - loads_kw[floor(place)::BIGINT + 1])
    END AS load_kw
FROM placed
