-- The rows of each detector channel that hold when a day starts; before the first rows, the first ones. A channel may have
-- several at once: it can serve two phases, or count and call.
SELECT
    d.event_date,
    r.controller_id,
    r.detector,
    r.function,
    r.phase,
    r.travel_to_stop_bar_s
FROM reference.signal_detectors AS r
CROSS JOIN days AS d
QUALIFY rank() OVER (
    PARTITION BY d.event_date, r.controller_id, r.detector
    ORDER BY r.valid_from <= d.starts_at DESC, abs(us_between(r.valid_from, d.starts_at))
) = 1
