"""Who knew first that a street light was out: the people who reported it (311), or the lamp itself."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import COVERAGE, HEALTH, NULL_REASON, count
from schemas.publish import Publish

CONTRACT = Contract(
    name="who_knew_first",
    layer="metric",
    domain="services",
    version=1,
    doc=(
        "One case: an outage of a lamp, on the day on which it began; or a report of a street light that no outage answers, on "
        "the day of the report. An outage begins on a day on which streetlight_daily has the lamp out, after one on which it "
        "was not, and ends with the next one on which it is not. A report is a request whose service is about street_light "
        "(reference/services). It is about a lamp at most lamp_report_near_m away that is out, or says so within "
        "lamp_report_before_h after the report; of several the first counts. A report near a lamp that is out on any day from "
        "the one before it to three days after it is told with that outage; others have rows of their own. A day reads 14 days "
        "before and after it, and is measured again as they come. Coverage is the share of the lamp's dark hours of the day in "
        "which its state is known; of a report, the share of the lamps near it of which anything is known."
    ),
    columns=(
        Column("case_kind", "string", "what the row is about", nullable=False, allowed=("outage", "report")),
        Column("case_id", "string", "lamp_id of an outage, request_id of a report", nullable=False, pattern=IDENTIFIER),
        Column("lamp_id", "string", "lamp that is out; of a report, the nearest one within lamp_report_near_m"),
        Column("district", "string", "district of the lamp, or of the report", nullable=False),
        Column("n", "int", "cases: 1", unit="rows", nullable=False, minimum=1, maximum=1, roll_up="sum"),
        COVERAGE,
        HEALTH,
        Column("telemetry_at", "instant", "when the lamp first said that it was out, or drew no power in the dark"),
        Column("telemetry_by", "string", "which of these it was", allowed=("status", "power")),
        Column("ended_date", "date", "first day within 14 days on which the lamp is known not to be out"),
        Column("request_id", "string", "the first report"),
        Column("reported_at", "instant", "when it was reported"),
        Column("distance_m", "float", "from the lamp to the report", unit="m", minimum=0, formula="great circle on a sphere"),
        Column("reports", "int", "reports about it", minimum=0, roll_up="sum"),
        Column(
            "telemetry_lead_h",
            "float",
            "hours by which the lamp knew before people did; negative: people knew first",
            unit="h",
            formula="reported_at - telemetry_at",
        ),
        Column(
            "knew_first",
            "string",
            "who knew first, or alone; empty where the place is not known",
            allowed=("telemetry", "report", "telemetry_alone", "report_alone"),
        ),
        count("telemetry_first", "1 where the lamp knew first, and people too", "telemetry_lead_h >= 0"),
        count("report_first", "1 where people knew first, and the lamp too", "telemetry_lead_h < 0"),
        count("never_reported", "1 where an outage was never reported", "no report within lamp_report_near_m"),
        count("never_measured", "1 where a report is near no lamp of which anything is known", "no lamp known near"),
        count("contradicted", "1 where lamps near a report say that they are in order", "lamps known near, none out"),
        NULL_REASON,
    ),
    key=("case_kind", "case_id"),
    lookback_days=14,
    lookahead_days=14,
    publish=Publish(open_because="it is about lamps of the street and the numbers of reports, not about who reported"),
    table_rules=(
        TableRule(
            "null_has_reason",
            "SELECT count(*) FROM this WHERE (telemetry_lead_h IS NULL) <> (null_reason IS NOT NULL)",
            "an empty lead says why",
            "critical",
        ),
        TableRule(
            "one_answer",
            "SELECT count(*) FROM this WHERE knew_first IS NOT NULL"
            " AND telemetry_first + report_first + never_reported + never_measured + contradicted <> 1",
            "a case has one answer",
            "critical",
        ),
    ),
    sources=("FIWARE Smart Data Models, Streetlighting/Streetlight (status)", "Open311 GeoReport v2 (requested_datetime)"),
)
