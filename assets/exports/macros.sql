-- Usual questions about a city's lake, as DuckDB macros of citylake.duckdb. The comment before a macro is its doc.
-- city_zone(), and a macro <metric>_between(first_day, last_day) for every metric, are made beside these (macros.py).
-- Where the file is attached to another database, say USE <its name> first: macros look for their tables in the database in use.

-- Wall-clock time of an instant in the city's time zone. Columns called local_time hold it already.
CREATE MACRO local(instant) AS timezone(city_zone(), CAST(instant AS TIMESTAMPTZ));

-- Day of an instant in the city's time zone, as event_date holds it.
CREATE MACRO day_of(instant) AS CAST(local(instant) AS DATE);

-- Hour of the day of an instant in the city's time zone [0 to 23].
CREATE MACRO hour_of(instant) AS hour(local(instant));

-- Instant at which a day of the city begins: the first, where midnight comes twice; where it is skipped, the moment of the skip.
CREATE MACRO day_start(day) AS
    timezone(city_zone(), CAST(CAST(day AS DATE) AS TIMESTAMP))
    -- of a wall-clock time that comes twice DuckDB takes the later
    - CASE WHEN day_of(timezone(city_zone(), CAST(CAST(day AS DATE) AS TIMESTAMP)) - INTERVAL 1 HOUR) = CAST(day AS DATE)
        THEN INTERVAL 1 HOUR ELSE INTERVAL 0 HOUR END;

-- Hours of a day of the city [h]: 24, and 23 or 25 when the clocks change.
CREATE MACRO hours_in_day(day) AS
    (epoch_us(day_start(CAST(day AS DATE) + 1)) - epoch_us(day_start(day))) / 3.6e9;

-- Day of the week of a day [1 Monday to 7 Sunday, ISO 8601].
CREATE MACRO weekday_of(day) AS isodow(CAST(day AS DATE));

-- Whether a day is a Saturday or Sunday. Public holidays are not known here.
CREATE MACRO is_weekend(day) AS isodow(CAST(day AS DATE)) >= 6;

-- Period of the week of an instant, in which the reliability of travel times is reported: weekday_am (06 to 10), weekday_midday
-- (10 to 16), weekday_pm (16 to 20), weekend (06 to 20), overnight. Source: 23 CFR 490.511 and 490.611.
CREATE MACRO period_of(instant) AS CASE
    WHEN hour_of(instant) < 6 OR hour_of(instant) >= 20 THEN 'overnight'
    WHEN is_weekend(day_of(instant)) THEN 'weekend'
    WHEN hour_of(instant) < 10 THEN 'weekday_am'
    WHEN hour_of(instant) < 16 THEN 'weekday_midday'
    ELSE 'weekday_pm'
END;

-- The days of the city from one to another, both included: when each begins and ends, its hours, weekday and ISO week. A calendar to
-- join metrics to by event_date, so that days without rows are seen.
CREATE MACRO daily(first_day, last_day) AS TABLE
SELECT
    CAST(day AS DATE) AS event_date,
    day_start(day) AS starts_at,
    day_start(CAST(day AS DATE) + 1) AS ends_at,
    hours_in_day(day) AS hours,
    weekday_of(day) AS weekday,
    dayname(day) AS weekday_name,
    is_weekend(day) AS is_weekend,
    strftime(day, '%G-W%V') AS iso_week,
    CAST(date_trunc('month', day) AS DATE) AS month
FROM generate_series(
    CAST(CAST(first_day AS DATE) AS TIMESTAMP), CAST(CAST(last_day AS DATE) AS TIMESTAMP), INTERVAL 1 DAY
) AS days(day)
ORDER BY event_date;

-- The hours of the city's days from one to another, both included: 23 or 25 a day when the clocks change. A calendar to join metrics
-- to by event_date and bin_at, so that hours without rows are seen. is_repeated: the wall clock shows this hour for the second time.
CREATE MACRO hourly(first_day, last_day) AS TABLE
SELECT
    event_date,
    bin_at,
    local(bin_at) AS local_time,
    hour_of(bin_at) AS hour,
    weekday_of(event_date) AS weekday,
    is_weekend(event_date) AS is_weekend,
    period_of(bin_at) AS period,
    row_number() OVER (PARTITION BY local(bin_at) ORDER BY bin_at) > 1 AS is_repeated
FROM (
    SELECT
        CAST(day AS DATE) AS event_date,
        unnest(range(day_start(day), day_start(CAST(day AS DATE) + 1), INTERVAL 1 HOUR)) AS bin_at
    FROM generate_series(
        CAST(CAST(first_day AS DATE) AS TIMESTAMP), CAST(CAST(last_day AS DATE) AS TIMESTAMP), INTERVAL 1 DAY
    ) AS days(day)
)
ORDER BY bin_at;

-- Columns whose name, meaning, formula or unit holds a word, in any layer, with what each means.
CREATE MACRO find(word) AS TABLE
SELECT layer, table_name, column_name, unit, doc, formula
FROM quality.columns
WHERE concat_ws(' ', column_name, doc, formula, unit) ILIKE '%' || word || '%'
ORDER BY layer, table_name, position;

-- What to trust of days, both included: rows taken and refused, rows the books miss (0 is right), and the worst verdict of the gates
-- on any table of the day: critical, unjudged, warning, passed, or no_data where no table has rows.
CREATE MACRO trust(first_day, last_day) AS TABLE
SELECT
    d.event_date,
    b.taken,
    b.rejected,
    b.off_by,
    g.tables,
    CASE
        WHEN g.critical > 0 THEN 'critical'
        WHEN g.unjudged > 0 THEN 'unjudged'
        WHEN g.warning > 0 THEN 'warning'
        WHEN g.tables > 0 THEN 'passed'
        ELSE 'no_data'
    END AS verdict
FROM daily(first_day, last_day) AS d
LEFT JOIN (
    SELECT
        event_date,
        sum(taken) FILTER (WHERE stage = 'land')::BIGINT AS taken,
        sum(rejected)::BIGINT AS rejected,
        sum(off_by)::BIGINT AS off_by
    FROM quality.balance
    GROUP BY event_date
) AS b USING (event_date)
LEFT JOIN (
    SELECT
        event_date,
        count(*) AS tables,
        count(*) FILTER (WHERE verdict = 'critical') AS critical,
        count(*) FILTER (WHERE verdict = 'unjudged') AS unjudged,
        count(*) FILTER (WHERE verdict = 'warning') AS warning
    FROM quality.gates
    GROUP BY event_date
) AS g USING (event_date)
ORDER BY event_date;

-- Why rows of days were refused, both days included, most frequent first. Rows that told no day are left out; quality.refused has them.
CREATE MACRO refused_between(first_day, last_day) AS TABLE
SELECT feed, stage, code, meaning, column_name, sum(rows)::BIGINT AS rows
FROM quality.refused
WHERE event_date BETWEEN CAST(first_day AS DATE) AND CAST(last_day AS DATE)
GROUP BY ALL
ORDER BY rows DESC, feed, stage, code, column_name;

-- Tables whose newest event is older than some hours when this is asked, the oldest first, with when their feed was landed last.
CREATE MACRO stale(hours) AS TABLE
SELECT
    layer,
    table_name,
    newest_event_at,
    newest_landing_at,
    (epoch_us(now()) - epoch_us(newest_event_at)) / 3.6e9 AS age_h
FROM quality.tables
WHERE age_h > hours
ORDER BY age_h DESC;
