-- Incidents of a day as dispatch desks knew them, a row each, whether a desk sends a row per call, per unit, or both: with the unit that
-- was on scene first; where none was, with the one dispatched first. What that row does not say of the call, another of the incident may.
SELECT
    e.event_date,
    e.incident_id,
    coalesce(nullif(e.district, 'unknown'), min(nullif(e.district, 'unknown')) OVER incident, 'unknown') AS district,
    coalesce(nullif(e.priority, 'unknown'), min(nullif(e.priority, 'unknown')) OVER incident, 'unknown') AS priority,
    e.call_type,
    min(e.received_at) OVER incident AS call_at,
    e.dispatched_at,
    e.en_route_at,
    e.on_scene_at,
    e.cleared_at,
    coalesce(e.h3_cell, min(e.h3_cell) OVER incident) AS h3_cell,
    min({'lat': e.lat, 'lon': e.lon}) FILTER (WHERE e.lat IS NOT NULL AND e.lon IS NOT NULL) OVER incident AS place
FROM refined.emergency_calls AS e
WINDOW incident AS (PARTITION BY e.event_date, e.incident_id)
QUALIFY row_number() OVER (
    PARTITION BY e.event_date, e.incident_id
    ORDER BY e.on_scene_at NULLS LAST, e.dispatched_at NULLS LAST, e.unit_id
) = 1
