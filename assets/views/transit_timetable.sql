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
trips AS (
    SELECT
        publisher,
        valid_from,
        trip_id,
        min(service_id) AS service_id,
        max(stop_sequence) AS last_sequence,
        min(coalesce(departure_s, arrival_s)) AS starts_s
    FROM reference.transit_schedule
    GROUP BY publisher, valid_from, trip_id
),
-- Of tomorrow's trips only those that may be seen early, before midnight. Of two publishers with a trip of one name, the first.
runs AS (
    SELECT v.event_date, v.service_date, v.service_us, t.*
    FROM services AS v
    JOIN trips AS t USING (publisher, service_id, valid_from)
    WHERE v.service_us + t.starts_s * 1000000 < v.day_ends_us + 3600000000
    QUALIFY row_number() OVER (PARTITION BY v.event_date, v.service_date, t.trip_id ORDER BY t.publisher) = 1
)
-- A vehicle is on time when it departs on time, and at the last stop when it arrives on time (TCQSM).
SELECT
    r.event_date,
    r.service_date,
    s.trip_id,
    s.stop_sequence,
    s.stop_id,
    s.route_id,
    coalesce(CAST(s.direction_id AS VARCHAR), 'unknown') AS direction,
    s.stop_sequence = r.last_sequence AS is_last,
    CASE WHEN is_last THEN coalesce(s.arrival_s, s.departure_s) ELSE coalesce(s.departure_s, s.arrival_s) END AS scheduled_s,
    scheduled_s IS NOT NULL AND coalesce(s.is_timepoint, true) AS is_timepoint,
    r.service_us + scheduled_s * 1000000 AS scheduled_us
FROM runs AS r
JOIN reference.transit_schedule AS s USING (publisher, valid_from, trip_id)
