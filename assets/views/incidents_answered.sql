-- Incidents as dispatch desks knew them, a row each: with the unit that was on scene first; where none was, the one dispatched first.
SELECT
    event_date,
    incident_id,
    min(received_at) OVER incident AS call_at,
    dispatched_at,
    on_scene_at,
    min({'lat': lat, 'lon': lon}) FILTER (WHERE lat IS NOT NULL AND lon IS NOT NULL) OVER incident AS place
FROM refined.emergency_calls
WINDOW incident AS (PARTITION BY event_date, incident_id)
QUALIFY row_number() OVER (
    PARTITION BY event_date, incident_id ORDER BY on_scene_at NULLS LAST, dispatched_at NULLS LAST, unit_id
) = 1
