"""Street lights by day: hours they burnt and should have, outages, day-burners, flicker, energy and what dimming saved."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import COVERAGE, HEALTH, NULL_REASON, N, count, ratio, says_why, total
from schemas.publish import Publish

CONTRACT = Contract(
    name="streetlight_daily",
    layer="metric",
    domain="energy",
    version=1,
    doc=(
        "One street light on one local day; a night is split at midnight. A lamp should burn while the sun stands under "
        "sun_dark_max_deg at its place, should not while it stands over sun_daylight_min_deg, and may between them. A report "
        "holds until the next one, but no longer than it is believed: report_ttl_s of reference/lamps, else lamp_report_ttl_s; "
        "it holds over midnight too. Of the dark between a report of twilight that it is off and the next that it is on nothing "
        "is known, nor of daylight between on and off: lamps switch with the sky and not with their reports. Whether it burns is "
        "told by the power it draws, else by its state. A row for every installed lamp on days on which any lamp reported; "
        "ratios need the dark hours covered, as many lamps have no power by day. Districts: streetlight_district_daily."
    ),
    columns=(
        Column("lamp_id", "string", "street light", nullable=False, pattern=IDENTIFIER),
        Column("district", "string", "district, from reference/lamps", nullable=False),
        Column("lamp_type", "string", "technology, from reference/lamps"),
        N,
        COVERAGE,
        HEALTH,
        total("burn_h", "hours it burnt: the union of its on-intervals", "h", "sum(held) where it burns"),
        total("should_burn_h", "dark hours of the day at its place", "h", "sum of the time with the sun under sun_dark_max_deg"),
        total("known_should_burn_h", "of these, hours in which it is known whether it is out", "h", "sum(held) in the dark"),
        total("day_burn_h", "hours it burnt in daylight", "h", "sum(held) where it burns, sun over sun_daylight_min_deg"),
        total(
            "outage_h",
            "dark hours in which it gave no light, or said that lamp or lantern is defective",
            "h",
            "sum of outages of at least lamp_outage_min_s",
        ),
        Column("out_from_at", "instant", "start of the day's first outage; midnight where it began before"),
        Column("out_said_at", "instant", "when that outage was first said"),
        Column("out_said_by", "string", "what said so: the lamp's own status, or its power", allowed=("status", "power")),
        count("day_burners", "1 where it burns by day", "day_burn_h * 3600 >= lamp_day_burn_min_s", roll_up="at_once"),
        count("lamps_out", "1 where it was out for some of the night", "outage_h * 3600 >= lamp_outage_min_s", roll_up="at_once"),
        count(
            "lamps_flickering",
            "1 where it went on and off by night",
            "dark_switches > lamp_flicker_max_switches",
            roll_up="at_once",
        ),
        count("dark_switches", "times it went on or off in the dark", "changes between reports at most report_ttl_s apart"),
        total(
            "energy_kwh",
            "energy over the hours in which it is known",
            "kWh",
            "rise of the lamp's counter, spread evenly between two readings; else power x held, where it is not measured "
            "dim_share x rated_w, and rated_w where the lamp is on",
        ),
        total("metered_h", "hours of the day in which its energy is known", "h", "sum of the time behind energy_kwh"),
        total("metered_should_burn_h", "of these, dark ones", "h", "sum of the dark time behind energy_kwh"),
        total("rated_kwh", "energy at full light over the dark hours", "kWh", "rated_w x metered_should_burn_h / 1000"),
        ratio("availability_share", "share of the dark in which it gave light", "share", "1 - outage_h / known_should_burn_h", 1),
        Column(
            "dimming_saving_share",
            "float",
            "energy saved against full light all night; under 0 where it burnt longer than it should",
            unit="share",
            maximum=1,
            formula="1 - energy_kwh / rated_kwh",
        ),
        NULL_REASON,
    ),
    key=("lamp_id",),
    lookback_days=1,
    publish=Publish(open_because="it is about lamps of the street, which light nobody alone"),
    table_rules=(
        says_why("share", "availability_share", "dimming_saving_share"),
        TableRule(
            "hours_within_the_day",
            "SELECT count(*) FROM this WHERE burn_h > 25.001 OR outage_h > known_should_burn_h + 1e-6 "
            "OR known_should_burn_h > should_burn_h + 1e-6 OR day_burn_h > burn_h + 1e-6",
            "hours are parts of the day and of its dark",
            "critical",
        ),
    ),
    sources=(
        "US Naval Observatory, Rise, Set and Twilight Definitions (2004)",
        "Meeus, Astronomical Algorithms, 2nd edition (1998), as in astral 3.2",
        "FIWARE Smart Data Models, Streetlighting/Streetlight 0.0.3",
    ),
)
