"""Street lights of a district by day: the sums of streetlight_daily, and the shares of them."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.measure import COVERAGE, HEALTH, NULL_REASON, N, count, ratio, says_why, total
from schemas.publish import Publish

CONTRACT = Contract(
    name="streetlight_district_daily",
    layer="metric",
    domain="energy",
    version=1,
    doc=(
        "The street lights of one district on one local day. Every column but the shares is the sum of streetlight_daily over "
        "lamps of which it is known; coverage is the share of the lamps' dark hours in which it is known whether they are out. "
        "Saving is over the lamps whose energy and rated power are both known. Districts add up to the city, and days to months."
    ),
    columns=(
        Column("district", "string", "district, from reference/lamps", nullable=False, pattern=IDENTIFIER),
        N,
        COVERAGE,
        HEALTH,
        Column(
            "lamps",
            "int",
            "lamps installed, or reporting",
            nullable=False,
            minimum=1,
            formula="count of lamps",
            roll_up="at_once",
        ),
        count(
            "lamps_watched",
            "lamps of which something is known in the dark",
            "lamps with known_should_burn_h > 0",
            roll_up="at_once",
        ),
        count("day_burners", "lamps that burn by day", "sum(day_burners)", roll_up="at_once"),
        count("lamps_out", "lamps out for some of the night", "sum(lamps_out)", roll_up="at_once"),
        count("lamps_flickering", "lamps that went on and off by night", "sum(lamps_flickering)", roll_up="at_once"),
        total("burn_h", "hours lamps burnt", "h", "sum(burn_h)"),
        total("should_burn_h", "dark hours of all lamps", "h", "sum(should_burn_h)"),
        total("known_should_burn_h", "of these, hours known to be out or not", "h", "sum(known_should_burn_h)"),
        total("day_burn_h", "hours lamps burnt in daylight", "h", "sum(day_burn_h)"),
        total("outage_h", "dark hours in which lamps were out", "h", "sum(outage_h)"),
        total("energy_kwh", "energy, over the hours in which it is known", "kWh", "sum(energy_kwh)"),
        total("saving_energy_kwh", "of this, energy of the lamps that have a saving", "kWh", "sum(energy_kwh)"),
        total("saving_rated_kwh", "energy at full light of these lamps over the dark hours", "kWh", "sum(rated_kwh)"),
        ratio("availability_share", "share of the dark with light", "share", "1 - outage_h / known_should_burn_h", 1),
        Column(
            "dimming_saving_share",
            "float",
            "energy saved against full light all night; under 0 where lamps burnt longer than they should",
            unit="share",
            maximum=1,
            formula="1 - saving_energy_kwh / saving_rated_kwh",
        ),
        NULL_REASON,
    ),
    key=("district",),
    publish=Publish(open_because="it is about lamps of the street, which light nobody alone"),
    table_rules=(says_why("share", "availability_share", "dimming_saving_share"),),
    sources=("streetlight_daily, whose sources these are",),
)
