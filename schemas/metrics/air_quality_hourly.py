"""Air and noise by station, quantity and hour, and whether limits of the hour and of the day are exceeded."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import BIN_AT, COVERAGE, HEALTH, LOCAL_TIME, NULL_REASON, N, ratio, total
from schemas.publish import Publish


def _over(name: str, doc: str, formula: str) -> Column:
    return Column(name, "bool", doc, formula=formula)


CONTRACT = Contract(
    name="air_quality_hourly",
    layer="metric",
    domain="safety",
    version=1,
    doc=(
        "One quantity (pm2_5, pm10, no2, o3, noise) at one station in one hour. What was measured over an interval counts in "
        "each hour by the time that it has of it; streams of one station are weighted alike, and what they cover together is "
        "coverage. A row for every hour of the day of every quantity that was measured on it. Under the data capture of 75 % "
        "(threshold air_data_capture_min_share) there is no mean: of an hour 45 minutes, of eight hours six, of a day 18 "
        "hours. Limits of an hour, and eight-hour means, are for intervals of at most an hour. Day values stand in each hour "
        "of the day. Limits are the thresholds air_<quantity>_*; how often one may be exceeded in a year is with them. For "
        "noise there are no limits of an hour: Lden and Lnight of a year follow from sound_energy_s and measured_s by period."
    ),
    columns=(
        Column("station_id", "string", "station", nullable=False, pattern=IDENTIFIER),
        Column(
            "quantity",
            "string",
            "what was measured",
            nullable=False,
            allowed=("pm2_5", "pm10", "no2", "o3", "noise"),
            roll_up="apart",
        ),
        BIN_AT,
        LOCAL_TIME,
        Column(
            "period",
            "string",
            "period of noise mapping that the hour begins in",
            nullable=False,
            allowed=("day", "evening", "night"),
        ),
        Column("district", "string", "district, from reference/air_stations", nullable=False),
        Column("site", "string", "kind of site, from reference/air_stations", nullable=False),
        Column(N.name, "int", "rows whose interval begins in the hour", unit="rows", nullable=False, minimum=0, roll_up="sum"),
        COVERAGE,
        HEALTH,
        total("measured_s", "seconds measured, those of streams added up", "s", "sum(held)"),
        total("concentration_ug_s_m3", "concentration over time", "ug s/m3", "sum(concentration * held)"),
        total(
            "sound_energy_s", "sound energy over time, relative to the threshold of hearing", "s", "sum(10^(LAeq / 10) * held)"
        ),
        Column("longest_interval_s", "int", "longest interval behind the hour", unit="s", minimum=1),
        ratio("mean_ug_m3", "mean concentration", "ug/m3", "concentration_ug_s_m3 / measured_s"),
        ratio("laeq_dba", "equivalent continuous sound level", "dB(A)", "10 * log10(sound_energy_s / measured_s)"),
        ratio(
            "mean_8h_ug_m3",
            "of ozone: mean of the eight hours that end with this one",
            "ug/m3",
            "mean of at least 6 hourly means",
        ),
        ratio(
            "day_mean_ug_m3", "mean of the day's hourly means", "ug/m3", "mean of hourly means, at least 75 % of the day's hours"
        ),
        ratio(
            "day_max_8h_ug_m3",
            "of ozone: highest eight-hour mean that ends on the day",
            "ug/m3",
            "max(mean_8h_ug_m3), of at least 75 %",
        ),
        _over("is_over_hour_limit", "over the limit of an hour (no2), or the information threshold (o3)", "mean_ug_m3 > limit"),
        _over(
            "is_over_day_limit",
            "the day is over the limit of 2008/50/EC: pm10 by its mean, o3 by its highest eight-hour mean",
            "day value > limit",
        ),
        _over("is_over_day_limit_2030", "the day is over the limit of (EU) 2024/2881", "day value > limit"),
        _over("is_over_day_who", "the day is over the level that WHO recommends", "day value > limit"),
        NULL_REASON,
        Column("day_null_reason", "string", "why the day has no value to compare with limits", allowed=("low_coverage",)),
    ),
    key=("station_id", "quantity", "bin_at"),
    lookback_days=1,
    table_rules=(
        TableRule(
            "null_has_reason",
            "SELECT count(*) FROM this WHERE coalesce(mean_ug_m3, laeq_dba) IS NULL AND null_reason IS NULL",
            "an empty mean says why",
            "critical",
        ),
        TableRule(
            "limits_are_judged_where_known",
            "SELECT count(*) FROM this WHERE quantity = 'pm10' AND (day_mean_ug_m3 IS NULL) <> (is_over_day_limit IS NULL)",
            "a day is judged where its value is known, and only there",
            "critical",
        ),
    ),
    publish=Publish(open_because="air and noise of a place"),
    sources=(
        "Directive 2008/50/EC, annexes VII and XI (means, data capture, limits)",
        "Directive (EU) 2024/2881, annex I (limits from 2030 on)",
        "WHO global air quality guidelines (2021)",
        "Directive 2002/49/EC, annex I (day, evening, night)",
        "ISO 1996-1:2016, equivalent continuous sound pressure level",
    ),
)
