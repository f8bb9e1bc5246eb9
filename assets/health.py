"""SQL that the contracts' health declarations stand for: rows to judge, devices known to be installed, tests in order.

What is made of the rows is in the metric's SQL; no feed is named here.
"""

import re
from dataclasses import astuple

from assets.reference_days import BY_DAY
from schemas import registry
from schemas.contract import Contract
from schemas.health import Health

STATISTICS = (
    "n", "coverage_share", "zero_share", "high_share", "mismatch_share", "flow_only_share", "constant_share", "entropy",
    "usual_interval_s",
)  # fmt: skip
"""What a feed's tests may ask of a device, in the order of the macro's arguments."""


def judged() -> dict[str, tuple[Contract, Health]]:
    """The feeds that say how their devices are judged, by name."""
    return {n: (c, c.health) for n, c in registry.feeds().items() if c.health is not None}


def view(name: str) -> str | None:
    """The SQL of a view that is made from contracts, by its name without `views.`; None where there is no such view.

    `health_rows` are all rows to judge, `health_of_<feed>` those of one feed, `health_devices` the devices known by day.
    """
    feeds = judged()
    if name == "health_rows":
        return "\nUNION ALL\n".join(f"SELECT * FROM views.health_of_{n}" for n in feeds)
    if name == "health_devices":
        return "\nUNION ALL\n".join(_devices(c) for c, _ in feeds.values() if _known(c))
    if (feed := name.removeprefix("health_of_")) in feeds:
        return _rows(*feeds[feed])
    return None


def macros() -> dict[str, str]:
    """`health_failed(feed, ...)`: the first test that a device fails; `health_is_constant(feed, value, length, interval_s)`."""
    tests = {n: " ".join(f"WHEN {c} THEN '{v}'" for v, c in h.tests) for n, (_, h) in judged().items()}
    failed = " ".join(f"WHEN '{n}' THEN CASE {whens} END" for n, whens in tests.items() if whens)
    constant = " ".join(f"WHEN '{n}' THEN {h.is_constant}" for n, (_, h) in judged().items())
    return {
        "health_failed": f"CREATE MACRO health_failed(feed, {', '.join(STATISTICS)}) AS CASE feed {failed} END;",
        "health_is_constant": f"CREATE MACRO health_is_constant(feed, value, length, interval_s) AS CASE feed {constant} END;",
    }


def device_of(contract: Contract) -> str:
    """The column that names the feed's device."""
    own = contract.health.device if contract.health else None
    return own or (contract.described.on if contract.described else contract.key[0])


def _known(contract: Contract) -> bool:
    return contract.described is not None and contract.described.on == device_of(contract)


def _devices(contract: Contract) -> str:
    """Devices of a feed that its reference table knows, one row each."""
    described = contract.described
    assert described is not None
    district = "min(district)" if "district" in registry.references()[described.table] else "'unknown'"
    return f"""SELECT event_date, '{contract.name}' AS feed, {described.on} AS sensor_id, {district} AS district,
    bool_or(is_installed) AS is_installed
FROM views.{described.table}{BY_DAY} GROUP BY event_date, {described.on}"""


def _rows(contract: Contract, health: Health) -> str:
    """The rows of a feed as they are judged."""
    said = " ".join(v if isinstance(v, str) else " ".join(c for _, c in v) for v in astuple(health) if v)
    device, wanted = device_of(contract), sorted(set(re.findall(r"\bdevice\.(\w+)", said)))
    join = ""
    if wanted and contract.described:
        known = f"""SELECT event_date AS device_date, {contract.described.on} AS device_id,
        {{{", ".join(f"'{c}': {c}" for c in wanted)}}} AS device
    FROM views.{contract.described.table}{BY_DAY}"""
        join = f"LEFT JOIN (\n    {known}\n) AS k ON k.device_date = r.event_date AND k.device_id = r.{contract.described.on}"
    made = f"({health.rows})" if health.rows else f"refined.{contract.name}"
    interval = health.interval_s or contract.interval or "NULL"
    columns = {
        "event_date": "r.event_date",
        "feed": f"'{contract.name}'",
        "sensor_id": f"r.{device}",
        "channel": f"CAST({health.channel} AS VARCHAR)",
        "at_us": f"epoch_us({contract.event_time})",
        "interval_s": f"CAST({interval} AS BIGINT)",
        "observed_s": f"CAST({health.observed_s or interval} AS DOUBLE)",
        "judged_s": f"CAST({health.judged_s} AS DOUBLE)",
        "is_judged": health.is_judged,
        "value": f"CAST({health.value} AS DOUBLE)",
        **{n: getattr(health, n) for n in ("is_zero", "is_high", "has_occupancy_only", "has_flow_only", "has_both")},
        "is_clock_off": f"coalesce({health.is_clock_off}, false)",
        "corrections": "_corrections",
    }
    if health.holds_s:
        columns |= {"holds_us": f"CAST({health.holds_s} AS BIGINT) * 1000000", "day_ends_us": "epoch_us(d.ends_at)"}
        columns |= {"break_us": f"CAST({health.break_s or 'NULL'} AS BIGINT) * 1000000"}
    picked = ",\n    ".join(f"{sql} AS {name}" for name, sql in columns.items())
    rows = f"SELECT\n    {picked}\nFROM {made} AS r\nJOIN days AS d ON d.event_date = r.event_date\n{join}"
    return _held(rows, bool(health.break_s)) if health.holds_s else rows


def _held(rows: str, has_breaks: bool) -> str:
    """Rows that say a state: each holds until the next of its device, but no longer than it is believed."""
    lasts = "CASE WHEN gap_us <= break_us THEN gap_us ELSE least(interval_s * 1000000, holds_us) END" if has_breaks else "gap_us"
    spoken_s = f"sum({lasts}) FILTER (WHERE is_judged) OVER (PARTITION BY event_date, sensor_id) / 1e6"
    last_until = "NULL" if has_breaks else "day_ends_us"
    return f"""WITH said AS (
{rows}
),
spaced AS (
    SELECT *, coalesce(lead(at_us) OVER (PARTITION BY event_date, sensor_id ORDER BY at_us), {last_until}) - at_us AS gap_us
    FROM said
),
usual AS (
    SELECT event_date, sensor_id, quantile_disc(gap_us, 0.5) FILTER (WHERE is_judged AND gap_us > 0) AS usual_us
    FROM spaced
    GROUP BY event_date, sensor_id
),
timed AS (
    SELECT
        s.* REPLACE (greatest(least(round(coalesce(u.usual_us, s.holds_us) / 1e6), 86400), 1)::BIGINT AS interval_s)
    FROM spaced AS s
    JOIN usual AS u USING (event_date, sensor_id)
)
SELECT
    * EXCLUDE (holds_us, day_ends_us, break_us, gap_us)
    REPLACE (least({lasts}, holds_us) / 1e6 AS observed_s, {spoken_s if has_breaks else "judged_s"} AS judged_s)
FROM timed"""
