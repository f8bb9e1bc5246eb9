"""Who knew first that a lamp was out, against a slow oracle in plain Python that takes outages as streetlight_daily tells them.

When a lamp is out is tested in test_lighting_oracle; a case worked by hand is in tests/golden.
"""

import math
from collections import Counter, defaultdict
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from assets.measure import measure

from .randoms_lighting import PLACES, lamps, streetlights
from .randoms_services import services, versions

DAY = date(2026, 3, 28)
LIT = [DAY + timedelta(days=k) for k in (-16, -15, -3, -1, 0, 1, 2, 4, 15)]
"""Days on which lamps report: what lies between and around shows that a day sees 14 days back and on, and no further."""
ASKED = [DAY - timedelta(days=1), DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)]
METRIC, NEAR_M = "who_knew_first", 50


def lit(town, seed):
    """Reports of the lamps; two of them are always in order."""
    fine = {"power_w": 80.0, "power_state": "on", "status": "ok"}
    rows = [r for d in LIT for r in streetlights(town.city, d, seed)]
    return [r | fine if r["lamp_id"] in ("lamp3", "lamp4") else r for r in rows]


def metres(a, b):
    """The haversine on a sphere of 6371008.8 m."""
    (lat, lon), (lat2, lon2) = a, b
    p, q = math.radians(lat2 - lat) / 2, math.radians(lon2 - lon) / 2
    h = math.sin(p) ** 2 + math.cos(math.radians(lat)) * math.cos(math.radians(lat2)) * math.sin(q) ** 2
    return 2 * 6371008.8 * math.asin(math.sqrt(h))


def place(row):
    return None if row["lat"] is None else (row["lat"], row["lon"])


def near(a, b):
    return a is not None and b is not None and metres(a, b) <= NEAR_M


def expected(town, daily, reports, day):
    """Rows of a day by (case_kind, case_id): what the oracle can say of each."""
    local = lambda at: at.astimezone(ZoneInfo(town.city.zone)).date()  # noqa: E731
    days_on = lambda n: day + timedelta(days=n)  # noqa: E731
    spots = {name: None if lat is None else (lat, lon) for name, (_, lat, lon) in PLACES.items()}
    told = [r for r in reports if local(r["updated_at"]) <= days_on(14)]
    out = {}
    for name, of_lamp in daily.items():
        before = [d for d in of_lamp if days_on(-14) <= d < day]
        if day not in of_lamp or not of_lamp[day]["lamps_out"] or (before and of_lamp[max(before)]["lamps_out"]):
            continue
        ended = min((d for d in of_lamp if day < d <= days_on(14) and not of_lamp[d]["lamps_out"]), default=None)
        said, until = of_lamp[day]["out_said_at"], town.city.day_start(ended or days_on(14))
        about = [r for r in told if near(spots.get(name), place(r)) and said - timedelta(hours=72) <= r["requested_at"] < until]
        first = min(about, key=lambda r: (r["requested_at"], metres(spots[name], place(r)), r["request_id"]), default=None)
        row = {"ended_date": ended, "request_id": first and first["request_id"], "telemetry_at": said}
        row["reports"] = len(about) if spots.get(name) else None
        row["lead"] = (first["requested_at"] - said).total_seconds() / 3600 if first else None
        row["null_reason"] = "no_place" if spots.get(name) is None else None if first else "never_reported"
        out["outage", name] = row
    for r in told:
        if local(r["requested_at"]) != day:
            continue
        around = [name for name in spots if near(spots[name], place(r))]
        known = {name: [daily[name][days_on(k)] for k in range(-1, 4) if days_on(k) in daily[name]] for name in around}
        if any(d["lamps_out"] for of in known.values() for d in of):
            continue
        closest = min(around, key=lambda name: (metres(spots[name], place(r)), name), default=None)
        row = {"lamp_id": closest, "lead": None, "telemetry_at": None, "reports": 1, "request_id": r["request_id"]}
        row["coverage_share"] = sum(map(bool, known.values())) / len(known) if known else 0
        reason = "contradicted" if row["coverage_share"] else "never_measured"
        out["report", r["request_id"]] = row | {"null_reason": reason if place(r) else "no_place"}
    return out


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_cases_agree_with_the_oracle(town, seed):
    town.put("reference.lamps", lamps(seed))
    town.put("reference.services", services(seed))
    town.put("refined.streetlights", lit(town, seed))
    born = [DAY + timedelta(days=k) for k in range(-10, 14)]
    rows = [v for b in born for i in range(5) for v in versions(town.city, b, seed, i)]
    late = {"request_id": "late", "requested_at": town.city.day_start(DAY), "service_code": "lamp", "status": "open"}
    rows.append(late | {"updated_at": town.city.day_start(DAY + timedelta(days=15)), "lat": 52.52, "lon": 13.41})
    town.put("refined.service_requests", rows)
    town.measure("streetlight_daily", *LIT)
    measure(town.lake, town.city, METRIC, ASKED)
    daily, first = defaultdict(dict), {}
    for r in town.read("streetlight_daily", *LIT).filter(known_should_burn_h=0).to_dicts():
        assert not r["lamps_out"]
    for r in town.read("streetlight_daily", *LIT).to_dicts():
        if r["known_should_burn_h"]:
            daily[r["lamp_id"]][r["event_date"]] = r
    for r in sorted(rows, key=lambda r: r["updated_at"]):
        if r["service_code"] == "lamp":
            first.setdefault(r["request_id"], r)
    seen = Counter()
    for day in ASKED:
        got = {(r["case_kind"], r["case_id"]): r for r in town.read(METRIC, day).to_dicts()}
        want = expected(town, daily, first.values(), day)
        assert set(got) == set(want)
        for key, row in got.items():
            lead = want[key].pop("lead")
            assert {c: row[c] for c in want[key]} == want[key]
            assert row["telemetry_lead_h"] == (None if lead is None else pytest.approx(lead))
            knew = {"never_reported": "telemetry_alone", "never_measured": "report_alone", "contradicted": "report_alone"}
            answer = knew.get(row["null_reason"]) if lead is None else "report" if lead < 0 else "telemetry"
            assert row["knew_first"] == answer
            seen[row["null_reason"] or answer] += 1
    assert set(seen) >= {"report", "never_reported", "never_measured", "contradicted", "no_place"}


@pytest.mark.slow
def test_a_batch_of_days_says_what_each_says_alone(make_town, monkeypatch):
    bodies = []
    for name, rows in (("once", 5_000_000), ("day by day", 1)):
        town = make_town(name)
        monkeypatch.undo()
        town.put("reference.lamps", lamps(3))
        town.put("reference.services", services(3))
        town.put("refined.streetlights", lit(town, 3))
        born = [DAY + timedelta(days=k) for k in range(-16, 14)]
        town.put("refined.service_requests", [v for b in born for i in range(12) for v in versions(town.city, b, 3, i)])
        town.measure("streetlight_daily", *LIT)
        monkeypatch.setattr("assets.measure.BATCH_ROWS", rows)
        days = [*LIT[2:7], *ASKED]
        measure(town.lake, town.city, METRIC, days)
        measure(town.lake, town.city, "service_requests_daily", days)
        bodies.append([town.bodies(m) for m in (METRIC, "service_requests_daily")])
    assert bodies[0] == bodies[1]
