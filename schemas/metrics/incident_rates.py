"""Incidents per 10 000 people, by month, of districts and of cells of the map. Where incidents cluster is said in hotspots."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import NULL_REASON, ratio, total
from schemas.publish import Publish

CONTRACT = Contract(
    name="incident_rates",
    layer="metric",
    domain="safety",
    version=1,
    period="month",
    doc=(
        "Incidents of one type received in one month in one area, each counted once, and how many that is for 10 000 "
        "people. An area is a district, or an H3 cell; districts have a row for every type of call that came anywhere in "
        "the month, and all areas one for call_type 'all', which holds every type: add up types, or take 'all', not both. "
        "Areas of reference/districts without incidents have rows with 0. People are those of reference/districts in "
        "force on each day; those of a cell are its district's, spread evenly over the cells whose middle lies within the "
        "outline, which they hardly are in truth. Incidents of no known district, and areas whose people are not known on "
        "every day, have no rate. coverage_share is the share of the month's days on which any incident came: the running "
        "month is not covered until most of it is over."
    ),
    columns=(
        Column("area_kind", "string", "district, or h3_cell", nullable=False, allowed=("district", "h3_cell"), roll_up="apart"),
        Column("area", "string", "district, or H3 cell", nullable=False, pattern=IDENTIFIER),
        Column(
            "call_type",
            "string",
            "type of the call, in the dispatch desk's words; all: of every type",
            nullable=False,
            roll_up="apart",
        ),
        Column(
            "n",
            "int",
            "incidents",
            unit="incidents",
            nullable=False,
            minimum=0,
            formula="count of distinct incident_id of a day",
            roll_up="sum",
        ),
        Column(
            "coverage_share",
            "float",
            "share of the month's days with incidents, wherever in the city",
            unit="share",
            nullable=False,
            minimum=0,
            maximum=1,
        ),
        Column(
            "health_share",
            "float",
            "share of the month's incidents, wherever in the city, whose area of this kind is known",
            unit="share",
            nullable=False,
            minimum=0,
            maximum=1,
        ),
        total(
            "population_d", "person-days", "people d", "sum over days of population in force; of a cell, by its share of cells"
        ),
        total("population", "people, on average over the month", "people", "population_d / days of the month", roll_up="at_once"),
        ratio("incidents_per_10000", "incidents in the month for 10 000 people", "1/10000 people", "10000 * n / population"),
        NULL_REASON,
    ),
    key=("area_kind", "area", "call_type"),
    publish=Publish(across=("area", "call_type")),
    table_rules=(
        TableRule(
            "null_has_reason",
            "SELECT count(*) FROM this WHERE (incidents_per_10000 IS NULL) <> (null_reason IS NOT NULL)",
            "an empty rate says why",
            "critical",
        ),
    ),
    sources=(
        "Porta (ed.), A Dictionary of Epidemiology, 6th edition (2014): rate, crude",
        "Goodchild, Lam (1980), Areal interpolation: a variant of the traditional spatial problem, Geo-Processing 1",
    ),
)
