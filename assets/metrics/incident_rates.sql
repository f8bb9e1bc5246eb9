-- incident_rates: formulas and sources are in schemas/metrics/incident_rates.py.
WITH
incidents AS (
    SELECT date_trunc('month', event_date)::DATE AS event_date, event_date AS day, incident_id, district, call_type, h3_cell
    FROM views.call_incidents
    JOIN days USING (event_date)
),
-- A day without a single call of the whole city is a day on which nothing was sent.
months AS (
    SELECT
        event_date,
        day(last_day(event_date)) AS days,
        count(DISTINCT day) / days AS coverage_share,
        count(*) FILTER (WHERE district <> 'unknown') / count(*) AS in_district_share,
        count(h3_cell) / count(*) AS in_cell_share
    FROM incidents
    GROUP BY event_date
),
-- Which row of a district held on how many days of the month.
versions AS (
    SELECT date_trunc('month', event_date)::DATE AS event_date, district, population, polygon_wkt, count(*) AS days
    FROM views.districts_by_day
    GROUP BY ALL
),
outlines AS (
    SELECT polygon_wkt, h3_cells_within(polygon_wkt, (SELECT min(h3_cell) FROM incidents)) AS cells
    FROM (SELECT DISTINCT polygon_wkt FROM versions WHERE polygon_wkt IS NOT NULL)
),
-- People are taken to live spread evenly over their district: every cell has the same part of them.
cell_versions AS (
    SELECT v.event_date, v.population * v.days / len(o.cells) AS population_d, v.days, unnest(o.cells) AS cell
    FROM versions AS v
    JOIN outlines AS o USING (polygon_wkt)
),
-- Person-days of each area; unknown where they are for a day of the month.
people AS (
    SELECT event_date, 'district' AS area_kind, district AS area, CAST(sum(exact(population * days)) AS DOUBLE) AS population_d,
        sum(days) FILTER (WHERE population IS NOT NULL) AS days
    FROM versions
    GROUP BY ALL
    UNION ALL
    SELECT event_date, 'h3_cell', cell, CAST(sum(exact(population_d)) AS DOUBLE), sum(days) FILTER (WHERE population_d IS NOT NULL)
    FROM cell_versions
    GROUP BY ALL
),
counted AS (
    SELECT event_date, 'district' AS area_kind, district AS area, call_type, count(*) AS n FROM incidents GROUP BY ALL
    UNION ALL
    SELECT event_date, 'district', district, 'all', count(*) FROM incidents GROUP BY ALL
    UNION ALL
    SELECT event_date, 'h3_cell', h3_cell, 'all', count(*) FROM incidents WHERE h3_cell IS NOT NULL GROUP BY ALL
),
-- Every area of the month, with no incidents too; districts for each type of call that came anywhere.
grid AS (
    SELECT a.event_date, a.area_kind, a.area, t.call_type
    FROM (SELECT event_date, area_kind, area FROM people UNION SELECT event_date, area_kind, area FROM counted) AS a
    JOIN (SELECT event_date, area_kind, call_type FROM counted UNION SELECT event_date, 'h3_cell', 'all' FROM months) AS t
        USING (event_date, area_kind)
),
observed AS (
    SELECT
        g.*,
        coalesce(c.n, 0) AS n,
        m.coverage_share,
        CASE g.area_kind WHEN 'district' THEN m.in_district_share ELSE m.in_cell_share END AS health_share,
        CASE WHEN p.days >= m.days THEN p.population_d END AS population_d,
        m.days
    FROM grid AS g
    JOIN months AS m USING (event_date)
    LEFT JOIN counted AS c USING (event_date, area_kind, area, call_type)
    LEFT JOIN people AS p USING (event_date, area_kind, area)
)
SELECT
    * EXCLUDE (days),
    population_d / days AS population,
    CASE
        WHEN coverage_share < threshold('coverage_min_share') THEN 'low_coverage'
        WHEN population IS NULL OR population = 0 THEN 'no_population'
    END AS null_reason,
    CASE WHEN null_reason IS NULL THEN n * 10000 / population END AS incidents_per_10000
FROM observed
