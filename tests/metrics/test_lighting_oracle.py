"""Street lights against a slow oracle in plain Python, on random rows. Cases worked by hand are in tests/golden.

Where the sun stands is tested in test_sun, crashes near lamps in test_lamp_crashes_oracle.
"""

import math
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import duckdb
import pytest

from assets.functions import sun_phases

from .randoms_lighting import crashes, lamps, streetlights
from .test_places_oracle import check, in_force

DAYS = [date(2026, 3, 29), date(2026, 10, 25), date(2026, 6, 21)]
"""Berlin's days of 23 and 25 hours, and the longest."""
TTL_S, OUTAGE_S = 7200, 600


def fill(town, days, seed, files=1, shuffle=None):
    """Reports and crashes of the days and the lamps; returns all three."""
    rows, known = [r for d in days for r in streetlights(town.city, d, seed)], lamps(seed)
    crashed = [r for d in days for r in crashes(town.city, d, seed)]
    town.put("refined.streetlights", rows, files, shuffle)
    town.put("refined.crashes", crashed, files, shuffle)
    town.put("reference.lamps", known)
    return rows, crashed, known


def sky(start, end, lat, lon):
    """[(from, until, phase)] of a day at a place, in seconds since it began."""
    con = duckdb.connect()
    sun_phases.register(con)
    args = [round(start.timestamp() * 1e6), round(end.timestamp() * 1e6), lat, lon]
    found = con.execute("SELECT sun_phases($1, $2, $3::DOUBLE, $4::DOUBLE, -6, -0.833)", args).fetchone()[0]
    return [(p["from_us"] / 1e6, p["until_us"] / 1e6, p["phase"]) for p in found]


def burning(row):
    if row["power_w"] is not None:
        return row["power_w"] >= 2
    if row["power_state"] is not None:
        return row["power_state"] != "off"
    return None if row["dim_share"] is None else row["dim_share"] > 0


def watts(row, rated):
    if row["power_w"] is not None:
        return row["power_w"]
    if row["power_state"] == "off":
        return 0
    if row["dim_share"] is not None:
        return None if rated is None else rated * row["dim_share"]
    return rated if row["power_state"] == "on" else None


def wrong(row):
    return None if row["status"] is None else row["status"] in ("defective_lamp", "broken_lantern")


def carried(rows, i, ttl, of):
    """The last row up to the i-th that says something, if that was not long before it."""
    for row in reversed(rows[: i + 1]):
        if of(row) is not None:
            return row if rows[i]["at"] - row["at"] <= ttl else None
    return None


def counted(rows, i, rated):
    """Mean power between the counter's readings around what follows the i-th row."""
    before = [r for r in rows[: i + 1] if r["energy_total_kwh"] is not None]
    after = [r for r in rows[i + 1 :] if r["energy_total_kwh"] is not None]
    if not before or not after:
        return None
    old, new = before[-1], after[0]
    rise = new["energy_total_kwh"] - (old["energy_total_kwh"] if new["energy_total_kwh"] >= old["energy_total_kwh"] else 0)
    power = rise * 3.6e6 / (new["at"] - old["at"])
    return power if rated is None or power <= 1.5 * rated else None


def lived(rows, ref, day_s, phases):
    """[(from, until, phase, burns, out, watts)] of a lamp's day, in pieces in which nothing changes; its switches by phase."""
    ttl, rated = ref.get("report_ttl_s") or TTL_S, ref.get("rated_w")
    cuts = {0, day_s, *(a for a, _, _ in phases)} | {r["at"] + k for r in rows for k in (0, ttl)}
    edges, pieces, switches = sorted(c for c in cuts if 0 <= c <= day_s), [], []
    phase_at = lambda t: next(p for a, b, p in phases if a <= t < b)  # noqa: E731
    changed_at = lambda t: next(a for a, b, p in phases if a <= t < b)  # noqa: E731
    burns_of = lambda i: (lambda r: r and burning(r))(carried(rows, i, ttl, burning))  # noqa: E731
    for a, b in pairwise(edges):
        i = max((j for j, r in enumerate(rows) if r["at"] <= a), default=None)
        if i is None:
            continue
        said, ill = carried(rows, i, ttl, burning), carried(rows, i, ttl, wrong)
        power, fresh = counted(rows, i, rated), a < rows[i]["at"] + ttl
        if power is None and fresh and said:
            power = watts(said, rated)
        burns = burning(said) if fresh and said else None
        out, then = None, burns_of(i + 1) if i + 1 < len(rows) and rows[i + 1]["at"] - rows[i]["at"] <= ttl else None
        between = rows[i]["at"] < changed_at(a) and changed_at(a) > 0 and None not in (burns, then) and burns != then
        if between and (phase_at(a), burns) in (("dark", False), ("daylight", True)):
            burns, out = None, True if ill and wrong(ill) else None
        elif fresh:
            out = True if ill and wrong(ill) else (not burns) if burns is not None else False if ill else None
        pieces.append((a, b, phase_at(a), burns, out, power, bool(ill and wrong(ill)), rows[i]["at"]))
    for i in range(1, len(rows)):
        if rows[i]["at"] >= 0 and rows[i]["at"] - rows[i - 1]["at"] <= ttl and None not in (burns_of(i - 1), burns_of(i)):
            switches += [phase_at(rows[i]["at"])] * (burns_of(i) != burns_of(i - 1))
    return pieces, switches


def outages(pieces, day_s):
    """[(from, until)] of the dark pieces in which a lamp is out, those that touch joined."""
    runs = []
    for a, b, phase, _, out, *_ in pieces:
        if phase == "dark" and out:
            if runs and runs[-1][1] == a:
                runs[-1][1] = b
            else:
                runs.append([a, b])
    return [(a, b) for a, b in runs if b - a >= OUTAGE_S or a == 0 or b == day_s]


def hours(pieces, holds):
    return math.fsum(p[1] - p[0] for p in pieces if holds(*p[2:6])) / 3600


def middle(values):
    known = [v for v in values if v is not None]
    return math.fsum(known) / len(known) if known else None


def the_day(town, day, rows, known):
    """What is true of each lamp: reference row, sky, pieces, switches, outages."""
    start, end = (town.city.day_start(d).astimezone(UTC) for d in (day, day + timedelta(days=1)))
    day_s = (end - start).total_seconds()
    names = sorted({r["lamp_id"] for r in (*rows, *known)} - {"cabinet0"})
    refs = {n: in_force(known, "lamp_id", n, start) for n in names}
    district = {n: refs[n].get("district", "unknown") for n in names}
    out = {}
    for name in names:
        place = []
        for axis in ("lat", "lon"):
            of_district = middle([refs[n].get(axis) for n in names if district[n] == district[name]])
            of_city = middle([refs[n].get(axis) for n in names])
            found = next(v for v in (refs[name].get(axis), of_district, of_city) if v is not None)
            place.append(round(found, 1))
        own = [r | {"at": (r["observed_at"] - start).total_seconds()} for r in rows if r["lamp_id"] == name]
        own = sorted((r for r in own if r["at"] < day_s), key=lambda r: r["at"])
        phases = sky(start, end, *place)
        pieces, switches = lived(own, refs[name], day_s, phases)
        n = sum(r["at"] >= 0 for r in own)
        out[name] = (refs[name], district[name], phases, pieces, switches, outages(pieces, day_s), n)
    return start, day_s, out


@pytest.mark.slow
@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("seed", [1, 2])
def test_lamps_agree_with_the_oracle(town, day, seed):
    rows, _, known = fill(town, [day - timedelta(days=1), day], seed)
    got = {r["lamp_id"]: r for r in town.measure("streetlight_daily", day).to_dicts()}
    _, day_s, truth = the_day(town, day, rows, known)
    assert set(got) == set(truth) == {f"lamp{i}" for i in range(10)} | {"lampT"}
    for name, (ref, district, phases, pieces, switches, out, n) in truth.items():
        row = got[name]
        dark = math.fsum(b - a for a, b, p in phases if p == "dark") / 3600
        known_dark = hours(pieces, lambda p, _, o, __: p == "dark" and o is not None)
        told, off = hours(pieces, lambda _, b, *__: b is not None) > 0, math.fsum(b - a for a, b in out) / 3600
        cover = hours(pieces, lambda _, __, o, ___: o is not None) * 3600 / day_s
        check(row | {"local_time": name}, n=n, coverage_share=cover, should_burn_h=dark, known_should_burn_h=known_dark)
        burnt, by_day = hours(pieces, lambda _, b, *__: b), hours(pieces, lambda p, b, *_: b and p == "daylight")
        changed, off = switches.count("dark") if told else None, off if known_dark else None
        row["local_time"] = name
        check(row, burn_h=burnt if told else None, day_burn_h=by_day if told else None, outage_h=off, dark_switches=changed)
        check(
            row, day_burners=int(by_day >= 0.5) if told else None, lamps_out=None if off is None else int(off * 3600 >= OUTAGE_S)
        )
        check(row, lamps_flickering=int(changed > 4) if told else None)
        metered, metered_dark = (
            hours(pieces, lambda *p: p[3] is not None),
            hours(pieces, lambda *p: p[3] is not None and p[0] == "dark"),
        )
        energy = math.fsum((p[1] - p[0]) * p[5] for p in pieces if p[5] is not None) / 3.6e6 if metered else None
        full = ref.get("rated_w") * metered_dark / 1000 if metered and ref.get("rated_w") is not None else None
        check(row, metered_h=metered, metered_should_burn_h=metered_dark, energy_kwh=energy, rated_kwh=full)
        reason = "no_data" if n == 0 and cover == 0 else "no_night" if dark == 0 else None
        reason = reason or ("low_coverage" if known_dark < 0.75 * dark else None)
        check(row, availability_share=None if reason else 1 - off / known_dark)
        reason = reason or (
            "no_power" if not metered else "low_coverage" if metered_dark < 0.75 * dark else None if full else "no_rating"
        )
        check(row, dimming_saving_share=None if reason else 1 - energy / full)
        assert (row["null_reason"], row["district"]) == (reason, district), row


@pytest.mark.slow
@pytest.mark.parametrize("day", DAYS)
def test_districts_are_the_sums_of_their_lamps(town, day):
    fill(town, [day - timedelta(days=1), day], 3)
    of_lamps = town.measure("streetlight_daily", day).to_dicts()
    got = {r["district"]: r for r in town.measure("streetlight_district_daily", day).to_dicts()}
    assert set(got) == {r["district"] for r in of_lamps}
    for district, row in got.items():
        own, row["local_time"] = [r for r in of_lamps if r["district"] == district], district
        added = lambda c, rows=own: math.fsum(v) if (v := [r[c] for r in rows if r[c] is not None]) else None  # noqa: E731
        same = (
            "n",
            "burn_h",
            "should_burn_h",
            "known_should_burn_h",
            "day_burn_h",
            "outage_h",
            "energy_kwh",
            "day_burners",
            "lamps_out",
        )
        check(row, lamps=len(own), lamps_flickering=added("lamps_flickering"), **{c: added(c) for c in same})
        saving = [r for r in own if r["dimming_saving_share"] is not None]
        used, full = added("energy_kwh", saving), added("rated_kwh", saving)
        known, should = added("known_should_burn_h"), added("should_burn_h")
        told = should > 0 and known >= 0.75 * should
        check(
            row, availability_share=1 - added("outage_h") / known if told else None, saving_energy_kwh=used, saving_rated_kwh=full
        )
        check(row, dimming_saving_share=1 - used / full if told and saving else None)
        check(row, coverage_share=known / should if should else 0, health_share=middle([r["health_share"] for r in own]))


@pytest.mark.parametrize("metric", ["streetlight_daily", "streetlight_district_daily", "lamp_outage_crashes"])
def test_order_files_batches_and_other_days_do_not_change_a_byte(make_town, metric, monkeypatch):
    days = [DAYS[0] + timedelta(days=k) for k in (-2, -1, 0, 1)]
    one, other = make_town("one"), make_town("other")
    fill(one, days, 5)
    fill(other, days, 5, files=4, shuffle=3)
    one.measure(metric, *days)
    monkeypatch.setattr("assets.measure.BATCH_ROWS", 1)
    other.measure(metric, *days)
    assert list(one.bodies(metric).values()) == list(other.bodies(metric).values())
    assert one.read(metric, *days).height >= 4 * 4


def test_a_lamp_that_stopped_reporting_is_told_of_once_more_at_most(town):
    """What the last report says holds over midnight; after that there is nothing to tell, and no row."""
    first = datetime(2026, 3, 8, 22, 30, tzinfo=UTC)
    town.put("refined.streetlights", [{"lamp_id": "a", "observed_at": first, "power_state": "on"}])
    days = [date(2026, 3, 8) + timedelta(days=k) for k in range(3)]
    found = town.measure("streetlight_daily", *days)
    assert found.select("burn_h", "should_burn_h", "null_reason").rows() == [(0.5, None, "no_place"), (1.5, None, "no_place")]
