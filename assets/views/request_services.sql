-- Services as reference/services says, each row from when it holds; before its first row a service is as that says.
SELECT
    service_code,
    sla_h,
    subject,
    CASE WHEN lag(valid_from) OVER of_service IS NULL THEN '-infinity'::TIMESTAMPTZ ELSE valid_from END AS holds_from
FROM reference.services
WINDOW of_service AS (PARTITION BY service_code ORDER BY valid_from)
