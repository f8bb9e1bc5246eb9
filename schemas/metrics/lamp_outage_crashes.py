"""Crashes after dark near street lights that were out, and the hours of lamps, in order and out, to compare them by."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import COVERAGE, HEALTH, NULL_REASON, N, count, ratio, says_why, total
from schemas.publish import Publish

CONTRACT = Contract(
    name="lamp_outage_crashes",
    layer="metric",
    domain="safety",
    version=1,
    doc=(
        "One district on one local day. A crash is after dark where the sun stood under sun_dark_max_deg at its place, and near "
        "an outage where a lamp at most lamp_crash_near_m away was out at that instant (views.lamp_outages). Crashes are of "
        "the latest publication. A crash counts once in its own district; for the rates, each pair of a crash and a lamp near it "
        "counts in the lamp's district, as do the lamp's hours. Rates of one day say little: sum pairs and hours over months and "
        "divide. n is crashes at any hour; coverage is the share of the lamps' dark hours in which it is known whether they are "
        "out. A row for every district that has lamps on days on which any lamp reported, or a crash."
    ),
    columns=(
        Column("district", "string", "district", nullable=False, pattern=IDENTIFIER),
        N,
        COVERAGE,
        HEALTH,
        count("crashes_dark", "crashes after dark", "crashes with the sun under sun_dark_max_deg"),
        count("crashes_unplaced", "of these, without coordinates: near nothing", "crashes_dark without lat or lon"),
        count("crashes_near_lamp", "of these, near a lamp whose state is known", "distance <= lamp_crash_near_m"),
        count("crashes_near_outage", "of these, near a lamp that was out", "any lamp near is out at occurred_at"),
        count("lit_pairs", "pairs of a crash after dark and a lamp near it that was in order", "count(crash, lamp)"),
        count("outage_pairs", "pairs of a crash after dark and a lamp near it that was out", "count(crash, lamp)"),
        count(
            "lamps_watched",
            "lamps of which something is known in the dark",
            "lamps with known_should_burn_h > 0",
            roll_up="at_once",
        ),
        count("lamps_out", "of these, out for some of the night", "sum(lamps_out) of streetlight_daily", roll_up="at_once"),
        total("lit_lamp_h", "dark hours of lamps in order", "h", "sum(known_should_burn_h - outage_h) of streetlight_daily"),
        total("outage_lamp_h", "dark hours of lamps that were out", "h", "sum(outage_h) of streetlight_daily"),
        ratio("lit_crash_rate", "crashes near a lamp in order, by its hours", "1/(1000 h)", "1000 * lit_pairs / lit_lamp_h"),
        ratio(
            "outage_crash_rate",
            "crashes near a lamp that is out, by its hours",
            "1/(1000 h)",
            "1000 * outage_pairs / outage_lamp_h",
        ),
        NULL_REASON,
    ),
    key=("district",),
    lookback_days=1,
    publish=Publish(plain=("lit_pairs", "outage_pairs", "lamps_watched", "lamps_out"), across=("district",)),
    table_rules=(
        says_why("rate", "lit_crash_rate", "outage_crash_rate"),
        TableRule(
            "parts_within_the_whole",
            "SELECT count(*) FROM this WHERE crashes_near_outage > crashes_near_lamp OR crashes_near_lamp > crashes_dark "
            "OR crashes_dark > n",
            "crashes near an outage are some of those near a lamp, these some of those after dark",
            "critical",
        ),
    ),
    sources=(
        "US Naval Observatory, Rise, Set and Twilight Definitions (2004)",
        "Rothman, Greenland and Lash, Modern Epidemiology, 3rd edition (2008), chapter 3: rates over time at risk",
    ),
)
