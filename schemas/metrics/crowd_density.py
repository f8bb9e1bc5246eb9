"""Crowds before cameras by quarter hour: people per square metre, and how long in which of Fruin's levels of service."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import BIN_AT, COVERAGE, HEALTH, LOCAL_TIME, NULL_REASON, N, ratio, says_why, total
from schemas.publish import Publish

LEVELS = "abcdef"


def _in_level(level: str) -> Column:
    return total(f"level_{level}_s", f"seconds in level {level.upper()}", "s", f"sum(held) where level is {level.upper()}")


CONTRACT = Contract(
    name="crowd_density",
    layer="metric",
    domain="safety",
    version=1,
    doc=(
        "One camera in one quarter hour. A count of people holds until the camera's next one, but no longer than the threshold "
        "crowd_count_ttl_s, over midnight too; then nothing is known. Of several counts of one instant that of the last event_id "
        "holds. The area is the event's own, else that of reference/cameras. A row for every quarter hour of the day of every "
        "camera that counted on it or whose last count reaches into it. A CrowdFlowObserved counts who came by in its period: "
        "for long periods that is more than stood there at once. Levels are Fruin's of walkways, or of people who stand and "
        "wait where reference/cameras says so (thresholds crowd_walking_*, crowd_standing_*: least area a person). "
        "Counts of which the analytics were not sure (threshold camera_min_confidence) are in; sure_s is the time of the others."
    ),
    columns=(
        Column("camera_id", "string", "camera", nullable=False, pattern=IDENTIFIER),
        BIN_AT,
        LOCAL_TIME,
        Column("district", "string", "district, from reference/cameras", nullable=False),
        Column("crowd", "string", "whose levels these are: walking or standing", nullable=False, allowed=("walking", "standing")),
        N,
        COVERAGE,
        HEALTH,
        total("counted_s", "seconds with a known count", "s", "sum(held)"),
        total("sure_s", "of these, from counts the analytics were sure of, or gave no confidence", "s", "sum(held) where sure"),
        total("rated_s", "of these, seconds with a known area", "s", "sum(held) where the area is known"),
        total("person_s", "people over time", "people s", "sum(people_count * held)"),
        total("rated_person_s", "people over the time with a known area", "people s", "sum(people_count * held) where rated"),
        total("area_m2_s", "area over the time with a known area", "m2 s", "sum(area_m2 * held) where rated"),
        *map(_in_level, LEVELS),
        Column("people_max", "int", "most people counted at once", unit="people", minimum=0),
        Column(
            "density_max_per_m2",
            "float",
            "highest density",
            unit="people/m2",
            minimum=0,
            formula="max(people_count / area_m2) of the counts that hold in the bin",
        ),
        ratio("mean_people", "mean number of people", "people", "person_s / counted_s"),
        ratio("density_per_m2", "mean density", "people/m2", "rated_person_s / area_m2_s"),
        Column(
            "level_of_service",
            "string",
            "level of the mean density",
            allowed=tuple(LEVELS.upper()),
            formula="the first level whose least area a person is at most area_m2_s / rated_person_s",
        ),
        NULL_REASON,
    ),
    key=("camera_id", "bin_at"),
    lookback_days=1,
    table_rules=(
        says_why("density", "density_per_m2"),
        TableRule(
            "levels_fill_the_rated_time",
            f"SELECT count(*) FROM this WHERE abs({' + '.join(f'level_{x}_s' for x in LEVELS)} - rated_s) > 0.001",
            "every rated second is in one level",
            "critical",
        ),
    ),
    publish=Publish(open_because="a number of people in a public place, of whom nothing else is known"),
    sources=(
        "Fruin, Pedestrian Planning and Design (1971), levels of service of walkways and queuing areas",
        "FIWARE Smart Data Models, Transportation/CrowdFlowObserved",
    ),
)
