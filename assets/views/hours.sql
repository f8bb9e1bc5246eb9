-- Local hours from their quarters: on the days on which clocks change there are 23 or 25, and a half-hour change leaves a short one.
SELECT
    event_date,
    quarter // 4 AS hour,
    min(bin_at) AS bin_at,
    arg_min(local_time, quarter) AS local_time,
    CAST(sum(seconds) AS BIGINT) AS seconds
FROM quarters
GROUP BY event_date, quarter // 4
