"""Incidents against California algorithm 7 as a machine of states, minute by minute, on random freeways."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from .randoms_roads import FREEWAY, detectors, freeway
from .test_energy_oracle import close

DAY = date(2026, 3, 29)


def occupancies(rows):
    """Occupancy of each complete minute by detector, the rows and the seconds behind it."""
    by_minute = defaultdict(list)
    for r in rows:
        by_minute[r["sensor_id"], int(r["observed_at"].timestamp()) // 60].append(r)
    lanes = {
        s: max(len({r["lane"] for r in of if r["lane"]} or {0}) for (q, _), of in by_minute.items() if q == s) for s in FREEWAY
    }
    out = {}
    for (sensor, minute), of in by_minute.items():
        counted = [r for r in of if r["lane"]] or of
        seconds = sum(r["interval_s"] for r in counted)
        if seconds >= 0.75 * 60 * lanes[sensor]:
            share = sum(r["occupancy_share"] * r["interval_s"] for r in counted) / seconds
            out[sensor, minute] = (share, len(of), seconds, 60 * lanes[sensor])
    return out


def machine(known, up, down, limits):
    """Runs of minutes that the algorithm calls an incident, each with its first, tentative minute."""
    t1, t2, t3 = limits
    state, found, minutes = "free", [], []
    for minute in range(min(m for _, m in known), max(m for _, m in known) + 2):
        u, d = (known.get((s, minute), (None,))[0] for s in (up, down))
        relative = (u - d) / u if u is not None and d is not None and u > 0 else None
        if state != "free" and relative is not None and relative >= t2:
            state = "confirmed"
            minutes.append(minute)
            continue
        if state == "confirmed":
            found.append(minutes)
        state, minutes = "free", []
        if relative is not None and u - d >= t1 and relative >= t2 and d <= t3:
            state, minutes = "tentative", [minute]
    return found


@pytest.mark.parametrize("seed", range(1, 7))
def test_incidents_agree_with_the_machine_of_states(town, seed):
    rows = freeway(town.city, DAY, seed)
    town.put("refined.traffic_flow", rows)
    town.put("reference.sensors", detectors(seed))
    known, expected = occupancies(rows), {}
    for up, down in pairwise(FREEWAY):
        if FREEWAY[down] - FREEWAY[up] > 2:
            continue
        limits = (0.12, 0.6, 0.1) if up == "f0" else (0.08, 0.5, 0.15)
        for minutes in machine(known, up, down, limits):
            expected[up, datetime.fromtimestamp(minutes[0] * 60, UTC)] = (down, minutes)
    got = {(r["upstream_id"], r["started_at"]): r for r in town.measure("incidents_detected", DAY).to_dicts()}
    assert set(got) == set(expected)
    assert expected
    for (up, started), (down, minutes) in expected.items():
        row = got[up, started]
        pairs = [(known[up, m], known[down, m]) for m in minutes]
        assert row["downstream_id"] == down
        assert row["ended_at"] == started + timedelta(minutes=len(minutes))
        assert row["duration_s"] == 60 * len(minutes)
        assert row["n"] == sum(u[1] + d[1] for u, d in pairs)
        close(row["coverage_share"], sum(u[2] + d[2] for u, d in pairs) / sum(u[3] + d[3] for u, d in pairs), row)
        close(row["max_difference_share"], max(u[0] - d[0] for u, d in pairs), row)
        close(row["max_upstream_share"], max(u[0] for u, _ in pairs), row)
        close(row["min_downstream_share"], min(d[0] for _, d in pairs), row)
