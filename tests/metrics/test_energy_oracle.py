"""Energy metrics against a slow oracle in plain Python, on random rows. Cases worked by hand are in tests/golden."""

import math
from collections import defaultdict
from datetime import UTC, date, timedelta

import pytest

from .randoms import readings, sensors_and_meters

DAY = date(2026, 10, 25)
"""The day on which Berlin's clocks go back: 50 half hours."""
HALF = timedelta(minutes=30)


def half_hours(rows, start, seconds):
    """(meter, direction) to register to half hour to [(seconds, kWh, is estimated)]."""
    out = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for r in rows:
        if r["quality"] == "missing":
            continue
        begin = r["ended_at"] - timedelta(seconds=r["interval_s"])
        for i in range(seconds // 1800):
            overlap = (min(r["ended_at"], start + (i + 1) * HALF) - max(begin, start + i * HALF)).total_seconds()
            if overlap > 0:
                kwh = r["energy_kwh"] * overlap / r["interval_s"]
                out[r["meter_id"], r["direction"]][r["register"]][i].append((overlap, kwh, r["quality"] != "valid"))
    for registers in out.values():
        if "total" in registers:
            for other in set(registers) - {"total"}:
                del registers[other]
    return out


def close(found, value, where):
    same = found is None if value is None else found is not None and math.isclose(found, value, rel_tol=1e-8, abs_tol=1e-8)
    assert same, f"{where}: {found} is not {value}"


def percentile(values, share):
    """Hyndman and Fan type 7."""
    values, at = sorted(values), (len(values) - 1) * share
    low = math.floor(at)
    return values[low] + (at - low) * (values[min(low + 1, len(values) - 1)] - values[low])


@pytest.mark.parametrize("seed", [1, 2])
def test_half_hours_and_days_agree_with_the_oracle(town, seed):
    rows = [r for d in (DAY - timedelta(days=1), DAY) for r in readings(town.city, d, seed)]
    meters = sensors_and_meters(seed)["reference.meters"]
    town.put("refined.meter_readings", rows)
    town.put("reference.meters", meters)
    start, seconds = town.city.day_start(DAY).astimezone(UTC), town.city.day_seconds(DAY)
    of = {m["meter_id"]: (m["meter_class"], m["district"]) for m in sorted(meters, key=lambda m: m["valid_from"])}
    cells = defaultdict(dict)
    for (meter, direction), registers in half_hours(rows, start, seconds).items():
        cells[(*of.get(meter, ("unknown", "unknown")), direction)][meter] = registers

    loads = town.measure("energy_load_30min", DAY).to_dicts()
    assert len(loads) == 50 * len(cells)
    by_cell = defaultdict(list)
    for row in loads:
        cell, i = (row["meter_class"], row["district"], row["direction"]), int((row["bin_at"] - start) / HALF)
        found = {m: [r[i] for r in registers.values() if r[i]] for m, registers in cells[cell].items()}
        flat = [x for lists in found.values() for one in lists for x in one]
        observed = math.fsum(min(math.fsum(s for s, _, _ in one), 1800) for lists in found.values() for one in lists)
        cover = min(observed / (1800 * sum(len(r) for r in cells[cell].values())), 1)
        kwh = math.fsum(k for _, k, _ in flat) if flat else None
        load = kwh * 2 if flat and cover >= 0.75 else None
        where = f"{cell} {row['local_time']}"
        assert row["n"] == len(flat) and row["meters"] == sum(1 for x in found.values() if x), where
        assert row["null_reason"] == ("no_data" if not flat else None if load is not None else "low_coverage"), where
        close(row["coverage_share"], cover, where)
        close(row["energy_kwh"], kwh, where)
        close(row["estimated_kwh"], math.fsum(k for _, k, e in flat if e) if flat else None, where)
        close(row["load_kw"], load, where)
        by_cell[cell].append((cover, kwh, load, row["bin_at"]))

    days = town.measure("energy_daily", DAY).to_dicts()
    assert len(days) == len(cells)
    for row in days:
        cell = (row["meter_class"], row["district"], row["direction"])
        half = by_cell[cell]
        cover = math.fsum(c for c, _, _, _ in half) / 50
        known = [load for _, _, load, _ in half if load is not None]
        own = [
            2 * max(math.fsum(k for r in registers.values() for _, k, _ in r[i]) for i in range(50))
            for registers in cells[cell].values()
        ]
        peak = max(known) if known and cover >= 0.75 else None
        energy = math.fsum(k for _, k, _, _ in half if k is not None)
        thin = max((2 * k for _, k, load, _ in half if load is None and k is not None), default=0)
        assert (row["hours"], row["meters"]) == (25, len(cells[cell]))
        close(row["missing_share"], 1 - cover, cell)
        close(row["energy_kwh"], energy, cell)
        close(row["sum_of_peaks_kw"], math.fsum(own), cell)
        close(row["peak_kw"], peak, cell)
        reached = [at for _, _, load, at in half if load is not None and peak is not None and math.isclose(load, peak)]
        assert row["peak_at"] == min(reached, default=None)
        close(row["base_load_kw"], percentile(known, 0.05) if peak is not None else None, cell)
        close(row["load_factor"], energy / (peak * 25) if peak is not None and thin <= peak else None, cell)
        close(row["coincidence_share"], peak / math.fsum(own) if peak is not None else None, cell)
