-- Events that a day's measures see: its own, and those shortly before it, so that a green or a vehicle on a detector that
-- began before midnight is known. Every day sees its own copy: a day measured alone says the same as among others.
SELECT
    d.event_date,
    e.controller_id,
    epoch_us(e.occurred_at) AS at_us,
    e.code,
    e.parameter,
    true AS is_own
FROM refined.signal_events AS e
JOIN days AS d USING (event_date)
UNION ALL
SELECT
    d.event_date,
    e.controller_id,
    epoch_us(e.occurred_at) AS at_us,
    e.code,
    e.parameter,
    false AS is_own
FROM refined.signal_events AS e
JOIN days AS d ON e.event_date = d.event_date - 1
WHERE epoch_us(e.occurred_at) >= epoch_us(d.starts_at) - threshold('signal_lookback_s') * 1000000
