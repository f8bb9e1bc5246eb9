"""Service requests and transactions against slow oracles in plain Python, on random rows; the time to close against SciPy too.

Cases worked by hand are in tests/golden.
"""

import math
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from scipy.stats import CensoredData, ecdf

from assets.measure import measure
from schemas import registry

from .randoms_services import requests, services, transactions, versions
from .test_energy_oracle import percentile

DAYS = [date(2026, 3, 27), date(2026, 3, 28), date(2026, 3, 29)]
"""The last is Berlin's day of 23 hours."""
SINCE = 14
AHEAD = registry.metrics()["service_requests_daily"].lookahead_days
HOUR = timedelta(hours=1)


def check(row, **wanted):
    for name, value in wanted.items():
        found = row[name]
        same = found is None if value is None else found is not None and math.isclose(found, value, rel_tol=1e-9, abs_tol=1e-9)
        assert same, f"{name}: {found} is not {value} in {row}"


def close_time(ages, share):
    """The first age at which the Kaplan-Meier curve is at most `share`, by exact fractions; (hours, whether it closed)."""
    left = Fraction(1)
    for age in sorted({a for a, closed in ages if closed}):
        at_risk = sum(a >= age for a, _ in ages)
        left *= Fraction(at_risk - sum(a == age and closed for a, closed in ages), at_risk)
        if left <= share:
            return age
    return None


def scipy_close_time(ages, share):
    """The same from SciPy's Kaplan-Meier estimate."""
    sample = CensoredData(uncensored=[a for a, c in ages if c], right=[a for a, c in ages if not c])
    curve = ecdf(sample).sf
    return next((float(a) for a, p in zip(curve.quantiles, curve.probabilities, strict=True) if p <= share + 1e-12), None)


def lives(told):
    """Spells of one request from the versions that are known: dicts with `begins`, `is_open`, `what` and the version."""
    told = sorted(told, key=lambda r: r["updated_at"])
    out, before, first_closed_at = [], None, None
    for v in told:
        is_open = v["status"] == "open"
        closes, reopens = (
            not is_open and (before is None or before["status"] == "open"),
            is_open and before and before["status"] == "closed",
        )
        first_closed_at = v["updated_at"] if closes else first_closed_at
        ended = None if is_open else min(v["closed_at"] or first_closed_at, v["updated_at"])
        if before is None and not is_open:
            out.append(dict(v, begins=v["requested_at"], is_open=True, what="opened", ended=None))
        begins = v["updated_at"]
        if closes:
            begins = max(ended, before["updated_at"] if before else v["requested_at"])
        elif before is None:
            begins = v["requested_at"]
        what = "closed" if closes else "reopened" if reopens else "opened" if before is None else None
        out.append(dict(v, begins=begins, is_open=is_open, what=what, ended=ended))
        before = v
    return out, told[0]["status"] == "open"


def due(spell, known):
    own = sorted((s for s in known if s["service_code"] == spell["service_code"]), key=lambda s: s["valid_from"])
    row = ([s for s in own if s["valid_from"] <= spell["requested_at"]] or own[:1] or [{"sla_h": None}])[-1]
    return spell["expected_at"] or (spell["requested_at"] + row["sla_h"] * HOUR if row["sla_h"] else None)


def day_of(town, instant):
    return instant.astimezone(ZoneInfo(town.city.zone)).date()


def expected(town, by_request, known, day):
    """What a day should say, by district and service."""
    start, end = town.city.day_start(day), town.city.day_start(day + timedelta(days=1))
    cells = defaultdict(lambda: defaultdict(list))
    for every in by_request.values():
        told = [v for v in every if day_of(town, v["updated_at"]) <= day + timedelta(days=AHEAD)]
        if not told:
            continue
        spells, from_opening = lives(told)
        for i, s in enumerate(spells):
            cell, until = (
                cells[s["district"], s["service_code"]],
                spells[i + 1]["begins"] if i + 1 < len(spells) else datetime.max,
            )
            until = until.replace(tzinfo=until.tzinfo or start.tzinfo)
            today, promise = start <= s["begins"] < end, due(s, known)
            if today and s["what"]:
                cell[s["what"]].append(s)
                if s["what"] == "closed" and promise and s["ended"] <= promise:
                    cell["met"].append(s)
            if today and i == 1:
                cell["answered"].append((s["begins"] - s["requested_at"]) / HOUR)
            if s["is_open"] and promise and start <= promise < end and s["begins"] <= promise < until:
                cell["missed"].append(s)
            if s["begins"] < end <= until:
                young = end - s["requested_at"] <= timedelta(days=90)
                if s["is_open"] or young or today:
                    order = (not s["closed_at"] or s["closed_at"] <= s["updated_at"]) and (
                        not s["expected_at"] or s["expected_at"] >= s["requested_at"]
                    )
                    cell["n"].append((from_opening, order))
                if s["is_open"]:
                    cell["ages"].append((end - s["requested_at"]) / HOUR)
                    cell["overdue"] += [s] if promise and promise < end else []
                if young:
                    cell["window"].append((((end if s["is_open"] else s["ended"]) - s["requested_at"]) / HOUR, not s["is_open"]))
    return {k: v for k, v in cells.items() if v}


def reason(cell, carried):
    window = cell["window"]
    return next(
        (
            word
            for word, holds in (
                ("no_request", not window),
                ("not_reached", close_time(window, Fraction(1, 10)) is None),
                ("no_backlog", not cell["ages"]),
                ("no_promise", not cell["met"] and not cell["missed"]),
                ("low_coverage", not carried),
                ("no_response", not cell["answered"]),
                ("no_closing", not cell["closed"]),
            )
            if holds
        ),
        None,
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_requests_agree_with_the_oracle(town, seed):
    known = services(seed)
    born = [DAYS[0] - timedelta(days=k) for k in range(-3, SINCE)]
    rows = [v for b in born for i in range(12) for v in versions(town.city, b, seed, i)]
    # told of long after: a day that looks 92 days ahead does not know of it, whatever else is measured with it
    late = {
        "request_id": "late",
        "requested_at": town.city.day_start(DAYS[1]).astimezone(UTC) + HOUR,
        "service_code": "lamp",
        "district": "a",
    }
    rows.append(late | {"updated_at": late["requested_at"] + timedelta(days=AHEAD + 1), "status": "closed"})
    town.put("refined.service_requests", rows)
    town.put("reference.services", known)
    by_request = defaultdict(list)
    for r in rows:
        by_request[r["request_id"]].append({"expected_at": None, "closed_at": None} | r)
    seen = set()
    got = town.measure("service_requests_daily", *DAYS, date(2026, 6, 27), date(2026, 6, 29))
    for day in (*DAYS, date(2026, 6, 27), date(2026, 6, 29)):
        want = expected(town, by_request, known, day)
        mine = {(r["district"], r["service_code"]): r for r in got.filter(event_date=day).to_dicts()}
        assert set(mine) == set(want)
        for key, row in mine.items():
            cell = want[key]
            n, window = len(cell["n"]), cell["window"]
            check(row, n=n, opened=len(cell["opened"]), closed=len(cell["closed"]), reopened=len(cell["reopened"]))
            check(row, coverage_share=sum(f for f, _ in cell["n"]) / n if n else 0)
            check(row, health_share=sum(o for _, o in cell["n"]) / n if n else None)
            check(row, backlog=len(cell["ages"]), overdue=len(cell["overdue"]), backlog_age_sum_h=math.fsum(cell["ages"]))
            check(row, backlog_age_p50_h=percentile(cell["ages"], 0.5) if cell["ages"] else None)
            check(row, window_n=len(window), window_closed_n=sum(c for _, c in window))
            for column, share in (("close_p50_h", Fraction(1, 2)), ("close_p90_h", Fraction(1, 10))):
                check(row, **{column: close_time(window, share)})
                check(row, **{column: scipy_close_time(window, share) if window else None})
            met, missed, carried = len(cell["met"]), len(cell["missed"]), row["coverage_share"] >= 0.75
            check(row, sla_met_n=met, sla_missed_n=missed, sla_met_share=met / (met + missed) if met + missed else None)
            answered = cell["answered"]
            check(row, first_response_n=len(answered), first_response_sum_h=math.fsum(answered))
            check(row, first_response_p50_h=percentile(answered, 0.5) if answered and carried else None)
            closed = len(cell["closed"])
            check(row, reopen_rate=len(cell["reopened"]) / closed if closed and carried else None)
            assert row["null_reason"] == reason(cell, carried), row
            seen |= {row["null_reason"]} | {w for w in ("reopened", "met", "missed", "overdue") if cell[w]}
    assert seen >= {None, "not_reached", "no_backlog", "low_coverage", "reopened", "met", "missed", "overdue"}


def test_a_backlog_is_what_came_less_what_went(town):
    rows = [r for k in range(30) for r in requests(town.city, DAYS[0] - timedelta(days=29 - k), 3)]
    town.put("refined.service_requests", [r | {"district": "a"} for r in rows])
    days = [DAYS[0] - timedelta(days=k) for k in range(10)][::-1]
    got = (
        town.measure("service_requests_daily", *days)
        .group_by("event_date", maintain_order=True)
        .agg(pl.col("backlog", "opened", "reopened", "closed").sum())
        .sort("event_date")
        .to_dicts()
    )
    for before, after in pairwise(got):
        assert after["backlog"] == before["backlog"] + after["opened"] + after["reopened"] - after["closed"]


def test_a_day_told_of_later_is_restated_and_one_far_before_is_not(town):
    day = DAYS[0]
    town.put("refined.service_requests", requests(town.city, day, 1))
    town.put("reference.services", services(1))
    near, far = day - timedelta(days=AHEAD), day - timedelta(days=AHEAD + 1)
    asked = {"requested_at": town.city.day_start(far) + HOUR, "service_code": "hole", "district": "z", "request_id": "old"}
    town.measure("service_requests_daily", far, near, day)
    rows = [*requests(town.city, day, 1), asked | {"updated_at": town.city.day_start(day) + HOUR, "status": "closed"}]
    town.put("refined.service_requests", rows)
    assert measure(town.lake, town.city, "service_requests_daily", [far, near, day]) == [near, day]
    of = {r["event_date"]: r for r in town.read("service_requests_daily", far, near, day).filter(district="z").to_dicts()}
    assert set(of) == {near, day}
    assert (of[near]["backlog"], of[near]["opened"], of[day]["closed"], of[day]["backlog"]) == (1, 0, 1, 0)


ENDS = {"completed": "completed_n", "rejected": "rejected_n", "abandoned": "abandoned_n", "cancelled": "cancelled_n"}


@pytest.mark.parametrize("seed", [1, 2])
def test_transactions_agree_with_the_oracle(town, seed):
    rows = [r for d in DAYS for r in transactions(town.city, d, seed)]
    town.put("refined.eservice_transactions", rows)
    got, seen = town.measure("eservices_daily", *DAYS), set()
    for day in DAYS:
        cells = defaultdict(lambda: ([], []))
        for r in rows:
            if day_of(town, r["submitted_at"]) == day:
                cells[r["service"], r["district"]][0].append(r)
            if r.get("appointment_at") and day_of(town, r["appointment_at"]) == day and r["outcome"] != "cancelled":
                cells[r["service"], r["district"]][1].append(r)
        mine = {(r["service"], r["district"]): r for r in got.filter(event_date=day).to_dicts()}
        assert set(mine) == set(cells)
        for key, row in mine.items():
            own, there = cells[key]
            ended, done = [r for r in own if r["outcome"] != "pending"], [r for r in own if r["outcome"] == "completed"]
            timed = [(r["completed_at"] - r["submitted_at"]) / HOUR for r in done if r["completed_at"]]
            known = [r for r in done if r["channel"] != "unknown"]
            digital = [r for r in known if r["channel"] in ("web", "app", "kiosk")]
            cover, ok = len(ended) / len(own) if own else 0, bool(own) and len(ended) / len(own) >= 0.75
            check(
                row,
                n=len(own),
                coverage_share=cover,
                ended_n=len(ended),
                timed_n=len(timed),
                took_sum_h=math.fsum(timed) if timed else None,
            )
            check(row, **{c: sum(r["outcome"] == o for r in own) for o, c in ENDS.items()})
            check(
                row,
                **{f"{c}_n": sum(r["channel"] == c for r in own) for c in ("web", "app", "kiosk", "phone", "counter", "post")},
            )
            check(row, health_share=len(timed) / len(done) if done else None, channel_completed_n=len(known))
            paid = [r["amount_cents"] for r in done if r.get("amount_cents") is not None]
            check(row, amount_cents=sum(paid) if paid else None, digital_completed_n=len(digital))
            check(row, completion_share=len(done) / len(ended) if ok else None)
            check(row, took_p50_h=percentile(timed, 0.5) if ok and timed else None)
            check(row, took_p90_h=percentile(timed, 0.9) if ok and timed else None)
            check(row, digital_share=len(digital) / len(known) if ok and known else None)
            came, missed = (sum(r["outcome"] == o for r in there) for o in ("completed", "no_show"))
            check(row, appointment_n=len(there), attended_n=came, no_show_n=missed)
            check(row, no_show_share=missed / (came + missed) if came + missed else None)
            words = [
                ("no_data", not own),
                ("low_coverage", not ok),
                ("no_closing", not done),
                ("no_channel", not known),
                ("no_time", not timed),
            ]
            words.append(("no_appointment", key[0] == "appointment" and not came + missed))
            assert row["null_reason"] == next((w for w, holds in words if holds), None), row
            seen.add(row["null_reason"])
    assert seen >= {None, "low_coverage", "no_channel"}
