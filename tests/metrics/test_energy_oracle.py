"""Energy metrics against a slow oracle in plain Python, on random rows. Cases worked by hand are in tests/golden."""

import math
from collections import defaultdict
from datetime import UTC, date, timedelta

import pytest

from .energy_oracle import EMPTY, half_hours
from .randoms import readings, sensors_and_meters
from .randoms_energy import counters, devices

AUTUMN, SPRING = date(2026, 10, 25), date(2026, 3, 29)
"""The days on which Berlin's clocks go back, and forward: 50 and 46 half hours."""
HALF = timedelta(minutes=30)
AROUND = (-28, -21, -14, -7, -6, -1, 0, 1, 2)


def close(found, value, where):
    same = found is None if value is None else found is not None and math.isclose(found, value, rel_tol=1e-8, abs_tol=1e-8)
    assert same, f"{where}: {found} is not {value}"


def percentile(values, share):
    """Hyndman and Fan type 7."""
    values, at = sorted(values), (len(values) - 1) * share
    low = math.floor(at)
    return values[low] + (at - low) * (values[min(low + 1, len(values) - 1)] - values[low])


@pytest.mark.parametrize(("seed", "day"), [(1, AUTUMN), (2, SPRING), (3, AUTUMN), (4, SPRING - timedelta(days=30))])
def test_half_hours_and_days_agree_with_the_oracle(town, seed, day):
    around = [day + timedelta(days=k) for k in AROUND]
    rows = [r for d in around for make in (readings, counters) for r in make(town.city, d, seed)]
    start, seconds = town.city.day_start(day).astimezone(UTC), town.city.day_seconds(day)
    for meter, begin, end in (("m0", 6, 11), ("m3", -4, 5), ("m4", 0, 12), ("m1", 20, 27), ("m6", -8, 30)):  # gaps of hours
        gone = (start + timedelta(hours=begin), start + timedelta(hours=end))
        rows = [r for r in rows if r["meter_id"] != meter or not gone[0] < r["ended_at"] <= gone[1]]
    meters = sensors_and_meters(seed)["reference.meters"] + devices(seed)
    town.put("refined.meter_readings", rows)
    town.put("reference.meters", meters)
    # meters change their row on the eve of that Sunday in spring: before it the earlier row holds, and overwrites the later
    rows_of = sorted(meters, key=lambda m: m["valid_from"], reverse=day < SPRING)
    of = {m["meter_id"]: (m["meter_class"], m["district"]) for m in rows_of}
    cells = defaultdict(dict)
    for (meter, direction), registers in half_hours(town.city, day, rows, meters).items():
        cells[(*of.get(meter, ("unknown", "unknown")), direction)][meter] = registers

    halves = seconds // 1800
    loads = town.measure("energy_load_30min", day).to_dicts()
    assert len(loads) == halves * len(cells)
    by_cell, used = defaultdict(list), defaultdict(float)
    for row in loads:
        cell, i = (row["meter_class"], row["district"], row["direction"]), int((row["bin_at"] - start) / HALF)
        parts = {m: [r[i] for r in registers.values() if i in r] for m, registers in cells[cell].items()}
        flat = [p for of_meter in parts.values() for p in of_meter]
        expected = 1800 * sum(len(r) for r in cells[cell].values())
        sums = {k: math.fsum(p[k] for p in flat) for k in EMPTY}
        filled = sums["spread"] + sums["linear"] + sums["like"]
        cover = min(sums["observed"] / expected, 1)
        kwh = sums["kwh"] + filled if flat else None
        load = kwh * 2 if flat and cover >= 0.75 else None
        own = {m: math.fsum(p["kwh"] + p["spread"] + p["linear"] + p["like"] for p in of_meter) for m, of_meter in parts.items()}
        where = f"{cell} {row['local_time']}"
        assert row["n"] == sum(p["n"] for p in flat) and row["meters"] == sum(1 for x in parts.values() if x), where
        assert row["null_reason"] == ("no_data" if not flat else None if load is not None else "low_coverage"), where
        close(row["coverage_share"], cover, where)
        close(row["estimated_share"], min(sums["estimated"] / expected, 1), where)
        close(row["energy_kwh"], kwh, where)
        for column, value in (
            ("estimated_kwh", sums["not_valid"] + filled),
            ("interpolated_kwh", sums["linear"]),
            ("like_days_kwh", sums["like"]),
            ("spread_kwh", sums["spread"]),
            ("highest_meter_share", max(own.values()) / kwh if kwh else 0),
        ):
            close(row[column], value if flat else None, f"{where} {column}")
            used[column] += value
        close(row["load_kw"], load, where)
        by_cell[cell].append((cover, kwh, load, row["bin_at"], row["highest_meter_share"]))
    assert min(used.values()) > 0, used  # every way of estimating was seen

    days = town.measure("energy_daily", day).to_dicts()
    assert len(days) == len(cells)
    for row in days:
        cell = (row["meter_class"], row["district"], row["direction"])
        half = by_cell[cell]
        cover = math.fsum(c for c, *_ in half) / halves
        known = [load for _, _, load, *_ in half if load is not None]
        of_meter = [
            [math.fsum(p[k] for r in registers.values() if i in r for p in [r[i]] for k in ("kwh", "spread", "linear", "like"))
             for i in range(halves)]
            for registers in cells[cell].values()
        ]  # fmt: skip
        own = math.fsum(2 * max(m) for m in of_meter)
        peak = max(known) if known and cover >= 0.75 else None
        energy = math.fsum(k for _, k, *_ in half if k is not None)
        thin = max((2 * k for _, k, load, *_ in half if load is None and k is not None), default=0)
        assert (row["hours"], row["meters"]) == (seconds / 3600, len(cells[cell]))
        close(row["missing_share"], 1 - cover, cell)
        close(row["energy_kwh"], energy, cell)
        close(row["sum_of_peaks_kw"], own, cell)
        close(row["peak_kw"], peak, cell)
        reached = [at for _, _, load, at, _ in half if load is not None and peak is not None and math.isclose(load, peak)]
        assert row["peak_at"] == min(reached, default=None)
        base = percentile(known, 0.05) if known else None
        close(row["base_load_kw"], base if peak is not None else None, cell)
        close(row["load_factor"], energy / (peak * seconds / 3600) if peak is not None and thin <= peak else None, cell)
        close(row["coincidence_share"], peak / own if peak is not None else None, cell)
        shown = [share for _, _, load, _, share in half if load is not None and (load <= base or load == max(known))]
        largest = max(math.fsum(m) for m in of_meter) / energy
        close(row["highest_meter_share"], max([largest, *shown]), cell)
