"""Traffic metrics against a slow oracle in plain Python, on random rows. Cases worked by hand are in tests/golden."""

import math
from collections import defaultdict
from datetime import UTC, date, timedelta

import pytest

from .randoms import sensors_and_meters, traffic

DAY = date(2026, 3, 29)


def bins_of(rows, start, size, fits):
    """Parts per (sensor, bin), as the contract words them."""
    observed = defaultdict(lambda: defaultdict(float))
    for r in filter(fits, rows):
        observed[r["sensor_id"]][r["lane"]] += r["interval_s"] * (1 if r["observed_share"] is None else r["observed_share"])
    lanes = {}
    for sensor, seconds in observed.items():
        single = {lane: s for lane, s in seconds.items() if lane > 0}
        lanes[sensor] = {0} if seconds.get(0, -1) >= max(single.values(), default=-1) else set(single)
    parts = defaultdict(lambda: defaultdict(list))
    for r in filter(fits, rows):
        if r["lane"] not in lanes[r["sensor_id"]]:
            continue
        p = parts[r["sensor_id"], int((r["observed_at"] - start).total_seconds()) // size]
        p["observed"].append(
            r["interval_s"] * (1 if r["observed_share"] is None else r["observed_share"]) / len(lanes[r["sensor_id"]])
        )
        if r["vehicle_count"] is not None:
            p["veh"].append(r["vehicle_count"])
        if r["mean_speed_kmh"]:
            w = 1 if r["vehicle_count"] is None else r["vehicle_count"]
            p["w"].append(w)
            p["wv"].append(w * r["mean_speed_kmh"])
            p["w/v"].append(w / r["mean_speed_kmh"])
        if r["occupancy_share"] is not None:
            p["occ"].append(r["occupancy_share"] * r["interval_s"])
            p["occ_s"].append(r["interval_s"])
    return parts


def travelled(p, ref):
    """Volume, VMT, VHT and delay of one bin; None where unknown."""
    veh = math.fsum(p["veh"]) if p["veh"] else None
    v = math.fsum(p["w"]) / math.fsum(p["w/v"]) if p["w"] and math.fsum(p["w/v"]) else None
    km = veh * ref["segment_km"] if ref and veh is not None else None
    hours = None if km is None else 0.0 if km == 0 else km / v if v else None
    free = ref and ref["free_flow_kmh"]
    return veh, v, km, hours, None if hours is None or not free else max(hours - km / free, 0)


def total(values):
    known = [v for v in values if v is not None]
    return math.fsum(known) if known else None


def check(row, **wanted):
    for name, value in wanted.items():
        found = row[name]
        same = found is None if value is None else found is not None and math.isclose(found, value, rel_tol=1e-8, abs_tol=1e-8)
        assert same, f"{row['sensor_id']} {row['local_time']} {name}: {found} is not {value}"


@pytest.mark.parametrize("seed", [1, 2])
def test_quarters_and_hours_agree_with_the_oracle(town, seed):
    rows, tables = traffic(town.city, DAY, seed), sensors_and_meters(seed)
    town.put("refined.traffic_flow", rows)
    town.put("reference.sensors", tables["reference.sensors"])
    start = town.city.day_start(DAY).astimezone(UTC)
    refs = {r["sensor_id"]: r for r in sorted(tables["reference.sensors"], key=lambda r: r["valid_from"])}
    short = bins_of(rows, start, 900, lambda r: r["interval_s"] <= 900)
    longer = bins_of(rows, start, 3600, lambda r: 900 < r["interval_s"] <= 3600)

    quarters = town.measure("traffic_15min", DAY).to_dicts()
    assert len(quarters) == 92 * len({s for s, _ in short})
    covered = {}
    for row in quarters:
        at = int((row["bin_at"] - start) / timedelta(seconds=900))
        p, ref = short.get((row["sensor_id"], at), defaultdict(list)), refs.get(row["sensor_id"])
        veh, v, km, hours, delay = travelled(p, ref)
        cover = covered[row["sensor_id"], at] = min(math.fsum(p["observed"]) / 900, 1)
        carried = cover >= 0.75
        reason = "no_data" if not p["observed"] else "low_coverage" if not carried else None
        assert row["null_reason"] == (reason or ("no_count" if veh is None else "no_speed" if v is None else None))
        assert row["n"] == len(p["observed"])
        check(row, coverage_share=cover, volume_veh=veh, vehicle_km=km, vehicle_h=hours, delay_veh_h=delay)
        check(
            row,
            speed_weight=total(p["w"]),
            speed_sum_kmh=total(p["wv"]),
            slowness_sum_h_km=total(p["w/v"]),
            occupied_s=total(p["occ"]),
        )
        check(row, flow_veh_h=4 * veh if carried and veh is not None else None, space_mean_speed_kmh=v if carried else None)
        check(row, occupancy_share=math.fsum(p["occ"]) / math.fsum(p["occ_s"]) if carried and p["occ"] else None)
        assert row["health_share"] in (0, 1)

    hourly = town.measure("traffic_hourly", DAY).to_dicts()
    assert len(hourly) == 23 * len({s for s, _ in [*short, *longer]})
    for row in hourly:
        at, sensor = int((row["bin_at"] - start) / timedelta(hours=1)), row["sensor_id"]
        four = [short.get((sensor, at * 4 + i), defaultdict(list)) for i in range(4)]
        every = [*four, longer.get((sensor, at), defaultdict(list))]
        made = [travelled(p, refs.get(sensor)) for p in every]
        cover = math.fsum([covered.get((sensor, at * 4 + i), 0) * 900 for i in range(4)]) + math.fsum(every[4]["observed"])
        cover = min(cover / 3600, 1)
        veh, carried = total(m[0] for m in made), cover >= 0.75
        check(row, coverage_share=cover, volume_veh=veh, flow_veh_h=veh if carried else None)
        check(
            row, vehicle_km=total(m[2] for m in made), vehicle_h=total(m[3] for m in made), delay_veh_h=total(m[4] for m in made)
        )
        w, slow = total(x for p in every for x in p["w"]), total(x for p in every for x in p["w/v"])
        check(row, space_mean_speed_kmh=w / slow if carried and slow else None)
        full = (
            all(m[0] is not None and covered[sensor, at * 4 + i] >= 0.75 for i, m in enumerate(made[:4]))
            and not every[4]["observed"]
        )
        busiest = max((m[0] or 0 for m in made[:4]), default=0)
        check(row, peak_hour_factor=veh / (4 * busiest) if carried and full and busiest else None)
