-- Each stop of each trip around a day: when it was due, when a vehicle left it (the last one: came to it), and how late.
-- A day sees its own observations and those of its neighbours, so that both sides of midnight say the same of a visit.
WITH
said AS (
    SELECT
        d.event_date,
        v.vehicle_id,
        v.said_by,
        v.trip_id,
        v.service_date AS said_date,
        v.route_id,
        CAST(v.direction_id AS VARCHAR) AS direction,
        v.stop_id,
        v.stop_sequence,
        v.stop_status,
        v.delay_s,
        epoch_us(v.observed_at) AS at_us,
        CAST(v.local_time AS DATE) AS local_date
    FROM refined.transit_vehicles AS v
    JOIN days AS d ON v.event_date BETWEEN d.event_date - 1 AND d.event_date + 1
    WHERE v.trip_id IS NOT NULL AND (v.stop_id IS NOT NULL OR v.stop_sequence IS NOT NULL)
),
timetable AS MATERIALIZED (
    SELECT * FROM views.transit_timetable
),
trips AS (
    SELECT event_date, service_date, trip_id, min(scheduled_us) AS first_us, max(scheduled_us) AS last_us
    FROM timetable
    GROUP BY event_date, service_date, trip_id
),
runs AS (
    SELECT event_date, trip_id, list(struct_pack(service_date := service_date, first_us := first_us, last_us := last_us)) AS days
    FROM trips
    GROUP BY event_date, trip_id
),
-- A vehicle that does not say on which service day its trip began is on the one whose trip is nearest in time.
dated AS (
    SELECT
        s.*,
        list_min(
            list_transform(
                r.days,
                lambda d: struct_pack(
                    us := greatest(d.first_us - s.at_us, s.at_us - d.last_us, 0), service_date := d.service_date
                )
            )
        ).service_date AS nearest_date,
        coalesce(s.said_date, nearest_date, s.local_date) AS service_date
    FROM said AS s
    LEFT JOIN runs AS r USING (event_date, trip_id)
),
-- A stop that a trip serves once needs no number.
only_stops AS (
    SELECT event_date, service_date, trip_id, stop_id, min(stop_sequence) AS only_sequence
    FROM timetable
    GROUP BY event_date, service_date, trip_id, stop_id
    HAVING count(*) = 1
),
placed AS (
    SELECT d.* EXCLUDE (stop_sequence), coalesce(d.stop_sequence, o.only_sequence) AS stop_sequence
    FROM dated AS d
    LEFT JOIN only_stops AS o USING (event_date, service_date, trip_id, stop_id)
    WHERE coalesce(d.stop_sequence, o.only_sequence) IS NOT NULL
),
-- Of a trip that no timetable knows, the stops are those its vehicles name.
stops AS (
    SELECT event_date, service_date, trip_id, stop_sequence, stop_id, route_id, direction, is_last, is_timepoint, scheduled_us
    FROM timetable
    UNION ALL
    SELECT
        p.event_date,
        p.service_date,
        p.trip_id,
        p.stop_sequence,
        min(p.stop_id) AS stop_id,
        coalesce(min(p.route_id), 'unknown') AS route_id,
        coalesce(min(p.direction), 'unknown') AS direction,
        false AS is_last,
        true AS is_timepoint,
        NULL AS scheduled_us
    FROM placed AS p
    ANTI JOIN trips USING (event_date, service_date, trip_id)
    GROUP BY p.event_date, p.service_date, p.trip_id, p.stop_sequence
),
moves AS (
    SELECT
        event_date,
        service_date,
        trip_id,
        vehicle_id,
        at_us,
        stop_sequence,
        stop_status,
        lag(at_us) OVER w AS before_us,
        lag(stop_sequence) OVER w AS before_sequence
    FROM placed
    WHERE said_by = 'vehicle'
    WINDOW w AS (PARTITION BY event_date, service_date, trip_id, vehicle_id ORDER BY at_us)
),
-- A stop was left between the last observation that had it ahead (or stood at it) and the first that has a later one ahead:
-- half way in time. Where more time than the threshold is between the two, it is not known when.
passes AS (
    SELECT
        s.event_date,
        s.service_date,
        s.trip_id,
        s.stop_sequence,
        min(struct_pack(us := (m.before_us + m.at_us) // 2, vehicle_id := m.vehicle_id)) AS first
    FROM moves AS m
    JOIN stops AS s
        ON s.event_date = m.event_date
        AND s.service_date = m.service_date
        AND s.trip_id = m.trip_id
        AND s.stop_sequence >= m.before_sequence
        AND (
            s.stop_sequence < m.stop_sequence
            OR (s.is_last AND s.stop_sequence = m.stop_sequence AND m.stop_status = 'stopped_at')
        )
    WHERE
        (m.stop_sequence > m.before_sequence OR m.stop_status = 'stopped_at')
        AND m.at_us - m.before_us <= threshold('transit_gap_max_s') * 1000000
    GROUP BY s.event_date, s.service_date, s.trip_id, s.stop_sequence
),
-- What was last said of the delay at a stop while it was the next one.
reported AS (
    SELECT
        event_date,
        service_date,
        trip_id,
        stop_sequence,
        max(struct_pack(us := at_us, delay_s := delay_s, vehicle_id := vehicle_id)) AS last
    FROM placed
    WHERE delay_s IS NOT NULL
    GROUP BY event_date, service_date, trip_id, stop_sequence
),
visits AS (
    SELECT
        s.*,
        r.last IS NOT NULL AS is_reported,
        coalesce(p.first.us, s.scheduled_us + r.last.delay_s * 1000000, r.last.us) AS visited_us,
        coalesce(r.last.delay_s * 1000000, p.first.us - s.scheduled_us) AS deviation_us,
        coalesce(p.first.vehicle_id, r.last.vehicle_id) AS vehicle_id
    FROM stops AS s
    LEFT JOIN passes AS p USING (event_date, service_date, trip_id, stop_sequence)
    LEFT JOIN reported AS r USING (event_date, service_date, trip_id, stop_sequence)
)
-- A visit is of the day on which it was made, or should have been; of the hour for which it was planned, within that day.
SELECT
    v.*,
    coalesce(v.visited_us, v.scheduled_us) >= epoch_us(d.starts_at)
    AND coalesce(v.visited_us, v.scheduled_us) < epoch_us(d.ends_at) AS is_of_day,
    (
        greatest(least(coalesce(v.scheduled_us, v.visited_us), epoch_us(d.ends_at) - 1), epoch_us(d.starts_at))
        - epoch_us(d.starts_at)
    ) // 3600000000 AS hour,
    h.health_share
FROM visits AS v
JOIN days AS d USING (event_date)
LEFT JOIN metrics.sensor_health_daily AS h
    ON h.event_date = v.event_date AND h.sensor_id = v.vehicle_id AND h.feed = 'transit_vehicles'
