"""Air and noise by hour against a slow oracle in plain Python, on random rows. Cases worked by hand are in tests/golden."""

import math
from datetime import UTC, date, timedelta

import pytest

from .randoms_air import COLUMNS, described, stations_say

DAYS = [date(2026, 3, 29), date(2026, 10, 25)]
"""Berlin's days of 23 and 25 hours."""
HOUR = timedelta(hours=1)
QUANTITIES = dict(zip(("pm2_5", "pm10", "no2", "o3", "noise"), COLUMNS, strict=True))
DAY_LIMITS = {
    "pm2_5": (None, 25, 15),
    "pm10": (50, 45, 45),
    "no2": (None, 50, 25),
    "o3": (120, 120, 100),
    "noise": (None, None, None),
}
"""Of a day: in force, from 2030 on, of WHO."""


def hour_of(rows, column, begin):
    """Seconds, weighted sum, seconds covered, longest interval and rows begun, of one hour; by the second."""
    seconds, covered, total, longest, n = 0.0, set(), [], 0, 0
    for row in rows:
        if row.get(column) is None:
            continue
        start = row["observed_at"] - timedelta(seconds=row["interval_s"])
        a, b = max(start, begin), min(row["observed_at"], begin + HOUR)
        held = (b - a).total_seconds()
        if held > 0:
            value = 10 ** (row[column] / 10) if column == "noise_dba" else row[column]
            seconds, longest, n = seconds + held, max(longest, row["interval_s"]), n + (start >= begin)
            total.append(value * held)
            covered |= set(range(round((a - begin).total_seconds()), round((b - begin).total_seconds())))
    return {"s": seconds, "sum": math.fsum(total), "covered": len(covered), "longest": longest, "n": n}


def check(row, **wanted):
    for name, value in wanted.items():
        found = row[name]
        if isinstance(value, float) and found is not None:
            assert math.isclose(found, value, rel_tol=1e-8, abs_tol=1e-6), f"{name}: {found} is not {value} in {row}"
        else:
            assert found == value, f"{name}: {found} is not {value} in {row}"


def over(value, limit):
    return None if value is None or limit is None else value > limit


def mean(values):
    return math.fsum(values) / len(values)


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("seed", [1, 2])
def test_stations_agree_with_the_oracle(town, day, seed):
    rows = [r for k in (-1, 0) for r in stations_say(town.city, day + timedelta(days=k), seed)]
    town.put("reference.air_stations", described(seed))
    town.put("refined.air_quality", rows, 2, seed)
    start = town.city.day_start(day).astimezone(UTC)
    hours = [start + k * HOUR for k in range(town.city.day_seconds(day) // 3600)]
    got = {(r["station_id"], r["quantity"], r["bin_at"]): r for r in town.measure("air_quality_hourly", day).to_dicts()}
    healthy = {
        r["sensor_id"]: r["health_share"]
        for r in town.measure("sensor_health_daily", day).to_dicts()
        if r["feed"] == "air_quality"
    }
    seen = set()
    for station in sorted({r["station_id"] for r in rows}):
        mine = [r for r in rows if r["station_id"] == station]
        known = [r for r in described(seed) if r["station_id"] == station and r["valid_from"] <= start]
        ref = max(known, key=lambda r: r["valid_from"], default={})
        for quantity, column in QUANTITIES.items():
            of = {begin: hour_of(mine, column, begin) for begin in [start + k * HOUR for k in range(-7, 0)] + hours}
            if not any(of[h]["s"] for h in hours):
                continue
            means = {h: o["sum"] / o["s"] if o["covered"] >= 2700 else None for h, o in of.items()}
            fine = {h: m if of[h]["longest"] <= 3600 else None for h, m in means.items()}
            eights = {}
            for h in hours:
                eight = [v for k in range(8) if (v := fine[h - k * HOUR]) is not None]
                eights[h] = mean(eight) if quantity == "o3" and len(eight) >= 6 else None
            enough, whole = len(hours) * 0.75, [means[h] for h in hours if means[h] is not None]
            day_mean = mean(whole) if quantity != "noise" and len(whole) >= enough else None
            held = [e for e in eights.values() if e is not None]
            of_day = (max(held) if len(held) >= enough else None) if quantity == "o3" else day_mean
            for h in hours:
                row, o = got.pop((station, quantity, h)), of[h]
                is_noise, value = quantity == "noise", means[h]
                check(
                    row, n=o["n"], coverage_share=o["covered"] / 3600, measured_s=o["s"], longest_interval_s=o["longest"] or None
                )
                check(
                    row, health_share=healthy[station], district=ref.get("district", "unknown"), site=ref.get("site", "unknown")
                )
                check(row, **{"sound_energy_s" if is_noise else "concentration_ug_s_m3": o["sum"] if o["s"] else None})
                check(row, mean_ug_m3=None if is_noise else value, mean_8h_ug_m3=eights[h], day_mean_ug_m3=day_mean)
                check(row, laeq_dba=10 * math.log10(value) if is_noise and value is not None else None)
                check(row, day_max_8h_ug_m3=of_day if quantity == "o3" else None)
                check(row, is_over_hour_limit=over(fine[h], {"no2": 200, "o3": 180}.get(quantity)))
                for name, limit in zip(("limit", "limit_2030", "who"), DAY_LIMITS[quantity], strict=True):
                    check(row, **{f"is_over_day_{name}": over(of_day, limit)})
                reason = "no_data" if not o["covered"] else None if value is not None else "low_coverage"
                check(row, null_reason=reason, day_null_reason="low_coverage" if not is_noise and of_day is None else None)
                clock = (row["local_time"].hour - 7) % 24
                check(row, period="day" if clock < 12 else "evening" if clock < 16 else "night")
                seen |= {reason, ("day", row["is_over_day_who"]), ("hour", row["is_over_hour_limit"])}
    assert not got
    assert seen >= {None, "no_data", "low_coverage", ("hour", True), ("hour", False), ("day", True), ("day", None)}
