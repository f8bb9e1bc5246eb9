-- hotspots: formulas and sources are in schemas/metrics/hotspots.py.
WITH
incidents AS (
    SELECT date_trunc('month', event_date)::DATE AS event_date, 'calls' AS kind, h3_cell
    FROM views.call_incidents
    JOIN days USING (event_date)
    UNION ALL
    SELECT date_trunc('month', event_date)::DATE, 'crashes', h3_cell
    FROM refined.crashes
    JOIN days USING (event_date)
    WHERE valid_to IS NULL
),
counted AS (SELECT event_date, kind, h3_cell, count(*) AS n FROM incidents WHERE h3_cell IS NOT NULL GROUP BY ALL),
disks AS (SELECT h3_cell, unnest(h3_disk(h3_cell)) AS neighbour FROM (SELECT DISTINCT h3_cell FROM counted)),
-- The city: the cells within the outlines of its districts that hold in the month.
outlines AS (
    SELECT polygon_wkt, h3_cells_within(polygon_wkt, (SELECT min(h3_cell) FROM counted)) AS cells
    FROM (SELECT DISTINCT polygon_wkt FROM views.districts_by_day WHERE polygon_wkt IS NOT NULL)
),
covered AS (
    SELECT DISTINCT date_trunc('month', d.event_date)::DATE AS event_date, unnest(o.cells) AS h3_cell
    FROM (SELECT DISTINCT date_trunc('month', event_date)::DATE AS event_date, polygon_wkt FROM views.districts_by_day) AS d
    JOIN outlines AS o USING (polygon_wkt)
),
-- The study area. Of a city with outlines: its cells, and those at its border in which something happened; what lies farther out is not
-- of it. Of one without: the cells in which something happened, and their neighbours.
area AS (
    SELECT k.event_date, k.kind, c.h3_cell FROM (SELECT DISTINCT event_date, kind FROM counted) AS k JOIN covered AS c USING (event_date)
    UNION
    SELECT n.event_date, n.kind, n.h3_cell
    FROM counted AS n
    JOIN disks AS d USING (h3_cell)
    JOIN covered AS c ON c.event_date = n.event_date AND c.h3_cell = d.neighbour
    UNION
    SELECT n.event_date, n.kind, d.neighbour
    FROM counted AS n
    JOIN disks AS d USING (h3_cell)
    WHERE n.event_date NOT IN (SELECT event_date FROM covered)
),
-- A cell in which nothing happened counts as 0.
cells AS (
    SELECT a.*, coalesce(c.n, 0) AS n FROM area AS a LEFT JOIN counted AS c USING (event_date, kind, h3_cell)
),
near AS (SELECT h3_cell, unnest(h3_disk(h3_cell)) AS neighbour FROM (SELECT DISTINCT h3_cell FROM area)),
around AS (
    SELECT a.event_date, a.kind, a.h3_cell, count(*) AS neighbourhood_cells, sum(b.n)::BIGINT AS neighbourhood_n
    FROM area AS a
    JOIN near AS d USING (h3_cell)
    JOIN cells AS b ON b.event_date = a.event_date AND b.kind = a.kind AND b.h3_cell = d.neighbour
    GROUP BY ALL
),
months AS (
    SELECT event_date, kind, count(h3_cell) / count(*) AS coverage_share, count(h3_cell) AS placed FROM incidents GROUP BY ALL
),
-- Whole numbers, so that no order of rows shows: x summed, and squared and summed, over the cells.
totals AS (
    SELECT event_date, kind, count(*) AS area_cells, sum(n)::BIGINT AS area_n, sum(n * n)::BIGINT AS area_nn FROM cells GROUP BY ALL
),
judged AS (
    SELECT
        c.event_date,
        c.kind,
        c.h3_cell,
        c.n,
        m.coverage_share,
        t.area_n / m.placed AS health_share,
        a.neighbourhood_cells,
        a.neighbourhood_n,
        t.area_cells,
        t.area_n,
        t.area_nn,
        CASE
            WHEN m.coverage_share < threshold('coverage_min_share') THEN 'low_coverage'
            WHEN t.area_cells < threshold('hotspot_min_cells') OR a.neighbourhood_cells = t.area_cells THEN 'too_few'
            WHEN t.area_cells * t.area_nn = t.area_n * t.area_n THEN 'no_variation'
        END AS null_reason
    FROM cells AS c
    JOIN around AS a USING (event_date, kind, h3_cell)
    JOIN totals AS t USING (event_date, kind)
    JOIN months AS m USING (event_date, kind)
),
scored AS (
    SELECT
        * EXCLUDE (area_nn),
        neighbourhood_cells * area_n / area_cells AS expected_n,
        CASE
            WHEN null_reason IS NULL
                THEN gi_star(area_cells, area_n, area_nn, neighbourhood_cells, neighbourhood_n)
        END AS z_score,
        normal_p(z_score) AS p_value
    FROM judged
),
-- Benjamini and Hochberg: p times tests over how many are no larger; of that the least of all that are no smaller.
stepped AS (
    SELECT *, p_value * count(p_value) OVER tests / count(p_value) OVER (tests ORDER BY p_value) AS step
    FROM scored
    WINDOW tests AS (PARTITION BY event_date, kind, null_reason IS NULL)
)
SELECT
    * EXCLUDE (step),
    min(step) OVER (PARTITION BY event_date, kind, null_reason IS NULL ORDER BY p_value DESC) AS q_value,
    CASE
        WHEN q_value > threshold('hotspot_max_false_share') THEN 'none'
        WHEN z_score > 0 THEN 'hot'
        WHEN z_score < 0 THEN 'cold'
        WHEN q_value IS NOT NULL THEN 'none'
    END AS verdict
FROM stepped
