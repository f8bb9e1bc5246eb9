"""Metrics of roads and routes against slow oracles in plain Python, on random rows. Cases worked by hand are in tests/golden."""

import math
from collections import defaultdict
from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import pytest

from . import makers
from .randoms_roads import routes, travel_times
from .test_energy_oracle import close, percentile
from .test_traffic_oracle import bins_of, total, travelled

DAY = date(2026, 3, 29)
"""The day on which Berlin's clocks go forward."""
ADDED = {"volume_veh": 0, "vehicle_km": 2, "vehicle_h": 3, "delay_veh_h": 4}


def described(rows, key):
    """The row of each device that holds on the day."""
    return {r[key]: r for r in sorted(rows, key=lambda r: r["valid_from"])}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_days_of_roads_agree_with_the_oracle(town, seed):
    rows = [r for make in makers.feeds()["traffic_flow"] for r in make(town.city, DAY, seed)]
    town.put("refined.traffic_flow", rows)
    town.put("reference.sensors", makers.references(seed)["sensors"])
    refs = described(makers.references(seed)["sensors"], "sensor_id")
    start = town.city.day_start(DAY).astimezone(UTC)
    short = bins_of(rows, start, 900, lambda r: r["interval_s"] <= 900)
    longer = bins_of(rows, start, 3600, lambda r: 900 < r["interval_s"] <= 3600)
    none = defaultdict(list)
    bins, covered, quarters = defaultdict(list), {}, {}
    for sensor in {s for s, _ in [*short, *longer]}:
        for hour in range(23):
            four = [short.get((sensor, 4 * hour + i), none) for i in range(4)]
            every = [*four, longer.get((sensor, hour), none)]
            bins[sensor, hour] = every
            seconds = math.fsum(min(math.fsum(p["observed"]), 900) for p in four) + math.fsum(every[4]["observed"])
            covered[sensor, hour] = min(seconds, 3600)
            quarters[sensor, hour] = [
                math.fsum(p["veh"]) if p["veh"] and math.fsum(p["observed"]) >= 0.75 * 900 else None for p in four
            ]
    got = {r["road"]: r for r in town.measure("traffic_daily", DAY).to_dicts()}
    by_road = defaultdict(set)
    for sensor, _ in bins:
        by_road[refs.get(sensor, {}).get("road") or "unknown"].add(sensor)
    assert set(got) == set(by_road) >= {"A1", "unknown"}
    health = {r["sensor_id"]: r["health_share"] for r in town.read("sensor_health_daily", DAY).to_dicts()}
    for road, sensors in by_road.items():
        row, parts = got[road], [p for (s, _), every in bins.items() if s in sensors for p in every]
        made = [travelled(p, refs.get(s)) for (s, _), every in bins.items() if s in sensors for p in every]
        assert (row["sensors"], row["n"]) == (len(sensors), sum(len(p["observed"]) for p in parts))
        for column, at in ADDED.items():
            close(row[column], total(m[at] for m in made), column)
        seconds = math.fsum(covered[s, h] for s in sensors for h in range(23))
        close(row["covered_s"], seconds, road)
        close(row["coverage_share"], seconds / (82800 * len(sensors)), road)
        healthy = math.fsum(covered[s, h] * health[s] for s in sensors for h in range(23))
        close(row["health_share"], healthy / seconds, road)
        carried = row["coverage_share"] >= 0.75
        weight, slow = total(w for p in parts for w in p["w"]), total(x for p in parts for x in p["w/v"])
        close(row["space_mean_speed_kmh"], weight / slow if carried and slow else None, road)
        occupied, known = total(x for p in parts for x in p["occ"]), total(x for p in parts for x in p["occ_s"])
        close(row["occupancy_share"], occupied / known if carried and known else None, road)
        check_peak(row, sensors, bins, covered, quarters, start)
    assert (got["B2"]["peak_hour_factor"] is None) == bool(seed % 2)  # by the hour there are no quarters
    assert got["A1"]["peak_hour_at"] is None  # two hours are no day


def check_peak(row, sensors, bins, covered, quarters, start):
    volume = {(s, h): total(x for p in every for x in p["veh"]) for (s, h), every in bins.items() if s in sensors}
    counting = {s for (s, _), veh in volume.items() if veh is not None}
    hours = {}
    for h in range(23):
        if counting and math.fsum(covered[s, h] for s in counting) >= 0.75 * 3600 * len(counting):
            hours[h] = total(volume[s, h] for s in counting) or 0
    if row["coverage_share"] < 0.75 or not hours:
        assert row["peak_hour_at"] is row["peak_hour_veh"] is row["peak_hour_factor"] is None
        return
    peak = min(hours, key=lambda h: (-hours[h], h))
    assert (row["peak_hour_at"], row["peak_hour_veh"]) == (start + timedelta(hours=peak), hours[peak])
    close(row["peak_hour_share"], hours[peak] / row["volume_veh"], "K")
    there = [s for s in counting if volume[s, peak] is not None]
    every = [[quarters[s, peak][i] for s in there] for i in range(4)]
    full = all(v is not None for four in every for v in four) and sum(map(sum, every)) == hours[peak]
    close(row["peak_hour_factor"], hours[peak] / (4 * max(map(sum, every))) if full else None, "PHF")


def test_a_days_sums_are_the_sums_of_its_hours(town):
    """To the last bit: the same exact decimals, added."""
    town.put("refined.traffic_flow", [r for make in makers.feeds()["traffic_flow"] for r in make(town.city, DAY, 5)])
    town.put("reference.sensors", makers.references(5)["sensors"])
    days = town.measure("traffic_daily", DAY).to_dicts()
    hours = town.read("traffic_hourly", DAY).to_dicts()
    for day in days:
        mine = [h for h in hours if (h["road"] or "unknown") == day["road"]]
        for column in ("volume_veh", "vehicle_km", "vehicle_h", "delay_veh_h"):
            known = [round(h[column] * 10**9) for h in mine if h[column] is not None]
            assert day[column] == (sum(known) / 10**9 if known else None), (day["road"], column)


@pytest.mark.parametrize("seed", [1, 2])
def test_reliability_agrees_with_the_oracle(town, seed):
    month = [date(2026, 3, 1) + timedelta(days=n) for n in range(31)]
    days = [d for d in month if (d.day + seed) % 4]
    rows = [r for d in days for r in travel_times(town.city, d, seed)]
    town.put("refined.travel_time", rows)
    town.put("reference.routes", routes(seed))
    refs = {r["route_id"]: r for r in sorted(routes(seed), key=lambda r: r["valid_from"], reverse=True)}  # as the month starts
    zone = ZoneInfo("Europe/Berlin")

    def period(at):
        local = at.astimezone(zone)
        if not 6 <= local.hour < 20:
            return "overnight"
        if local.weekday() >= 5:
            return "weekend"
        return "weekday_am" if local.hour < 10 else "weekday_midday" if local.hour < 16 else "weekday_pm"

    expected = defaultdict(int)
    first, last = town.city.day_start(month[0]).astimezone(UTC), town.city.day_start(date(2026, 4, 1)).astimezone(UTC)
    for n in range(int((last - first) / timedelta(minutes=15))):
        expected[period(first + n * timedelta(minutes=15))] += 1
    quarters = defaultdict(list)
    for r in rows:
        at = first + (r["observed_at"] - first) // timedelta(minutes=15) * timedelta(minutes=15)
        quarters[r["route_id"], at].append(r["travel_time_s"])
    cells = defaultdict(list)
    for (route, at), times in quarters.items():
        cells[route, period(at)].append(times)
    got = town.measure("travel_time_reliability", DAY).to_dicts()
    assert len(got) == 5 * len({r["route_id"] for r in rows}) == 20
    reasons = set()
    for row in got:
        assert row["event_date"] == month[0]
        of = cells[row["route_id"], row["period"]]
        means = [math.fsum(t) / len(t) for t in of]
        assert (row["n"], row["quarters"], row["expected_quarters"]) == (sum(map(len, of)), len(of), expected[row["period"]])
        close(row["coverage_share"], len(of) / expected[row["period"]], row)
        close(row["travel_time_sum_s"], math.fsum(x for t in of for x in t) if of else None, row)
        close(row["quarter_mean_sum_s"], math.fsum(means) if of else None, row)
        carried = len(of) >= 20 and len(of) >= 0.1 * expected[row["period"]]
        mean = math.fsum(means) / len(means) if carried else None
        p50, p80, p95 = (percentile(means, p) if carried else None for p in (0.5, 0.8, 0.95))
        for column, value in {"mean_s": mean, "p50_s": p50, "p80_s": p80, "p95_s": p95}.items():
            close(row[column], value, row)
        free = refs.get(row["route_id"], {}).get("free_flow_s")
        close(row["travel_time_index"], mean / free if carried and free else None, row)
        close(row["planning_time_index"], p95 / free if carried and free else None, row)
        close(row["buffer_index"], (p95 - mean) / mean if carried else None, row)
        close(row["lottr"], p80 / p50 if carried and row["period"] != "overnight" else None, row)
        reason = "no_data" if not of else "low_coverage" if not carried else None if free else "no_free_flow"
        assert row["null_reason"] == reason
        reasons.add(reason)
    assert reasons >= {None, "low_coverage", "no_free_flow"}
