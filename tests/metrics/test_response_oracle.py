"""Response times and device health against slow oracles in plain Python, on random rows."""

import math
from collections import Counter, defaultdict
from datetime import date
from itertools import groupby

import pytest

from .randoms import calls, readings, traffic
from .test_energy_oracle import close, percentile

DAY = date(2026, 3, 29)
TARGETS = {"call_processing": 60, "turnout": 80, "travel": 240, "total": 380}


@pytest.mark.parametrize("seed", [1, 2])
def test_response_times_agree_with_the_oracle(town, seed):
    rows = calls(town.city, DAY, seed)
    town.put("refined.emergency_calls", rows)
    incidents = defaultdict(list)
    for r in rows:
        incidents[r["incident_id"]].append(r)
    cells = defaultdict(list)
    for units in incidents.values():
        first = min(
            units,
            key=lambda r: (
                r["on_scene_at"] is None,
                r["on_scene_at"] or 0,
                r["dispatched_at"] is None,
                r["dispatched_at"] or 0,
                r["unit_id"],
            ),
        )
        cells[first["district"], first["priority"]].append(first)
    got = town.measure("response_times_daily", DAY).to_dicts()
    assert {(r["district"], r["priority"]): r["n"] for r in got} == {k: len(v) for k, v in cells.items()}
    ends = {"call_processing": ("received_at", "dispatched_at"), "turnout": ("dispatched_at", "en_route_at")}
    ends |= {"travel": ("en_route_at", "on_scene_at"), "total": ("received_at", "on_scene_at")}
    for row in got:
        firsts = cells[row["district"], row["priority"]]
        close(row["coverage_share"], sum(f["on_scene_at"] is not None for f in firsts) / len(firsts), row)
        for phase, (a, b) in ends.items():
            took = [(f[b] - f[a]).total_seconds() for f in firsts if f[a] and f[b] and f[b] >= f[a]]
            assert row[f"{phase}_n"] == len(took)
            assert row[f"{phase}_within_n"] == sum(s <= TARGETS[phase] for s in took)
            close(row[f"{phase}_p50_s"], percentile(took, 0.5) if took else None, phase)
            close(row[f"{phase}_p90_s"], percentile(took, 0.9) if took else None, phase)


def longest_runs(values, limit):
    """Rows in runs of one non-zero value that are longer than the limit."""
    return sum(n for v, n in ((v, sum(1 for _ in g)) for v, g in groupby(values)) if v and n > limit)


@pytest.mark.parametrize("seed", [1, 2])
def test_device_statistics_agree_with_the_oracle(town, seed):
    flows, meters = traffic(town.city, DAY, seed), readings(town.city, DAY, seed)
    stuck_from = 20
    for i, r in enumerate(r for r in flows if r["sensor_id"] == "d0"):
        if stuck_from <= i < stuck_from + 120:
            r["occupancy_share"] = 0.25
    town.put("refined.traffic_flow", flows)
    town.put("refined.meter_readings", meters)
    got = {(r["feed"], r["sensor_id"]): r for r in town.measure("sensor_health_daily", DAY).to_dicts()}
    frame = town.frame("refined.traffic_flow", flows).to_dicts()
    by_device = defaultdict(list)
    for r in sorted(frame, key=lambda r: (r["lane"], r["observed_at"])):
        if 5 <= r["local_time"].hour < 22:
            by_device[r["sensor_id"]].append(r)
    assert {s for f, s in got if f == "traffic_flow"} == set(by_device)
    for sensor, rows in by_device.items():
        row, n = got["traffic_flow", sensor], len(rows)
        value = lambda r: next(r[c] for c in ("occupancy_share", "mean_speed_kmh", "vehicle_count") if r[c] is not None)  # noqa: E731
        known = [r for r in rows if r["vehicle_count"] is not None or r["occupancy_share"] is not None]
        pairs = [r for r in rows if r["vehicle_count"] is not None and r["occupancy_share"] is not None]
        runs = sum(longest_runs([value(r) for r in g], 50) for _, g in groupby(rows, key=lambda r: r["lane"]))
        seconds = math.fsum(r["interval_s"] * (1 if r["observed_share"] is None else r["observed_share"]) for r in rows)
        lanes = len({r["lane"] for r in frame if r["sensor_id"] == sensor})
        assert row["n"] == n
        close(row["coverage_share"], min(seconds / (61200 * lanes), 1), sensor)
        close(row["constant_share"], runs / n, sensor)
        close(row["zero_share"], sum(not r["vehicle_count"] and not r["occupancy_share"] for r in known) / len(known), sensor)
        empty = sum(r["vehicle_count"] == 0 and r["occupancy_share"] > 0 for r in pairs)
        close(row["mismatch_share"], empty / len(pairs) if pairs else None, sensor)
        shares = [c / n for c in Counter(map(value, rows)).values()]
        close(row["entropy"], -math.fsum(p * math.log2(p) for p in shares), sensor)
    assert got["traffic_flow", "d0"]["constant_share"] > 0
    kept = Counter(r["meter_id"] for r in meters if r["quality"] != "missing")
    assert {s: r["n"] for (f, s), r in got.items() if f == "meter_readings"} == {
        m: sum(1 for r in meters if r["meter_id"] == m and r["quality"] != "missing") for m in kept
    }
