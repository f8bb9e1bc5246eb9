-- The history of service requests as the register told it (SCD2): one row per request and version, in force from valid_from
-- until valid_to (NULL: still). A version that says closed but not since when was closed when it, or the one before that
-- already said so, was told.
WITH
told AS (
    SELECT
        *,
        updated_at AS valid_from,
        row_number() OVER versions AS version,
        lead(updated_at) OVER versions AS valid_to,
        lag(status) OVER versions AS status_before,
        lag(updated_at) OVER versions AS told_before_at
    FROM refined.service_requests
    WINDOW versions AS (PARTITION BY request_id ORDER BY updated_at)
),
-- A request closes with the first version that says so; later ones of the same closing only repeat it.
turned AS (
    SELECT
        *,
        status = 'closed' AND status_before IS DISTINCT FROM 'closed' AS is_closing,
        status = 'open' AND status_before IS NOT DISTINCT FROM 'closed' AS is_reopening
    FROM told
)
SELECT
    event_date,
    request_id,
    version,
    valid_from,
    valid_to,
    told_before_at,
    service_code,
    district,
    lat,
    lon,
    status,
    requested_at,
    expected_at,
    is_closing,
    is_reopening,
    CASE
        WHEN status = 'closed'
            THEN coalesce(closed_at, max(valid_from) FILTER (WHERE is_closing) OVER (PARTITION BY request_id ORDER BY valid_from))
    END AS closed_at
FROM turned
