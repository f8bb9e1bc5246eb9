"""Health of detectors (Caltrans PeMS) and meters against a slow oracle in plain Python. Other feeds: test_health_oracle."""

import math
from collections import Counter, defaultdict
from datetime import UTC, date, timedelta

import pytest

from . import makers
from .test_health_oracle import city_hour, entropy, in_force, round_half_away, runs, share

DAY = date(2026, 3, 29)


def constant_share(judged, channel, time, value, most):
    """Share of rows in runs of one value, not 0, that are longer than allowed, each channel by itself."""
    long = 0
    for name in {r[channel] for r in judged}:
        values = [value(r) for r in sorted(judged, key=lambda r: r[time]) if r[channel] == name]
        long += sum(n for v, n in runs(values) if v and n > most)
    return long / len(judged) if judged else None


def counted(rows, judged, channel, seconds, observed):
    """n, expected_n, coverage and the usual interval: that of most rows, the shorter where two tie."""
    intervals = Counter(r["interval_s"] for r in rows)
    usual = min(intervals, key=lambda i: (-intervals[i], i))
    parts = len({r[channel] for r in rows})
    cover = min(math.fsum(observed(r) for r in judged) / (seconds * parts), 1)
    told = {"n": len(judged), "expected_n": round_half_away(seconds * parts / usual), "coverage_share": cover}
    return told, usual


def detector(city, rows, sensor):
    judged = [r for r in rows if 5 <= city_hour(city, r["observed_at"]) < 22]

    def value(r):
        return next((r[c] for c in ("occupancy_share", "mean_speed_kmh", "vehicle_count") if r[c] is not None), None)

    def is_zero(r):
        known = [r[c] for c in ("vehicle_count", "occupancy_share") if r[c] is not None]
        return not any(known) if known else None

    def is_high(r):
        lanes = sensor.get("lanes") if r["lane"] == 0 else 1
        flow = None if r["vehicle_count"] is None else r["vehicle_count"] * 3600 / r["interval_s"]
        return (r["occupancy_share"] or 0) > 0.7 or (flow is not None and lanes is not None and flow > 2400 * lanes)

    def observed(r):
        return r["interval_s"] * (1 if r["observed_share"] is None else r["observed_share"])

    both = [r for r in judged if r["vehicle_count"] is not None and r["occupancy_share"] is not None]
    told, usual = counted(rows, judged, "lane", 17 * 3600, observed)
    told |= {
        "zero_share": share([is_zero(r) for r in judged]),
        "high_share": share([is_high(r) for r in judged]),
        "mismatch_share": share([r["vehicle_count"] == 0 and r["occupancy_share"] > 0 for r in both]),
        "constant_share": constant_share(judged, "lane", "observed_at", value, 50),
        "entropy": entropy([v for v in map(value, judged) if v is not None]),
    }
    flow_only = share([r["vehicle_count"] > 0 and r["occupancy_share"] == 0 for r in both])
    return told, [
        ("insufficient", told["coverage_share"] < 0.6),
        ("stuck", (told["zero_share"] or 0) > 0.59),
        ("high_value", (told["high_share"] or 0) > 0.2),
        ("intermittent", (told["mismatch_share"] or 0) > 0.0245),
        ("chatter", (flow_only or 0) > 0.5),
        ("stuck", (told["constant_share"] or 0) > 0),
        ("stuck", usual <= 30 and (told["entropy"] or 0) < 4),
    ]


def risen(rows):
    """Rows of counters as rows of the energy since the state before; of a fall, and of the first, none is known."""
    out, before = [], {}
    for r in sorted(rows, key=lambda r: r["ended_at"]):
        if r["energy_kwh"] is not None or r.get("reading_kwh") is None:
            out.append(r)
            continue
        last = before.get(r["register"])
        before[r["register"]] = r
        since = (r["ended_at"] - last["ended_at"]).total_seconds() if last else None
        rise = r["reading_kwh"] - last["reading_kwh"] if last else None
        out.append(r | {"interval_s": max(since or 1, 1), "energy_kwh": rise if rise is not None and rise >= 0 else None})
    return out


def meter(city, rows, _):
    rows = risen([r for r in rows if r["quality"] != "missing"])
    known = [r for r in rows if r["energy_kwh"] is not None]
    peaks = defaultdict(list)
    for r in known:
        peaks[r["register"]].append(r["energy_kwh"] * 3600 / r["interval_s"])
    third = {k: sorted(v)[-3] if len(v) > 2 else None for k, v in peaks.items()}

    def is_high(r):
        if r["energy_kwh"] is None:
            return False
        load, of = r["energy_kwh"] * 3600 / r["interval_s"], third[r["register"]]
        return of is not None and of > 0 and load - of > 1.8 * of

    told, _ = counted(rows, rows, "register", city.day_seconds(DAY), lambda r: r["interval_s"])
    told |= {
        "zero_share": share([r["energy_kwh"] == 0 for r in known]),
        "high_share": share([is_high(r) for r in rows]),
        "mismatch_share": None,
        "constant_share": constant_share(rows, "register", "ended_at", lambda r: r["energy_kwh"], 47),
        "entropy": entropy([r["energy_kwh"] for r in known]),
    }
    return told, [
        ("insufficient", told["coverage_share"] < 0.6),
        ("stuck", told["constant_share"] > 0),
        ("high_value", told["high_share"] > 0),
    ]


FEEDS = {"traffic_flow": ("sensor_id", "sensors", detector), "meter_readings": ("meter_id", "meters", meter)}


def belongs(row, start, end):
    """Whether a row's interval begins on the day."""
    begins = row["observed_at"] if "observed_at" in row else row["ended_at"] - timedelta(seconds=row["interval_s"])
    return start <= begins < end


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("feed", FEEDS)
def test_health_agrees_with_the_oracle(town, feed, seed):
    device, table, judge = FEEDS[feed]
    start = town.city.day_start(DAY).astimezone(UTC)
    end = start + timedelta(seconds=town.city.day_seconds(DAY))
    rows = [r for make in makers.feeds()[feed] for r in make(town.city, DAY, seed)]
    reference = makers.references(seed)[table]
    town.put(f"refined.{feed}", rows)
    town.put(f"reference.{table}", reference)
    known = in_force(reference, device, start)
    columns = town.frame(f"refined.{feed}", rows).to_dicts()
    by_device = defaultdict(list)
    for row in columns:
        if belongs(row, start, end) and row.get("quality") != "missing":
            by_device[row[device]].append(row)
    got = {r["sensor_id"]: r for r in town.measure("sensor_health_daily", DAY).to_dicts() if r["feed"] == feed}
    assert set(by_device) <= set(got) <= set(by_device) | set(known)
    for name, row in got.items():
        if name not in by_device:
            assert row["verdict"] == "silent"
            continue
        told, tests = judge(town.city, by_device[name], known.get(name, {}))
        for column, value in told.items():
            found = row[column]
            same = (
                found is None if value is None else found is not None and math.isclose(found, value, rel_tol=1e-6, abs_tol=1e-6)
            )
            assert same, f"{name} {column}: {found} is not {value}"
        said = [r["_corrections"] for r in by_device[name] if r["_corrections"]]
        fine = "clock" if any("clock" in s for s in said) else "unit" if any(" x " in s for s in said) else "good"
        verdict = next((v for v, fails in tests if fails), fine) if told["n"] else "silent"
        assert row["verdict"] == verdict, (name, told)
        assert row["corrected_n"] == len(said)
