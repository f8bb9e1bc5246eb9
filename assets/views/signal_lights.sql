-- When the light of a phase changed: state 1 green, 2 yellow, 3 red, 4 unknown. Unknown begins where the controller falls
-- silent, flashes (173), sets its clock (181), or loses or regains power (182, 184); it lasts until the phase's next change.
WITH
told AS MATERIALIZED (
    SELECT event_date, controller_id, at_us, code, parameter
    FROM views.signal_events_by_day
    WHERE code IN (1, 8, 9, 10, 173, 181, 182, 184)
),
-- The end of yellow (9) and the begin of red clearance (10) are one instant; some controllers tell only one of them.
changes AS (
    SELECT
        event_date,
        controller_id,
        parameter AS phase,
        at_us,
        CASE code WHEN 1 THEN 1 WHEN 8 THEN 2 ELSE 3 END AS state
    FROM told
    WHERE code <= 10
),
breaks AS (
    SELECT event_date, controller_id, at_us FROM told WHERE code > 10
    UNION ALL
    SELECT event_date, controller_id, from_us FROM views.signal_silences
)
SELECT * FROM changes
UNION ALL
SELECT p.event_date, p.controller_id, p.phase, b.at_us, 4 AS state
FROM (SELECT DISTINCT event_date, controller_id, phase FROM changes) AS p
JOIN breaks AS b USING (event_date, controller_id)
