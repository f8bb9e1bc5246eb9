-- What was the case with each service request, and from when until when, in the order of the world and not of the telling: a
-- request is open from when it was asked for, though it may be told of later, and closed from when the register says.
WITH
-- Most of a long history is over and done with: closed, and told of for the last time before any window that is asked for.
lasting AS (
    SELECT request_id
    FROM refined.service_requests
    GROUP BY request_id
    HAVING arg_max(status, updated_at) = 'open'
        OR max(updated_at) >= (
            SELECT min(starts_at) - to_microseconds(CAST(threshold('service_close_window_d') * 8.64e10 AS BIGINT)) FROM days
        )
),
-- A day reads versions told up to 92 days after it (lookahead_days): none reaches further back than that, whatever else is read.
seen AS (
    SELECT
        *,
        timezone(getvariable('zone'), CAST(event_date - 92 AS TIMESTAMP)) AS seen_from,
        -- Closed before it was asked for, or after it was told, is a fault of the clocks.
        (closed_at <= valid_from) IS NOT FALSE AND (expected_at >= requested_at) IS NOT FALSE AS is_in_order,
        least(closed_at, valid_from) AS ended_at
    FROM views.request_spells
    SEMI JOIN lasting USING (request_id)
),
begun AS (
    SELECT
        *,
        status = 'open' AS is_open,
        CASE
            WHEN is_closing THEN greatest(ended_at, coalesce(told_before_at, requested_at), seen_from)
            WHEN version = 1 THEN greatest(requested_at, seen_from)
            ELSE valid_from
        END AS holds_from,
        CASE
            WHEN is_closing AND ended_at >= seen_from THEN 'closed'
            WHEN is_reopening THEN 'reopened'
            WHEN version = 1 AND status = 'open' AND requested_at >= seen_from THEN 'opened'
        END AS event
    FROM seen
),
-- What the lake first knew as closed was open before.
stated AS (
    SELECT * FROM begun
    UNION ALL BY NAME
    SELECT
        * REPLACE (
            0 AS version,
            true AS is_open,
            NULL AS closed_at,
            NULL AS ended_at,
            greatest(requested_at, seen_from) AS holds_from,
            CASE WHEN requested_at >= seen_from THEN 'opened' END AS event
        )
    FROM begun
    WHERE version = 1 AND status = 'closed'
)
SELECT
    request_id,
    service_code,
    district,
    requested_at,
    expected_at,
    is_open,
    ended_at,
    event,
    is_in_order,
    holds_from,
    coalesce(lead(holds_from) OVER states, 'infinity'::TIMESTAMPTZ) AS holds_until,
    CAST(timezone(getvariable('zone'), holds_from) AS DATE) AS holds_from_date,
    -- The first thing that happens to a request after its opening is the city's answer.
    row_number() OVER states = 2 AND (is_open OR event IS NOT NULL) AS is_response,
    -- Whether the lake has it from its opening on, and not only from what was left of it.
    min(version) OVER (PARTITION BY request_id) = 1 AS is_from_opening
FROM stated
WINDOW states AS (PARTITION BY request_id ORDER BY holds_from, version)
