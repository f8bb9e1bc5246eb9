"""Car parks and bike stations against a slow oracle in plain Python, on random rows. Cases worked by hand are in tests/golden."""

import math
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from assets.measure import measure

from .randoms_places import car_parks, docks, parking, stations

DAYS = [date(2026, 3, 29), date(2026, 10, 25)]
"""Berlin's days of 23 and 25 hours."""
HOUR = timedelta(hours=1)
PLACES = {
    "parking_hourly": ("refined.parking_occupancy", "reference.car_parks", parking, car_parks),
    "bike_availability": ("refined.bike_stations", "reference.stations", stations, docks),
}


def fill(town, metric, days, seed, files=1, shuffle=None):
    """Reports of the days and the reference table; returns both as rows."""
    table, reference, make, describe = PLACES[metric]
    rows, known = [r for d in days for r in make(town.city, d, seed)], describe(seed)
    town.put(table, rows, files, shuffle)
    town.put(reference, known)
    return rows, known


def in_force(known, key, name, start):
    """The reference row that holds when the day starts, else the first."""
    own = sorted((r for r in known if r[key] == name), key=lambda r: r["valid_from"])
    return ([r for r in own if r["valid_from"] <= start] or [None])[-1] or (own or [{}])[0]


def hours_of(city, day):
    start = city.day_start(day).astimezone(UTC)
    return [start + i * HOUR for i in range(city.day_seconds(day) // 3600)]


def held(rows, time, ttl_s, begin):
    """(seconds, row) of every report that holds within the hour."""
    for i, row in enumerate(rows):
        until = min(
            row[time] + timedelta(seconds=ttl_s),
            begin + HOUR,
            rows[i + 1][time] if i + 1 < len(rows) else datetime.max.replace(tzinfo=UTC),
        )
        seconds = (until - max(row[time], begin)).total_seconds()
        if seconds > 0:
            yield seconds, row


def check(row, **wanted):
    for name, value in wanted.items():
        found = row[name]
        same = found is None if value is None else found is not None and math.isclose(found, value, rel_tol=1e-8, abs_tol=1e-8)
        assert same, f"{row['local_time']} {name}: {found} is not {value} in {row}"


def minutes(spells, holds):
    return math.fsum(s for s, r in spells if holds(r)) / 60


def weighted(spells, column, holds=lambda _: True):
    """Hours times the column; None where it is never known."""
    known = [s * r[column] for s, r in spells if r[column] is not None and holds(r)]
    return math.fsum(known) / 3600 if known else None


def over(a, b):
    return None if a is None or not b else a / b


def is_open(row):
    return not row["out_of_service"] and row["occupied"] is not None


def is_rated(row):
    return is_open(row) and row["capacity"]


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("seed", [1, 2])
def test_car_parks_agree_with_the_oracle(town, day, seed):
    rows, known = fill(town, "parking_hourly", [day - timedelta(days=1), day], seed)
    got = {(r["facility_id"], r["bin_at"]): r for r in town.measure("parking_hourly", day).to_dicts()}
    hours = hours_of(town.city, day)
    assert len(got) == 6 * len(hours)
    seen = set()
    for name in (f"p{i}" for i in range(6)):
        ref = in_force(known, "facility_id", name, hours[0])
        ttl = ref.get("report_ttl_s") or 3600
        own = sorted((dict(r) for r in rows if r["facility_id"] == name), key=lambda r: r["observed_at"])
        for r in own:
            r["capacity"] = ref.get("capacity") if r["capacity"] is None else r["capacity"]
        changes = []
        counted = [r for r in own if r["occupied"] is not None]
        for a, b in pairwise(counted):
            if (b["observed_at"] - a["observed_at"]).total_seconds() <= ttl:
                changes.append((b["observed_at"], b["occupied"] - a["occupied"]))
        for begin in hours:
            row, spells = got[name, begin], list(held(own, "observed_at", ttl, begin))
            closed, count, rate = (minutes(spells, f) for f in (lambda r: r["out_of_service"], is_open, is_rated))
            full = minutes(spells, lambda r: is_rated(r) and r["occupied"] >= r["capacity"]) if rate else None
            cover, n = (closed + count) / 60, sum(begin <= r["observed_at"] < begin + HOUR for r in own)
            moved = [c for at, c in changes if begin <= at < begin + HOUR]
            came, left = (sum(max(s * c, 0) for c in moved) if moved else None for s in (1, -1))
            check(row, n=n, coverage_share=cover, counted_min=count, rated_min=rate, closed_min=closed, full_min=full)
            check(
                row,
                occupied_space_h=weighted(spells, "occupied", is_open),
                capacity_space_h=weighted(spells, "capacity", is_rated),
            )
            check(row, rated_occupied_space_h=weighted(spells, "occupied", is_rated), arrivals_veh=came, departures_veh=left)
            check(row, occupied_max=max((r["occupied"] for _, r in spells if is_open(r)), default=None))
            ok = cover >= 0.75 - 1e-12
            size = over(weighted(spells, "capacity", is_rated), rate / 60) if ok else None
            check(
                row, occupied_spaces=over(weighted(spells, "occupied", is_open), count / 60) if ok else None, capacity_spaces=size
            )
            check(
                row,
                occupancy_share=over(weighted(spells, "occupied", is_rated), weighted(spells, "capacity", is_rated))
                if ok
                else None,
            )
            check(row, full_share=over(full, rate) if ok else None, turnover_veh_space=over(came, size))
            reason = ("no_count" if n else "no_data") if cover == 0 else None
            reason = reason or (None if ok else "low_coverage") or ("out_of_service" if not count else None)
            assert row["null_reason"] == (reason or ("no_capacity" if not rate else None)), row
            seen.add(row["null_reason"])
    assert seen >= {None, "no_data", "low_coverage", "no_capacity"}


def off(row, flag):
    return row.get("is_installed") is False or row.get(flag) is False


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("seed", [1, 2])
def test_bike_stations_agree_with_the_oracle(town, day, seed):
    rows, known = fill(town, "bike_availability", [day - timedelta(days=1), day], seed)
    got = {(r["station_id"], r["bin_at"]): r for r in town.measure("bike_availability", day).to_dicts()}
    hours = hours_of(town.city, day)
    assert len(got) == 6 * len(hours)
    for name in (f"s{i}" for i in range(6)):
        ref = in_force(known, "station_id", name, hours[0])
        own = sorted((r for r in rows if r["station_id"] == name), key=lambda r: r["reported_at"])
        for begin in hours:
            row, spells = got[name, begin], list(held(own, "reported_at", ref.get("report_ttl_s") or 3600, begin))
            cover = math.fsum(s for s, _ in spells) / 3600
            ok = cover >= 0.75 - 1e-12
            sides = {}
            for side, flag, column, none in (
                ("empty", "is_renting", "vehicles_available", "vehicles_known_min"),
                ("full", "is_returning", "docks_available", "docks_known_min"),
            ):
                can = lambda r, f=flag, c=column: not off(r, f) and r[c] is not None  # noqa: E731
                there = minutes(spells, can)
                gone = minutes(spells, lambda r, c=column, f=can: f(r) and r[c] == 0) if there else None
                sides[side] = (there, minutes(spells, lambda r, c=column: r[c] is not None))
                check(row, **{f"{flag[3:]}_min": there, f"not_{flag[3:]}_min": minutes(spells, lambda r, f=flag: off(r, f))})
                check(row, **{none: sides[side][1], f"{side}_min": gone, f"{side}_share": over(gone, there) if ok else None})
            check(row, n=sum(begin <= r["reported_at"] < begin + HOUR for r in own), coverage_share=cover)
            vehicle_h, dock_h = weighted(spells, "vehicles_available"), weighted(spells, "docks_available")
            check(row, vehicle_h=vehicle_h, dock_h=dock_h)
            check(row, vehicles_mean=over(vehicle_h, sides["empty"][1] / 60) if ok else None)
            check(row, docks_mean=over(dock_h, sides["full"][1] / 60) if ok else None)
            reasons = [("no_data", cover == 0), ("low_coverage", not ok), ("no_count", not sides["empty"][1])]
            reasons += [("out_of_service", not sides["empty"][0]), ("no_docks", not sides["full"][1])]
            reasons += [("out_of_service", not sides["full"][0])]
            assert row["null_reason"] == next((r for r, holds in reasons if holds), None), row


@pytest.mark.parametrize("metric", PLACES)
def test_order_files_batches_and_other_days_do_not_change_a_byte(make_town, metric, monkeypatch):
    days = [DAYS[0] + timedelta(days=k) for k in (-2, -1, 0, 1)]
    one, other = make_town("one"), make_town("other")
    fill(one, metric, days, 5)
    fill(other, metric, days, 5, files=4, shuffle=3)
    one.measure(metric, *days)
    monkeypatch.setattr("assets.measure.BATCH_ROWS", 1)
    other.measure(metric, *days)
    assert list(one.bodies(metric).values()) == list(other.bodies(metric).values())
    assert one.read(metric, *days).height == 6 * (24 * 4 - 1)


@pytest.mark.parametrize("metric", PLACES)
def test_what_holds_over_midnight_is_restated_with_the_day_before(town, metric):
    days = [DAYS[0] - timedelta(days=1), DAYS[0]]
    fill(town, metric, days, 5)
    town.measure(metric, *days)
    table, _, make, _ = PLACES[metric]
    town.put(table, make(town.city, days[0], 6))
    assert measure(town.lake, town.city, metric, days) == days
