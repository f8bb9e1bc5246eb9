"""Crashes of a month by district and severity, and what they weigh in crashes without injury (EPDO)."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import NULL_REASON, count, ratio, says_why, total
from schemas.publish import Publish

KNOWN = ("killed_crashes", "serious_crashes", "minor_crashes", "possible_crashes", "injury_crashes", "no_injury_crashes")

CONTRACT = Contract(
    name="crash_severity",
    layer="metric",
    domain="safety",
    version=1,
    period="month",
    doc=(
        "Crashes of one district in one month, as the latest publication has them; every district of reference/districts has a "
        "row, and any other that has a crash. Where a crash tells no severity its counts do: K where somebody was killed, none "
        "where nobody was killed or injured; where people were injured nobody knows how badly, and it is an injury of its own "
        "kind. Weights are the thresholds named crash_epdo_weight_<severity>, by default those of the Highway Safety Manual; a "
        "crash of unknown severity weighs nothing and lowers health_share. Months add up to years."
    ),
    columns=(
        Column("district", "string", "district", nullable=False, pattern=IDENTIFIER),
        Column("n", "int", "crashes", nullable=False, minimum=0, roll_up="sum"),
        Column(
            "coverage_share",
            "float",
            "share of the month that had passed at the latest publication of news of it, city-wide",
            unit="share",
            nullable=False,
            minimum=0,
            maximum=1,
        ),
        Column(
            "health_share",
            "float",
            "share of crashes of known severity",
            unit="share",
            minimum=0,
            maximum=1,
            formula="1 - unknown_crashes / n",
        ),
        count("killed_crashes", "somebody was killed (K)", "count where K"),
        count("serious_crashes", "somebody was seriously injured, nobody killed (A)", "count where A"),
        count("minor_crashes", "the worst injury is minor (B)", "count where B"),
        count("possible_crashes", "the worst injury is possible, not evident (C)", "count where C"),
        count(
            "injury_crashes",
            "injuries of unknown severity",
            "count where severity is not told, injured > 0 and nobody was killed",
        ),
        count("no_injury_crashes", "no injury (O)", "count where O"),
        count("unknown_crashes", "severity unknown", "count of the others"),
        count("killed", "people killed, of crashes that tell how many", "sum"),
        count("injured", "people injured, of crashes that tell how many", "sum"),
        count("ksi_crashes", "somebody was killed or seriously injured (KSI)", "killed_crashes + serious_crashes"),
        total("epdo", "crashes in equivalents of crashes without injury", "crashes", "sum of weights over " + ", ".join(KNOWN)),
        ratio(
            "ksi_share",
            "share of KSI in crashes of known severity",
            "share",
            "ksi_crashes / (n - unknown_crashes - injury_crashes)",
            1,
        ),
        ratio("epdo_per_crash", "mean weight of crashes that have one", "crashes", "epdo / (n - unknown_crashes)"),
        NULL_REASON,
    ),
    key=("district",),
    table_rules=(
        says_why("ratio", "ksi_share", "epdo_per_crash"),
        TableRule(
            "severities_add_up",
            "SELECT count(*) FROM this WHERE n <> killed_crashes + serious_crashes + minor_crashes + possible_crashes "
            "+ injury_crashes + no_injury_crashes + unknown_crashes",
            "every crash has one severity",
            "critical",
        ),
    ),
    publish=Publish(across=("district",), splits=((*KNOWN, "unknown_crashes"),)),
    sources=(
        "AASHTO, Highway Safety Manual, 1st edition (2010), chapter 4: Equivalent Property Damage Only, weights from crash costs",
        "MMUCC Guideline, 6th edition (2024), P5 Injury Status (KABCO)",
        "23 CFR 490 subpart B: fatalities and serious injuries (KSI)",
    ),
)
