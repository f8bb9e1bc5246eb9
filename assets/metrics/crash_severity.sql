-- crash_severity: formulas and sources are in schemas/metrics/crash_severity.py.
WITH
-- What is in force; counts stand in where no severity is told. I: injuries of unknown severity.
crashes AS (
    SELECT
        date_trunc('month', event_date)::DATE AS event_date,
        district,
        killed,
        injured,
        valid_from,
        CASE
            WHEN severity <> 'U' THEN severity
            WHEN killed > 0 THEN 'K'
            WHEN injured > 0 THEN 'I'
            WHEN killed = 0 AND injured = 0 THEN 'O'
            ELSE 'U'
        END AS severity
    FROM refined.crashes
    JOIN days USING (event_date)
    WHERE valid_to IS NULL
),
months AS (
    SELECT date_trunc('month', event_date)::DATE AS event_date, min(starts_at) AS starts_at, max(ends_at) AS ends_at
    FROM days
    GROUP BY 1
),
-- A table is as complete as its latest news: a month that was published half way through holds half of its crashes.
published AS (
    SELECT
        event_date,
        least(max(us_between(starts_at, valid_from)) / us_between(any_value(starts_at), any_value(ends_at))::DOUBLE, 1) AS covered
    FROM months
    JOIN crashes USING (event_date)
    GROUP BY event_date
),
-- A district that had a row of reference before the month's end, or a crash.
districts AS (
    SELECT p.event_date, d.district
    FROM published AS p
    JOIN months AS m USING (event_date)
    LEFT JOIN reference.districts AS d ON d.valid_from < m.ends_at
    UNION
    SELECT event_date, district FROM crashes
),
counted AS (
    SELECT
        d.event_date,
        d.district,
        count(c.severity) AS n,
        count(*) FILTER (WHERE c.severity = 'K') AS killed_crashes,
        count(*) FILTER (WHERE c.severity = 'A') AS serious_crashes,
        count(*) FILTER (WHERE c.severity = 'B') AS minor_crashes,
        count(*) FILTER (WHERE c.severity = 'C') AS possible_crashes,
        count(*) FILTER (WHERE c.severity = 'I') AS injury_crashes,
        count(*) FILTER (WHERE c.severity = 'O') AS no_injury_crashes,
        count(*) FILTER (WHERE c.severity = 'U') AS unknown_crashes,
        -- nobody was hurt where there was no crash; where no crash tells a number, none is known
        CASE WHEN n = 0 THEN 0 ELSE sum(c.killed) END AS killed,
        CASE WHEN n = 0 THEN 0 ELSE sum(c.injured) END AS injured
    FROM districts AS d
    LEFT JOIN crashes AS c USING (event_date, district)
    WHERE d.district IS NOT NULL
    GROUP BY d.event_date, d.district
),
weighed AS (
    SELECT
        *,
        n - unknown_crashes AS known,
        n - unknown_crashes - injury_crashes AS graded,
        killed_crashes * threshold('crash_epdo_weight_k')
        + serious_crashes * threshold('crash_epdo_weight_a')
        + minor_crashes * threshold('crash_epdo_weight_b')
        + possible_crashes * threshold('crash_epdo_weight_c')
        + injury_crashes * threshold('crash_epdo_weight_injury')
        + no_injury_crashes * threshold('crash_epdo_weight_o') AS epdo,
        CASE
            WHEN n = 0 THEN 'no_crash'
            WHEN graded < n * threshold('crash_min_known_share') THEN 'no_severity'
        END AS null_reason
    FROM counted
)
SELECT
    w.event_date,
    w.district,
    w.n,
    greatest(p.covered, 0) AS coverage_share,
    w.known / nullif(w.n, 0)::DOUBLE AS health_share,
    w.killed_crashes,
    w.serious_crashes,
    w.minor_crashes,
    w.possible_crashes,
    w.injury_crashes,
    w.no_injury_crashes,
    w.unknown_crashes,
    w.killed,
    w.injured,
    w.killed_crashes + w.serious_crashes AS ksi_crashes,
    w.epdo,
    CASE WHEN w.null_reason IS NULL THEN (w.killed_crashes + w.serious_crashes) / w.graded::DOUBLE END AS ksi_share,
    CASE WHEN w.known >= w.n * threshold('crash_min_known_share') THEN w.epdo / nullif(w.known, 0)::DOUBLE END AS epdo_per_crash,
    w.null_reason
FROM weighed AS w
JOIN published AS p USING (event_date)
