"""Metrics of transit against a slow oracle in plain Python, on random rows. Cases worked by hand are in tests/golden."""

import math
from collections import defaultdict
from datetime import UTC, date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from .randoms_transit import schedule, services, vehicles

DAY = date(2026, 3, 29)
DAYS = [DAY - timedelta(days=1), DAY]
GAP, HEADWAY = timedelta(seconds=120), timedelta(seconds=7200)


def in_force(rows):
    """Per publisher and service day, the latest edition that holds when it starts."""
    held = defaultdict(set)
    for r in rows:
        held[r["publisher"], r["service_date"]].add(r["valid_from"])
    best = {}
    for (publisher, day), editions in held.items():
        start = next(r["starts_at"] for r in rows if r["service_date"] == day)
        best[publisher, day] = max((e for e in editions if e <= start), default=min(editions))
    return [r for r in rows if r["valid_from"] == best[r["publisher"], r["service_date"]]]


def timetable(seed, day, ends):
    """(service day, trip, number) -> the planned stop, of the service days around a day."""
    stops = defaultdict(list)
    for r in schedule(seed):
        stops[r["publisher"], r["valid_from"], r["service_id"], r["trip_id"]].append(r)
    out = {}
    for run in in_force(services(seed)):
        if abs((run["service_date"] - day).days) > 1:
            continue
        for (publisher, edition, service, trip), served in stops.items():
            if (publisher, edition, service) != (run["publisher"], run["valid_from"], run["service_id"]):
                continue
            last = max(r["stop_sequence"] for r in served)
            times = [r["arrival_s"] if r["departure_s"] is None else r["departure_s"] for r in served]
            if run["starts_at"] + timedelta(seconds=min(t for t in times if t is not None)) >= ends + timedelta(hours=1):
                continue
            for r in served:
                order = ("arrival_s", "departure_s") if r["stop_sequence"] == last else ("departure_s", "arrival_s")
                due = next((r[c] for c in order if r[c] is not None), None)
                direction = "unknown" if r["direction_id"] is None else str(r["direction_id"])
                out[run["service_date"], trip, r["stop_sequence"]] = {
                    "stop": r["stop_id"], "route": r["route_id"], "direction": direction, "last": r["stop_sequence"] == last,
                    "timepoint": due is not None and r.get("is_timepoint") is not False,
                    "due": None if due is None else run["starts_at"] + timedelta(seconds=due),
                }  # fmt: skip
    return out


def visits_of(seed, day, city, rows):
    """Every stop of every trip around a day, with when it was left and how late."""
    ends = city.day_start(day + timedelta(days=1)).astimezone(UTC)
    stops = timetable(seed, day, ends)
    trips = defaultdict(list)
    for (service_day, trip, _), s in stops.items():
        trips[trip, service_day] += [s["due"]] if s["due"] else []
    told = defaultdict(list)
    for r in rows:
        if r["trip_id"] is None or (r["stop_id"] is None and r["stop_sequence"] is None):
            continue
        service_day, at, trip = r["service_date"], r["observed_at"], r["trip_id"]
        if service_day is None:
            near = [(max(min(d) - at, at - max(d), timedelta()), s) for (t, s), d in trips.items() if t == trip]
            service_day = min(near)[1] if near else at.astimezone(ZoneInfo(city.zone)).date()
        number = r["stop_sequence"]
        if number is None:
            named = [n for (s, t, n), v in stops.items() if (s, t, v["stop"]) == (service_day, trip, r["stop_id"])]
            number = named[0] if len(named) == 1 else None
        if number is not None:
            told[service_day, trip].append(r | {"number": number})
    for (service_day, trip), said in told.items():
        if (trip, service_day) not in trips:
            for r in said:
                names = [q["stop_id"] for q in said if q["number"] == r["number"] and q["stop_id"]]
                routes = [q["route_id"] for q in said if q["number"] == r["number"] and q["route_id"]]
                stops[service_day, trip, r["number"]] = {
                    "stop": min(names, default=None), "route": min(routes, default="unknown"), "direction": "unknown",
                    "last": False, "timepoint": True, "due": None,
                }  # fmt: skip
    out = []
    for (service_day, trip, number), stop in stops.items():
        said = told[service_day, trip]
        left = []
        for vehicle in {r["vehicle_id"] for r in said}:
            own = [r for r in said if r["vehicle_id"] == vehicle and r["said_by"] == "vehicle"]
            for a, b in pairwise(sorted(own, key=lambda r: r["observed_at"])):
                passed = a["number"] <= number < b["number"]
                came = stop["last"] and a["number"] <= number == b["number"] and b["stop_status"] == "stopped_at"
                if (passed or came) and b["observed_at"] - a["observed_at"] <= GAP:
                    left.append(a["observed_at"] + (b["observed_at"] - a["observed_at"]) / 2)
        delays = [(r["observed_at"], r["delay_s"]) for r in said if r["number"] == number and r["delay_s"] is not None]
        delay = timedelta(seconds=max(delays)[1]) if delays else None
        at, due = min(left, default=None), stop["due"]
        deviation = delay if delay is not None else at - due if at and due else None
        if at is None and delay is not None:
            at = due + delay if due else max(delays)[0]
        visit = stop | {"id": (service_day, trip, number), "at": at, "deviation": deviation, "reported": bool(delays)}
        start = city.day_start(day).astimezone(UTC)
        when = at or due
        if when is not None:
            planned = max(min(due or at, ends - timedelta(microseconds=1)), start)
            visit |= {"today": start <= when < ends, "hour": (planned - start) // timedelta(hours=1)}
            out.append(visit)
    return out


@pytest.fixture(params=[1, 2])
def measured(town, request):
    seed = request.param
    town.put("reference.transit_services", services(seed))
    town.put("reference.transit_schedule", schedule(seed))
    rows = [r for d in DAYS for r in vehicles(town.city, d, seed)]
    town.put("refined.transit_vehicles", rows, files=3, seed=5)
    start = town.city.day_start(DAY).astimezone(UTC)
    return town, visits_of(seed, DAY, town.city, rows), start


def same(found, value, where):
    right = found is None if value is None else found is not None and math.isclose(found, value, rel_tol=1e-9, abs_tol=1e-6)
    assert right, f"{where}: {found} is not {value}"


def test_on_time_agrees_with_the_oracle(measured):
    town, visits, start = measured
    bins = defaultdict(list)
    for v in visits:
        if v["today"] and v["timepoint"]:
            bins[v["route"], v["direction"], v["hour"]].append(v)
    got = {
        (r["route_id"], r["direction"], (r["bin_at"] - start) // timedelta(hours=1)): r
        for r in town.measure("transit_on_time", DAY).to_dicts()
    }
    assert set(got) == set(bins)
    reasons = set()
    for key, of in bins.items():
        row, known = got[key], [v for v in of if v["deviation"] is not None]
        early = sum(v["deviation"] < timedelta(seconds=-60) and not v["last"] for v in known)
        late = sum(v["deviation"] > timedelta(seconds=300) for v in known)
        cover, late_s = len(known) / len(of), sum((v["deviation"] for v in known), timedelta()).total_seconds()
        reason = "low_coverage" if cover < 0.75 else None
        if not known:
            reason = "no_data" if any(v["due"] for v in of) else "no_schedule"
        reasons.add(reason)
        assert (row["n"], row["expected_n"], row["null_reason"]) == (len(known), len(of), reason), key
        assert row["reported_n"] == sum(v["reported"] for v in known), key
        same(row["coverage_share"], cover, key)
        same(row["delay_sum_s"], late_s if known else None, key)
        counts = (early, late, len(known) - early - late) if known else (None,) * 3
        assert (row["early_n"], row["late_n"], row["on_time_n"]) == counts, key
        same(row["on_time_share"], None if reason else counts[2] / len(known), key)
        same(row["delay_mean_s"], None if reason else late_s / len(known), key)
    assert reasons >= {None, "low_coverage", "no_data"}


def gaps(visits, time):
    """Seconds since the visit before at the same place, of every visit."""
    out, places = {}, defaultdict(list)
    for v in visits:
        if v[time] is not None:
            places[v["route"], v["direction"], v["stop"]].append(v)
    for of in places.values():
        for a, b in pairwise(sorted(of, key=lambda v: (v[time], v["id"]))):
            if b[time] - a[time] <= HEADWAY:
                out[b["id"]] = (b[time] - a[time]).total_seconds()
    return out


def test_headways_agree_with_the_oracle(measured):
    town, visits, start = measured
    visits = [v for v in visits if not v["last"] and v["stop"] is not None]
    actual, planned = gaps(visits, "at"), gaps(visits, "due")
    bins = defaultdict(list)
    for v in visits:
        if v["today"]:
            bins[v["route"], v["direction"], v["stop"], v["hour"]].append(v)
    got = {
        (r["route_id"], r["direction"], r["stop_id"], (r["bin_at"] - start) // timedelta(hours=1)): r
        for r in town.measure("transit_headways", DAY).to_dicts()
    }
    assert set(got) == set(bins)
    full = 0
    for key, of in bins.items():
        row, seen = got[key], [v for v in of if v["at"] is not None]
        h, hs = ([x[v["id"]] for v in of if v["id"] in x] for x in (actual, planned))
        both = [(actual[v["id"]], planned[v["id"]]) for v in of if v["id"] in actual and v["id"] in planned]
        off = [a - b for a, b in both]
        carried = bool(seen) and len(seen) / len(of) >= 0.75
        wait = sum(x * x for x in h) / (2 * sum(h)) if carried and sum(h) else None
        due = sum(x * x for x in hs) / (2 * sum(hs)) if sum(hs) else None
        reason = None
        if not seen:
            reason = "no_data"
        elif not carried:
            reason = "low_coverage"
        elif not any(v["due"] for v in of):
            reason = "no_schedule"
        elif not sum(h) or not sum(hs) or len(off) < 2:
            reason = "too_few"
        assert (row["n"], row["visits_n"], row["expected_n"]) == (len(h), len(seen), len(of)), key
        assert (row["scheduled_n"], row["deviation_n"], row["null_reason"]) == (len(hs), len(off), reason), key
        same(row["headway_sum_s"], sum(h) if h else None, key)
        same(row["headway_square_sum_s2"], sum(x * x for x in h) if h else None, key)
        same(row["deviation_sum_s"], sum(off) if off else None, key)
        same(row["wait_s"], wait, key)
        same(row["scheduled_wait_s"], due, key)
        same(row["excess_wait_s"], wait - due if wait is not None and due is not None else None, key)
        assert row["bunched_n"] == (sum(a < b / 2 for a, b in both) if both else None), key
        if carried and len(off) >= 2 and sum(hs):
            mean = sum(off) / len(off)
            spread = math.sqrt(sum((x - mean) ** 2 for x in off) / len(off))
            same(row["headway_cv"], spread / (sum(hs) / len(hs)), key)
            full += 1
        else:
            assert row["headway_cv"] is None, key
    assert full


def test_a_day_is_measured_alike_alone_and_with_its_neighbours(make_town):
    tables = {}
    for name, days in (("alone", [DAY]), ("together", DAYS)):
        town = make_town(name)
        town.put("reference.transit_services", services(3))
        town.put("reference.transit_schedule", schedule(3))
        town.put("refined.transit_vehicles", [r for d in DAYS for r in vehicles(town.city, d, 3)])
        tables[name] = [town.measure(m, *days).filter(event_date=DAY) for m in ("transit_on_time", "transit_headways")]
    assert all(a.drop("health_share").equals(b.drop("health_share")) for a, b in zip(*tables.values(), strict=True))
