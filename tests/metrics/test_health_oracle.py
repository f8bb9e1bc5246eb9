"""Health of every feed's devices against a slow oracle in plain Python, on random rows. Cases by hand are in tests/golden."""

import math
from collections import Counter, defaultdict
from datetime import UTC, date, timedelta

import pytest

from . import makers

DAY = date(2026, 3, 29)
"""The day on which Berlin's clocks go forward."""
WINDOW, PARKING = (5, 22), (8, 18)


def runs(values):
    """Value and length of each run of a list."""
    out = []
    for value in values:
        if out and out[-1][0] == value:
            out[-1][1] += 1
        else:
            out.append([value, 1])
    return out


def entropy(values):
    n = len(values)
    return math.fsum(c * math.log2(n / c) for c in Counter(values).values()) / n if n else None


def share(flags):
    """Share of true ones of those that are known."""
    known = [f for f in flags if f is not None]
    return sum(known) / len(known) if known else None


def in_force(rows, key, start):
    """The reference row of each thing when the day starts; before the first, the first."""
    out = {}
    for row in sorted(rows, key=lambda r: r["valid_from"]):
        if row[key] not in out or row["valid_from"] <= start:
            out[row[key]] = row
    return out


def states(city, rows, window, time, ttl_s, value, is_zero, is_high, constant, break_s=None):
    """n, coverage, shares and entropy of one device that says states: each holds until the next, at most `ttl_s`."""
    end = city.day_start(DAY).astimezone(UTC) + timedelta(seconds=city.day_seconds(DAY))
    rows = sorted(rows, key=lambda r: r[time])
    fits = [window is None or window[0] <= city_hour(city, r[time]) < window[1] for r in rows]
    later = [r[time] for r in rows[1:]] + [None if break_s else end]
    gaps = [None if b is None else (b - a[time]).total_seconds() for a, b in zip(rows, later, strict=True)]
    positive = sorted(g for g, f in zip(gaps, fits, strict=True) if f and g)
    # the value at the lower of two middles, as quantile_disc takes it
    usual = positive[math.ceil(0.5 * len(positive)) - 1] if positive else ttl_s
    usual = max(min(round_half_away(usual), 86400), 1)
    if break_s:
        gaps = [g if g is not None and g <= break_s else min(usual, ttl_s) for g in gaps]
    judged = [r for r, f in zip(rows, fits, strict=True) if f]
    expected_s = sum(gaps) if break_s else (window[1] - window[0]) * 3600
    observed = math.fsum(min(g, ttl_s) for g, f in zip(gaps, fits, strict=True) if f)
    values = [value(r) for r in judged]
    long = [n for v, n in runs(values) if v and constant(n, usual)]
    return {
        "n": len(judged),
        "expected_n": round_half_away(expected_s / usual),
        "coverage_share": min(observed / expected_s, 1),
        "zero_share": share([is_zero(r) for r in judged]),
        "high_share": share([is_high(r) for r in judged]),
        "constant_share": sum(long) / len(judged) if judged else None,
        "entropy": entropy([v for v in values if v is not None]),
    }


def round_half_away(x):
    return math.floor(x + 0.5)


def city_hour(city, at):
    from zoneinfo import ZoneInfo

    return at.astimezone(ZoneInfo(city.zone)).hour


def verdict(told, tests):
    if told["n"] == 0:
        return "silent"
    return next((name for name, fails in tests if fails(told)), "good")


def parking(city, rows, known):
    car_park = known.get(rows[0]["facility_id"], {})

    def capacity(r):
        return r["capacity"] if r["capacity"] is not None else car_park.get("capacity")

    told = states(
        city, rows, PARKING, "observed_at", car_park.get("report_ttl_s") or 3600,
        lambda r: None if r["out_of_service"] or capacity(r) in (0, 1) else r["occupied"],
        lambda r: None if r["occupied"] is None else r["occupied"] == 0,
        lambda r: r["occupied"] is not None and capacity(r) is not None and r["occupied"] > capacity(r),
        lambda n, usual: n * usual >= 28800,
    )  # fmt: skip
    return told, (
        ("insufficient", lambda t: t["coverage_share"] < 0.6),
        ("high_value", lambda t: t["high_share"] > 0.2),
        ("stuck", lambda t: t["constant_share"] > 0),
    )


def bikes(city, rows, known):
    told = states(
        city, rows, WINDOW, "reported_at", known.get(rows[0]["station_id"], {}).get("report_ttl_s") or 3600,
        lambda r: None if r.get("is_renting") is False and r.get("is_returning") is False
        else (r["vehicles_available"] or 0) * 100000 + (r["docks_available"] or 0),
        lambda r: None if r["vehicles_available"] is None else r["vehicles_available"] == 0,
        lambda r: False,
        lambda n, usual: n * usual >= 57600,
    )  # fmt: skip
    return told, (("insufficient", lambda t: t["coverage_share"] < 0.6), ("stuck", lambda t: t["constant_share"] > 0))


def travel_times(city, rows, known):
    def is_high(r):
        length = r.get("length_m") if r.get("length_m") is not None else known.get(r["route_id"], {}).get("length_m")
        return length is not None and length * 3.6 / r["travel_time_s"] > 160

    told = states(
        city, rows, WINDOW, "observed_at", 3600, lambda r: r["travel_time_s"], lambda r: None, is_high,
        lambda n, usual: n > 50 and n * usual >= 14400,
    )  # fmt: skip
    return told, (
        ("insufficient", lambda t: t["coverage_share"] < 0.6),
        ("high_value", lambda t: t["high_share"] > 0.2),
        ("stuck", lambda t: t["constant_share"] > 0),
    )


def vehicles(city, rows, known):
    def place(r):
        if r.get("trip_id") is None or r.get("lat") is None or r.get("lon") is None:
            return None
        return (round_half_away(r["lat"] * 100000), round_half_away(r["lon"] * 100000))

    told = states(
        city, rows, None, "observed_at", 90, place, lambda r: None,
        lambda r: r.get("speed_kmh") is not None and r["speed_kmh"] > 93.6,
        lambda n, usual: n * usual >= 1800, break_s=1800,
    )  # fmt: skip
    return told, (
        ("insufficient", lambda t: t["coverage_share"] < 0.6),
        ("high_value", lambda t: t["high_share"] > 0.2),
        ("stuck", lambda t: t["constant_share"] > 0.5),
    )


def signals(city, rows, known):
    start = city.day_start(DAY).astimezone(UTC)
    quarters = sorted({(r["occurred_at"] - start) // timedelta(minutes=15) for r in rows})
    spoken = [q for q in quarters if WINDOW[0] <= city_hour(city, start + q * timedelta(minutes=15)) < WINDOW[1]]
    of = defaultdict(list)
    for r in rows:
        if r["code"] in (81, 82):
            of[r["parameter"]].append((r["occurred_at"], r["code"]))
    zero, high, stuck, cells = [], [], 0, 0
    for events in of.values():
        events.sort(key=lambda e: (e[0], -e[1]))
        values, is_on = [], events[0][1] == 81
        for q in quarters:
            inside = [c for at, c in events if (at - start) // timedelta(minutes=15) == q]
            if inside:
                is_on = inside[-1] == 82
            if q in spoken:
                values.append(sum(c == 82 for c in inside) if inside else -2 if is_on else -1)
                zero.append(not inside)
                high.append(inside.count(82) > 900)
        stuck += sum(n for v, n in runs(values) if v in (-1, -2) and n * 900 >= (3600 if v == -2 else 14400))
        cells += len(values)
    told = {
        "n": cells or len(spoken),
        "expected_n": 68 * max(len(of), 1),
        "coverage_share": min(len(spoken) / 68, 1),
        "zero_share": share(zero),
        "high_share": share(high) if of else 0.0 if spoken else None,
        "constant_share": stuck / cells if cells else 0.0 if spoken else None,
    }
    return told, (
        ("insufficient", lambda t: t["coverage_share"] < 0.6),
        ("stuck", lambda t: t["constant_share"] > 0.1),
        ("chatter", lambda t: t["high_share"] > 0.01),
    )


FEEDS = {
    "parking_occupancy": ("facility_id", "car_parks", parking),
    "bike_stations": ("station_id", "stations", bikes),
    "travel_time": ("route_id", "routes", travel_times),
    "transit_vehicles": ("vehicle_id", None, vehicles),
    "signal_events": ("controller_id", None, signals),
}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("feed", FEEDS)
def test_health_agrees_with_the_oracle(town, feed, seed):
    device, table, judge = FEEDS[feed]
    start = town.city.day_start(DAY).astimezone(UTC)
    rows = [r for make in makers.feeds().get(feed, ()) for r in make(town.city, DAY, seed)]
    assert rows
    reference = makers.references(seed).get(table, []) if table else []
    town.put(f"refined.{feed}", rows)
    if reference:
        town.put(f"reference.{table}", reference)
    known = in_force(reference, device, start)
    got = {r["sensor_id"]: r for r in town.measure("sensor_health_daily", DAY).to_dicts()}
    by_device = defaultdict(list)
    # trip updates tell of a vehicle what the operator's computer thinks; health is of what it says itself
    for row in (r for r in rows if r.get("said_by", "vehicle") == "vehicle"):
        by_device[row[device]].append(row)
    end = start + timedelta(seconds=town.city.day_seconds(DAY))
    installed = {d for d, r in known.items() if min(x["valid_from"] for x in reference if x[device] == d) < end}
    assert set(got) == set(by_device) | installed
    seen = set()
    for name, row in got.items():
        if name not in by_device:
            assert (row["verdict"], row["n"], row["null_reason"]) == ("silent", 0, "no_data")
            continue
        own = [r for r in by_device[name] if start <= r[time_of(feed)] < end]
        if not own:
            continue
        told, tests = judge(town.city, own, known)
        for column, value in told.items():
            found = row[column]
            same = (
                found is None if value is None else found is not None and math.isclose(found, value, rel_tol=1e-6, abs_tol=1e-6)
            )
            assert same, f"{feed} {name} {column}: {found} is not {value}"
        assert row["verdict"] == verdict(told, tests), (feed, name, told)
        assert row["district"] == known.get(name, {}).get("district", "unknown")
        assert row["health_share"] == (row["verdict"] == "good")
        seen.add(row["verdict"])
    assert seen


def time_of(feed):
    from schemas.registry import feed as contract

    return contract(feed).event_time
