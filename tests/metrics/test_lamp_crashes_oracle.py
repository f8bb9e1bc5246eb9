"""Crashes near street lights that are out against a slow oracle in plain Python, on random rows.

What lamps do is said by test_lighting_oracle.
"""

import math
from datetime import timedelta

import pytest

from .test_lighting_oracle import DAYS, fill, hours, middle, sky, the_day
from .test_places_oracle import check

NEAR_M = 50


def metres(a, b):
    """Haversine."""
    (la, lo), (lb, lp) = (map(math.radians, p) for p in (a, b))
    h = math.sin((lb - la) / 2) ** 2 + math.cos(la) * math.cos(lb) * math.sin((lp - lo) / 2) ** 2
    return 2 * 6371008.8 * math.asin(math.sqrt(h))


@pytest.mark.slow
@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("seed", [1, 2])
def test_crashes_near_outages_agree_with_the_oracle(town, day, seed):
    rows, crashed, known = fill(town, [day - timedelta(days=1), day], seed)
    got = {r["district"]: r for r in town.measure("lamp_outage_crashes", day).to_dicts()}
    start, day_s, truth = the_day(town, day, rows, known)
    end = start + timedelta(seconds=day_s)
    names = ("n", "crashes_dark", "crashes_unplaced", "crashes_near_lamp", "crashes_near_outage", "lit_pairs", "outage_pairs")
    want = {d: dict.fromkeys(names, 0) for d in {t[1] for t in truth.values()} | {"unknown"}}
    city = [round(middle([t[0].get(axis) for t in truth.values()]), 1) for axis in ("lat", "lon")]
    for crash in crashed:
        at = (crash["occurred_at"] - start).total_seconds()
        if not 0 <= at < day_s:
            continue
        own = want[crash["district"]]
        own["n"] += 1
        place = None if crash["lat"] is None else (crash["lat"], crash["lon"])
        if next(p for a, b, p in sky(start, end, *([round(v, 1) for v in place] if place else city)) if a <= at < b) != "dark":
            continue
        own["crashes_dark"] += 1
        own["crashes_unplaced"] += place is None
        seen = []
        for ref, district, _, pieces, _, out, _ in truth.values():
            near = place and ref.get("lat") is not None and metres(place, (ref["lat"], ref["lon"])) <= NEAR_M
            if near and any(a <= at < b and p[2] is not None for a, b, *p in pieces):
                seen.append(any(a <= at < b for a, b in out))
                want[district]["outage_pairs" if seen[-1] else "lit_pairs"] += 1
        own["crashes_near_lamp"] += bool(seen)
        own["crashes_near_outage"] += any(seen)
    assert set(got) == set(want)
    assert sum(w["crashes_near_lamp"] for w in want.values()) > 0
    for district, wanted in want.items():
        row, own = got[district] | {"local_time": district}, [t for t in truth.values() if t[1] == district]
        check(row, **wanted)
        dark = [hours(t[3], lambda p, _, o, __: p == "dark" and o is not None) for t in own]
        off = math.fsum(b - a for t in own for a, b in t[5]) / 3600
        lit = math.fsum(dark) - off
        should = math.fsum(b - a for t in own for a, b, p in t[2] if p == "dark") / 3600
        cover = math.fsum(dark) / should if should else 0
        check(row, lit_lamp_h=lit, outage_lamp_h=off, lamps_watched=sum(d > 0 for d in dark), coverage_share=cover)
        ok = cover >= 0.75
        check(row, lit_crash_rate=1000 * wanted["lit_pairs"] / lit if ok and lit else None)
        check(row, outage_crash_rate=1000 * wanted["outage_pairs"] / off if ok and off else None)
        reason = "low_coverage" if not ok else "no_outage" if not off else "no_light" if not lit else None
        assert row["null_reason"] == ("no_data" if not any(dark) else reason), row
