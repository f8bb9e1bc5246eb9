"""Incidents suspected from detectors, after the fact and on settled rows. As it happens, the alert incident_suspected tells."""

from dataclasses import replace

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import COVERAGE, HEALTH, LOCAL_TIME, NULL_REASON, N


def _share(name: str, doc: str, formula: str) -> Column:
    return Column(name, "float", doc, unit="share", nullable=False, minimum=0, maximum=1, formula=formula)


CONTRACT = Contract(
    name="incidents_detected",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "One suspected incident between two neighbouring detectors of a road: traffic piles up at the upstream one while "
        "the downstream one runs empty. California algorithm 7 on occupancies of whole minutes: tentative in the first "
        "minute in which the difference, the relative difference and the downstream occupancy pass their thresholds, "
        "confirmed where the relative difference still passes in the next minute, over when it does not or a minute is "
        "missing. Thresholds are those of the upstream detector's row in reference/sensors, else the general ones. "
        "Detectors need rows of up to a minute, a road and a road_km; pairs further apart than incident_spacing_max_km "
        "and roads slower than incident_free_flow_min_kmh are left out. An incident that lasts past midnight has a row on "
        "each day. A day without incidents has no rows."
    ),
    columns=(
        Column("upstream_id", "string", "detector before the incident", nullable=False, pattern=IDENTIFIER),
        Column("downstream_id", "string", "next detector, behind the incident", nullable=False, pattern=IDENTIFIER),
        Column("road", "string", "road, from reference/sensors", nullable=False),
        Column("direction", "string", "direction of travel, from reference/sensors"),
        Column("district", "string", "district of the upstream detector", nullable=False),
        Column("started_at", "instant", "start of the first minute that passed all tests", nullable=False),
        Column("ended_at", "instant", "end of the last minute", nullable=False),
        replace(LOCAL_TIME, doc="wall-clock time of started_at"),
        N,
        COVERAGE,
        HEALTH,
        Column("duration_s", "int", "how long it lasted", unit="s", nullable=False, minimum=120, formula="ended_at - started_at"),
        Column("road_km", "float", "where the upstream detector stands along the road", unit="km", nullable=False, minimum=0),
        Column("downstream_km", "float", "where the downstream detector stands", unit="km", nullable=False, minimum=0),
        _share("max_difference_share", "largest difference of occupancy (OCCDF)", "max(upstream - downstream occupancy)"),
        _share("max_upstream_share", "largest upstream occupancy", "max(upstream occupancy)"),
        _share("min_downstream_share", "smallest downstream occupancy", "min(downstream occupancy)"),
        _share(
            "difference_min_share", "T1 in force: OCCDF at least", "of the segment, else incident_occupancy_difference_min_share"
        ),
        Column(
            "relative_difference_min",
            "float",
            "T2 in force: OCCRDF at least",
            unit="1",
            nullable=False,
            minimum=0,
            formula="of the segment, else incident_occupancy_relative_difference_min",
        ),
        _share(
            "downstream_max_share", "T3 in force: DOCC at most", "of the segment, else incident_downstream_occupancy_max_share"
        ),
        NULL_REASON,
    ),
    key=("upstream_id", "started_at"),
    table_rules=(
        TableRule(
            "lasts_as_long_as_said",
            "SELECT count(*) FROM this WHERE epoch_us(ended_at) - epoch_us(started_at) <> duration_s * 1000000",
            "an incident lasts from its start to its end",
            "critical",
        ),
    ),
    sources=(
        "Payne and Tignor, Freeway incident-detection algorithms based on decision trees with states, TRR 682, 1978, algorithm 7",
    ),
)
