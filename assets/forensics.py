"""Unit and clock forensics: which devices seem to report in another unit, or by another clock, and the evidence for it.

What is found is never applied: a person reviews the line and puts it into the reference table. No feed is named here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from assets.forensic_clocks import clocks
from assets.forensic_lines import line
from assets.forensic_refused import Refused, refused_rows
from assets.forensic_times import times
from assets.forensic_units import units
from assets.forensic_verdicts import Finding
from assets.reference_days import BY_DAY, by_day
from assets.relations import connect, inputs, thresholds
from schemas import registry
from schemas.city import City
from schemas.contract import Contract
from schemas.lake import Lake

__all__ = ["LIMITS", "Finding", "Judged", "examine"]

LIMITS = (
    "doctor_days", "doctor_min_rows", "doctor_min_peers", "doctor_firm_share", "doctor_min_refused_share",
    "doctor_min_distinct", "doctor_min_batches", "doctor_clock_min_s", "doctor_clock_tolerance_s", "doctor_clock_share",
    "doctor_clock_min_gaps", "doctor_pulse_min_gain",
)  # fmt: skip
"""The thresholds that forensics judge by."""


@dataclass
class Judged:
    """What was looked at in one feed.

    Attributes:
        days: the days looked at, of those that have rows.
        devices: devices seen in them.
        judged: by what was judged (a column, "clock"): devices for which there was evidence enough to say anything.
        refused: refused rows that may tell of a unit or a clock, and how many of them name no device that is known.
    """

    feed: str
    table: str | None
    days: list[date] = field(default_factory=list)
    devices: int = 0
    judged: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    nameless: int = 0
    findings: list[Finding] = field(default_factory=list)


def examine(lake: Lake, city: City, feeds: Sequence[str] = (), last: date | None = None) -> list[Judged]:
    """Judge the devices of some feeds (all that a reference table describes) over their last days.

    Args:
        last: the last day to look at; the last with rows by default.
    """
    limits = thresholds(lake)
    wanted = {n: registry.feed(n) for n in feeds} or {n: c for n, c in registry.feeds().items() if c.described}
    return [_judged(lake, city, contract, limits, last) for contract in wanted.values()]


def _judged(lake: Lake, city: City, contract: Contract, limits: dict[str, float], last: date | None) -> Judged:
    described = contract.described
    out = Judged(contract.name, described.table if described else None)
    # days of refused rows alone are not to be trusted: a clock that lost its battery is in another century
    seen = {f.event_date for f in lake.files("refined", contract.name)} or {
        f.event_date for f in lake.files("quarantine", contract.name)
    }
    known = sorted(d for d in seen if d is not None and (last is None or d <= last))
    if described is None or not known:
        return out
    out.days = [d for d in known if d > known[-1] - timedelta(days=int(limits["doctor_days"]))]
    tables = [f"refined.{contract.name}", f"reference.{described.table}"]
    con = connect(lake, city, out.days, inputs(lake, tables, out.days))
    try:
        con.execute(f"CREATE VIEW views.{described.table}{BY_DAY} AS {by_day(described.table)}")
        told = con.sql(
            f"SELECT {described.on} FROM refined.{contract.name} UNION SELECT {described.on} FROM reference.{described.table}"
        )
        devices = told.pl()[described.on]
        refused: Refused = refused_rows(lake, contract, out.days, devices)
        out.devices, out.refused, out.nameless = devices.len(), refused.rows.height, refused.nameless
        found: list[Finding] = []
        for column, factor in described.factors:
            some, out.judged[column] = units(con, contract, column, factor, refused, limits)
            found += some
        if described.clock:
            some, out.judged["clock"] = clocks(con, contract, refused, limits)
            found += some
        found += times(con, contract, refused, limits)
    finally:
        con.close()
    for finding in found:
        finding.line = line(lake, city, contract, finding, [f for f in found if f.device == finding.device])
    out.findings = sorted(found, key=lambda f: (f.device, f.what))
    return out
