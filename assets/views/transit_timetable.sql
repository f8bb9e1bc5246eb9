-- Stops of the trips that run around each day: those of the service days before, on and after it, as the edition of the
-- timetable says that is in force when the service day starts; before the first edition, the first one.
WITH
services AS (
    SELECT
        d.event_date,
        epoch_us(d.ends_at) AS day_ends_us,
        s.publisher,
        s.service_id,
        s.service_date,
        s.valid_from,
        epoch_us(s.starts_at) AS service_us
    FROM reference.transit_services AS s
    JOIN days AS d ON s.service_date BETWEEN d.event_date - 1 AND d.event_date + 1
    QUALIFY rank() OVER (
        PARTITION BY d.event_date, s.publisher, s.service_date
        ORDER BY s.valid_from <= s.starts_at DESC, abs(us_between(s.valid_from, s.starts_at))
    ) = 1
),
-- A vehicle is on time when it departs on time, and at the last stop when it arrives on time (TCQSM).
stops AS (
    SELECT
        *,
        stop_sequence = max(stop_sequence) OVER (PARTITION BY publisher, trip_id, valid_from) AS is_last,
        min(coalesce(departure_s, arrival_s)) OVER (PARTITION BY publisher, trip_id, valid_from) AS trip_starts_s,
        CASE WHEN is_last THEN coalesce(arrival_s, departure_s) ELSE coalesce(departure_s, arrival_s) END AS scheduled_s
    FROM reference.transit_schedule
)
SELECT
    v.event_date,
    v.service_date,
    s.trip_id,
    s.stop_sequence,
    s.stop_id,
    s.route_id,
    coalesce(CAST(s.direction_id AS VARCHAR), 'unknown') AS direction,
    s.is_last,
    s.scheduled_s IS NOT NULL AND coalesce(s.is_timepoint, true) AS is_timepoint,
    v.service_us + s.scheduled_s * 1000000 AS scheduled_us
FROM services AS v
JOIN stops AS s USING (publisher, service_id, valid_from)
-- Of tomorrow's trips only those that may be seen early, before midnight.
WHERE v.service_us + s.trip_starts_s * 1000000 < v.day_ends_us + 3600000000
QUALIFY row_number() OVER (PARTITION BY v.event_date, v.service_date, s.trip_id, s.stop_sequence ORDER BY s.publisher) = 1
