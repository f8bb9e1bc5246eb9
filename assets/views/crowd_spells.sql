-- What each camera's counts of people say of a quarter hour: a count holds until the next one, but no longer than it is believed.
WITH
-- A day sees its own counts and those of the day before, whose last one may hold over midnight, and nothing older.
counts AS (
    SELECT
        d.event_date,
        e.camera_id,
        e.event_id,
        us_between(d.starts_at, e.captured_at) AS at_us,
        us_between(d.starts_at, d.ends_at) AS day_us,
        e.people_count,
        coalesce(e.area_m2, c.area_m2) AS area_m2,
        coalesce(c.crowd, 'walking') AS crowd,
        is_sure(e.confidence) AS is_sure
    FROM refined.camera_events AS e
    CROSS JOIN (VALUES (0), (1)) AS k (days_on)
    JOIN days AS d ON d.event_date = e.event_date + k.days_on
    LEFT JOIN views.cameras_by_day AS c ON c.event_date = d.event_date AND c.camera_id = e.camera_id
    WHERE e.kind = 'crowd_count'
),
-- One state for each instant.
states AS (
    SELECT *, count(*) OVER (PARTITION BY event_date, camera_id, at_us) AS counts_n
    FROM counts
    QUALIFY row_number() OVER (PARTITION BY event_date, camera_id, at_us ORDER BY event_id DESC) = 1
),
spells AS (
    SELECT
        *,
        greatest(at_us, 0) AS from_us,
        least(
            at_us + CAST(threshold('crowd_count_ttl_s') * 1000000 AS BIGINT),
            day_us,
            coalesce(lead(at_us) OVER (PARTITION BY event_date, camera_id ORDER BY at_us), day_us)
        ) AS until_us
    FROM states
)
-- One row for each quarter a count holds in; in the quarter of the count itself it is counted.
SELECT
    event_date,
    camera_id,
    quarter,
    us_in_bin(from_us, until_us, quarter, 900000000) AS held_us,
    people_count,
    area_m2,
    crowd,
    fruin_level(people_count, area_m2, crowd) AS level,
    is_sure,
    CASE WHEN at_us >= 0 AND quarter = at_us // 900000000 THEN counts_n ELSE 0 END AS counts_n
FROM (
    SELECT *, unnest(bins_of_spell(from_us, until_us, 900000000)) AS quarter
    FROM spells
    WHERE until_us > from_us
)
