-- data_balance: formulas are in schemas/metrics/data_balance.py.
WITH
-- `day` is the events' own day, or the day of receipt of refused rows that told none.
lines AS (
    SELECT l.*, l.event_date IS NOT NULL AS is_known
    FROM ledger AS l
    JOIN days AS d ON d.event_date = l.day
)
SELECT
    day AS event_date,
    feed,
    stage,
    is_known AS is_event_day_known,
    sum(taken) AS taken,
    sum(kept) AS kept,
    sum(rejected) AS rejected,
    sum(repeated) AS repeated,
    sum(superseded) AS superseded,
    sum(late) AS late,
    sum(taken) - sum(kept) - sum(rejected) - sum(repeated) - sum(superseded) AS off_by,
    sum(kept)::DOUBLE / nullif(sum(taken), 0) AS kept_share
FROM lines
GROUP BY ALL
