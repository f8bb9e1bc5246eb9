"""Crowds, alerts and what followed them against a slow oracle in plain Python, on random rows. By hand: tests/golden."""

import math
from collections import defaultdict
from datetime import UTC, date, timedelta

import pytest

from .randoms_cameras import KINDS, calls_follow, cameras_say, described

DAYS = [date(2026, 3, 29), date(2026, 10, 25)]
"""Berlin's days of 23 and 25 hours."""
FEET = {"walking": (35, 25, 15, 10, 5), "standing": (13, 10, 7, 3, 2)}
"""Fruin's least areas a person, in square feet of 0.09290304 m2."""
TTL, QUARTER = timedelta(seconds=600), timedelta(minutes=15)


def fill(town, day, seed):
    around = [day + timedelta(days=k) for k in (-1, 0, 1)]
    events = [r for d in around for r in cameras_say(town.city, d, seed)]
    calls = [r for d in around for r in calls_follow(town.city, d, seed)]
    town.put("reference.cameras", described(seed))
    town.put("refined.camera_events", events, 2, seed)
    town.put("refined.emergency_calls", calls, 2, seed)
    return events, calls


def in_force(seed, camera, at):
    """The reference row that holds at an instant; before the first, the first."""
    rows = sorted((r for r in described(seed) if r["camera_id"] == camera), key=lambda r: r["valid_from"])
    began = [r for r in rows if r["valid_from"] <= at]
    return began[-1] if began else rows[0] if rows else {}


def check(row, **wanted):
    for name, value in wanted.items():
        found = row[name]
        same = (
            math.isclose(found, value, rel_tol=1e-8, abs_tol=1e-8)
            if isinstance(value, float) and found is not None
            else found == value
        )
        assert same, f"{name}: {found} is not {value} in {row}"


def health(town, day):
    """health_share by camera; the oracle of it is in test_health_oracle."""
    return {
        r["sensor_id"]: r["health_share"]
        for r in town.read("sensor_health_daily", day).to_dicts()
        if r["feed"] == "camera_events"
    }


def level(people, area, crowd):
    for letter, feet in zip("ABCDE", FEET[crowd], strict=True):
        if people == 0 or area / people >= feet * 0.09290304 - 1e-6:
            return letter
    return "F"


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("seed", [1, 2])
def test_crowds_agree_with_the_oracle(town, day, seed):
    events, _ = fill(town, day, seed)
    start, end = (town.city.day_start(d).astimezone(UTC) for d in (day, day + timedelta(days=1)))
    got = {(r["camera_id"], r["bin_at"]): r for r in town.measure("crowd_density", day).to_dicts()}
    good = health(town, day)
    bins, seen = [start + k * QUARTER for k in range(town.city.day_seconds(day) // 900)], set()
    for camera in (f"k{i}" for i in range(7)):
        ref, states, n = in_force(seed, camera, start), {}, defaultdict(int)
        counts = [e for e in events if e["camera_id"] == camera and e["kind"] == "crowd_count"]
        for e in sorted(counts, key=lambda e: e["event_id"]):
            if start - timedelta(days=1, hours=2) <= e["captured_at"] < end:
                states[e["captured_at"]] = e
        for e in counts:
            n[e["captured_at"]] += 1
        times = sorted(states)
        until = [min(a + TTL, b) for a, b in zip(times, [*times[1:], end], strict=False)]
        spells = [(a, b, states[a]) for a, b in zip(times, until, strict=True) if b > start]
        if not spells:
            continue
        crowd = ref.get("crowd", "walking")
        for begin in bins:
            held = [(min(b, begin + QUARTER) - max(a, begin), e) for a, b, e in spells if a < begin + QUARTER and b > begin]
            held = [(t.total_seconds(), e["people_count"], e["area_m2"] or ref.get("area_m2"), e["confidence"]) for t, e in held]
            rated, known = [h for h in held if h[2]], math.fsum(h[0] for h in held)
            row = got.pop((camera, begin))
            sure = math.fsum(h[0] for h in held if h[3] is None or h[3] >= 0.5)
            check(
                row, n=sum(c for at, c in n.items() if begin <= at < begin + QUARTER), coverage_share=known / 900, counted_s=known
            )
            check(row, sure_s=sure, health_share=good[camera], crowd=crowd, district=ref.get("district", "unknown"))
            check(row, person_s=math.fsum(h[0] * h[1] for h in held) if held else None)
            check(row, area_m2_s=math.fsum(h[0] * h[2] for h in rated) if rated else None)
            check(row, people_max=max((h[1] for h in held), default=None))
            check(row, density_max_per_m2=max((h[1] / h[2] for h in rated), default=None))
            for letter in "ABCDEF":
                mine = math.fsum(h[0] for h in rated if level(h[1], h[2], crowd) == letter)
                check(row, **{f"level_{letter.lower()}_s": mine})
            carried = known / 900 >= 0.75 - 1e-12
            people, area = (math.fsum(h[0] * h[k] for h in rated) for k in (1, 2))
            check(row, density_per_m2=people / area if carried and rated else None)
            check(row, level_of_service=level(people, area, crowd) if carried and rated else None)
            reason = "no_data" if not known else "low_coverage" if not carried else None if rated else "no_area"
            check(row, null_reason=reason)
            seen |= {reason, row["level_of_service"]}
    assert not got
    assert seen >= {None, "no_data", "low_coverage", "no_area", "A", "F"}


def metres(a, b):
    lat1, lon1, lat2, lon2 = map(math.radians, (a["lat"], a["lon"], b["lat"], b["lon"]))
    # by the chord, not the haversine
    x, y, z = (
        math.cos(lat1) * math.cos(lon1) - math.cos(lat2) * math.cos(lon2),
        math.cos(lat1) * math.sin(lon1) - math.cos(lat2) * math.sin(lon2),
        math.sin(lat1) - math.sin(lat2),
    )
    return 2 * 6371008.8 * math.asin(math.sqrt(x * x + y * y + z * z) / 2)


def incidents_of(calls):
    """Each incident with its earliest receipt, its first unit and a place of any of its rows."""
    by = defaultdict(list)
    for row in calls:
        by[row["incident_id"]].append(row)
    far = max(r["received_at"] for r in calls) + timedelta(days=1)
    for name, rows in by.items():
        first = min(rows, key=lambda r: (r["on_scene_at"] or far, r["dispatched_at"] or far, r["unit_id"]))
        place = next((r for r in rows if r.get("lat") is not None), None)
        at = min(r["received_at"] for r in rows)
        yield {"id": name, "at": at, "place": place, "sent": first["dispatched_at"], "there": first["on_scene_at"]}


def followed(seed, events, calls):
    """Alert -> the call that followed it: each call is given to the last alert before it, each alert takes its first."""
    alerts = [e | {"ref": in_force(seed, e["camera_id"], e["captured_at"])} for e in events if e["kind"] != "crowd_count"]
    given = defaultdict(list)
    for call in incidents_of(calls):
        near = []
        for a in alerts:
            late = (call["at"] - a["captured_at"]).total_seconds()
            if call["place"] and a["ref"].get("lat") is not None and 0 <= late <= 900:
                far = metres(a["ref"], call["place"])
                if far <= 250:
                    near.append((late, far, a["camera_id"], a["event_id"]))
        if near:
            late, far, camera, event = min(near)
            given[camera, event].append((call["at"], far, call["id"], call))
    return alerts, {k: min(v, key=lambda c: c[:3])[3] | {"far": min(v, key=lambda c: c[:3])[1]} for k, v in given.items()}


def after(a, b):
    return (b - a).total_seconds() if a and b and b >= a else None


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_followed_alerts_agrees_with_the_oracle(town, day, seed):
    alerts, calls = followed(seed, *fill(town, day, seed))
    start, end = (town.city.day_start(d).astimezone(UTC) for d in (day, day + timedelta(days=1)))
    got = {(r["camera_id"], r["event_id"]): r for r in town.measure("alert_to_scene", day).to_dicts()}
    mine = [a for a in alerts if start <= a["captured_at"] < end]
    assert len(got) == len(mine)
    reasons, good = set(), health(town, day)
    for a in mine:
        row, c = got[a["camera_id"], a["event_id"]], calls.get((a["camera_id"], a["event_id"]), {})
        at, sent, there = c.get("at"), c.get("sent"), c.get("there")
        check(row, kind=a["kind"], district=a["ref"].get("district", "unknown"), incident_id=c.get("id"), call_at=at)
        check(row, distance_m=c.get("far"), dispatched_at=sent, on_scene_at=there)
        check(row, capture_to_received_s=after(a["captured_at"], a["received_at"]), capture_to_call_s=after(a["captured_at"], at))
        check(row, call_to_dispatched_s=after(at, sent), dispatched_to_scene_s=after(sent, there))
        check(
            row,
            capture_to_scene_s=after(a["captured_at"], there),
            coverage_share=sum(x is not None for x in (at, sent, there)) / 3,
        )
        known = [x for x in (at, sent, there) if x]
        check(row, is_in_order=known == sorted(known), health_share=good[a["camera_id"]])
        has_place = a["ref"].get("lat") is not None
        reason = (
            None if sent and there else "no_arrival" if sent else "no_dispatch" if c else "no_call" if has_place else "no_place"
        )
        check(row, null_reason=reason)
        reasons.add(reason)
    assert reasons == {None, "no_arrival", "no_dispatch", "no_call", "no_place"}
    assert len({r["incident_id"] for r in got.values()} - {None}) == sum(r["incident_id"] is not None for r in got.values())


def quantile(values, q):
    if not values:
        return None
    place = q * (len(values) - 1)
    low = sorted(values)[math.floor(place)]
    return low + (sorted(values)[math.ceil(place)] - low) * (place % 1)


@pytest.mark.parametrize("day", DAYS)
def test_alerts_of_a_day_agree_with_the_oracle(town, day, seed=3):
    events, rows = fill(town, day, seed)
    alerts, calls = followed(seed, events, rows)
    start, end = (town.city.day_start(d).astimezone(UTC) for d in (day, day + timedelta(days=1)))
    got = {(r["kind"], r["district"]): r for r in town.measure("camera_alerts", day).to_dicts()}
    good = health(town, day)
    of_day = [e for e in events if start <= e["captured_at"] < end]
    districts = {in_force(seed, e["camera_id"], e["captured_at"]).get("district", "unknown") for e in of_day}
    assert set(got) == {(k, d) for k in KINDS for d in districts}
    for (kind, district), row in got.items():
        mine = [a for a in alerts if start <= a["captured_at"] < end and a["kind"] == kind]
        mine = [a for a in mine if a["ref"].get("district", "unknown") == district]
        sure = [a["confidence"] for a in mine if a["confidence"] is not None]
        received = [s for a in mine if (s := after(a["captured_at"], a["received_at"])) is not None]
        taken = [(a, calls.get((a["camera_id"], a["event_id"]))) for a in mine]
        sent = [s for a, c in taken if c and (s := after(a["received_at"], c["sent"])) is not None]
        check(row, n=len(mine), coverage_share=len(received) / len(mine) if mine else 0.0, confidence_n=len(sure))
        check(row, sure_n=sum(a["confidence"] is None or a["confidence"] >= 0.5 for a in mine))
        check(row, health_share=math.fsum(good[a["camera_id"]] for a in mine) / len(mine) if mine else None)
        check(row, mean_confidence=math.fsum(sure) / len(sure) if sure else None, call_n=sum(c is not None for _, c in taken))
        for name, values in (("capture_to_received", received), ("received_to_dispatched", sent)):
            check(row, **{f"{name}_n": len(values), f"{name}_sum_s": math.fsum(values) if values else None})
            check(row, **{f"{name}_p{p}_s": quantile(values, p / 100) for p in (50, 95)})
        reason = "no_data" if not mine else "no_receipt" if not received else None
        reason = reason or ("no_call" if not any(c for _, c in taken) else None if sent else "no_dispatch")
        check(row, null_reason=reason)
